// The protocols in which Cambio is spoken to, each by a client that somebody else made, behind one face: a message as JSON goes in,
// the answer or the failure comes out as JSON, in the same form whoever carried it.

import { fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "../../gen/cambio/v1/error_pb.ts";
import { TokenExchangeService } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Method } from "../../src/exchange/clients.ts";

export interface Asked {
  readonly method: Method;
  readonly message: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
}

export type Answered =
  | { readonly kind: "ok"; readonly message: JsonObject }
  | {
      readonly kind: "failed";
      readonly code: Code;
      readonly message: string;
      /** Every ErrorDetail, in JSON. */
      readonly details: readonly JsonObject[];
      /** Where the protocol lets its user see it. */
      readonly httpStatus?: number;
      /** All that came, for the search for secrets. */
      readonly everything: string;
    };

export interface ProtocolCaller {
  call(asked: Asked): Promise<Answered>;
  close(): void;
}

export function grpcWebCaller(url: string): ProtocolCaller {
  return connectCaller(createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }));
}

export function connectJsonCaller(url: string): ProtocolCaller {
  return connectCaller(createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false }));
}

export function connectBinaryCaller(url: string): ProtocolCaller {
  const sessionManager = new Http2SessionManager(url);
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "2", sessionManager, useBinaryFormat: true });
  return { ...connectCaller(transport), close: () => sessionManager.abort() };
}

function connectCaller(transport: Transport): ProtocolCaller {
  const client = createClient(TokenExchangeService, transport);
  return {
    async call({ method, message, headers }) {
      const name = `${method.charAt(0).toLowerCase()}${method.slice(1)}` as "exchange";
      const { input, output } = TokenExchangeService.method[name];
      try {
        return { kind: "ok", message: toJson(output, await client[name](fromJson(input, message), { headers })) as JsonObject };
      } catch (thrown) {
        if (!(thrown instanceof ConnectError)) throw thrown;
        const details = thrown.findDetails(ErrorDetailSchema).map((detail) => toJson(ErrorDetailSchema, detail) as JsonObject);
        const everything = JSON.stringify([thrown.rawMessage, [...thrown.metadata], details]);
        return { kind: "failed", code: thrown.code, message: thrown.rawMessage, details, everything };
      }
    },
    close: () => undefined,
  };
}

/** A failure as Connect writes it. */
interface ConnectFailure {
  readonly code: string;
  readonly message: string;
  readonly details?: readonly { readonly type: string; readonly debug: JsonObject }[];
}

/** Connect as anyone can speak it: a POST with JSON. The HTTP status is in plain sight here. */
export function fetchCaller(url: string): ProtocolCaller {
  return {
    async call({ method, message, headers }) {
      const response = await fetch(`${url}/${TokenExchangeService.typeName}/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(message),
      });
      const text = await response.text();
      if (response.status === 200) return { kind: "ok", message: JSON.parse(text) as JsonObject };
      const { code, message: sentence, details = [] } = JSON.parse(text) as ConnectFailure;
      return {
        kind: "failed",
        code: codeNamed(code),
        message: sentence,
        details: details.filter(({ type }) => type === "cambio.v1.ErrorDetail").map(({ debug }) => debug),
        httpStatus: response.status,
        everything: JSON.stringify([...response.headers]) + text,
      };
    },
    close: () => undefined,
  };
}

function codeNamed(name: string): Code {
  const camel = name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Code[camel as keyof typeof Code];
}
