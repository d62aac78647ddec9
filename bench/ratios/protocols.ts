// The four protocols of the contract as bytes: which headers a call has, and what its message looks like on the wire.

import { create, type DescMessage, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  ExchangeRequestSchema,
  TokenExchangeService,
  ValidateCrossClientRequestSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Headers } from "./frames.ts";

export type Protocol = "gRPC" | "gRPC-Web" | "Connect+proto" | "Connect+JSON";

export const validatePath = `/${TokenExchangeService.typeName}/ValidateCrossClient`;
export const exchangePath = `/${TokenExchangeService.typeName}/Exchange`;

/** Where the provider may send users back to, as bench.yaml has it. */
const redirectUri = "https://orders.example.com/callback";

export function headersOf(protocol: Protocol, { id, secret }: { readonly id: string; readonly secret: string }): Headers {
  const authorization = ["authorization", `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`] as const;
  switch (protocol) {
    case "gRPC":
      return [["content-type", "application/grpc"], ["te", "trailers"], authorization];
    case "gRPC-Web":
      return [["content-type", "application/grpc-web+proto"], authorization];
    case "Connect+proto":
      return [["content-type", "application/proto"], ["connect-protocol-version", "1"], authorization];
    case "Connect+JSON":
      return [["content-type", "application/json"], ["connect-protocol-version", "1"], authorization];
  }
}

/** ValidateCrossClient, with `exchange` for a token of the caller's own. */
export function validation(protocol: Protocol, token: string, exchange = false): Buffer {
  return encode(protocol, ValidateCrossClientRequestSchema, { token: { value: token }, requiredScopes: ["orders:read"], exchange });
}

/** Exchange of an authorization code of the provider `corporate`. */
export function redemption(code: string): Buffer {
  return encode("gRPC", ExchangeRequestSchema, {
    provider: "corporate",
    subject: { case: "authorizationCode", value: { code, redirectUri, codeVerifier: "v".repeat(43) } },
  });
}

function encode<D extends DescMessage>(protocol: Protocol, schema: D, init: MessageInitShape<D>): Buffer {
  const message = create(schema, init);
  if (protocol === "Connect+JSON") return Buffer.from(toJsonString(schema, message));
  const bytes = toBinary(schema, message);
  return protocol === "Connect+proto" ? Buffer.from(bytes) : enveloped(bytes);
}

/** gRPC's prefix: not compressed, and how long. */
function enveloped(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
