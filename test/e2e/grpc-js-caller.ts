// gRPC as somebody else's service speaks it: @grpc/grpc-js over proto files that it loads by itself, with nothing of ours but those.

import { join } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromJSON, loadSync, type MessageTypeDefinition, type Options, type ServiceDefinition } from "@grpc/proto-loader";
import type { Answered, ProtocolCaller } from "./protocol-callers.ts";

const options: Options = { keepCase: false, longs: Number, enums: String, includeDirs: [join(import.meta.dirname, "../../proto")] };

/** google.rpc.Status, in which gRPC carries details; it is in no package that this repository has. */
const rpcStatus = fromJSON(
  {
    nested: {
      "google.rpc": {
        nested: {
          Detail: { fields: { typeUrl: { type: "string", id: 1 }, value: { type: "bytes", id: 2 } } },
          Status: {
            fields: {
              code: { type: "int32", id: 1 },
              message: { type: "string", id: 2 },
              details: { rule: "repeated", type: "Detail", id: 3 },
            },
          },
        },
      },
    },
  },
  options,
)["google.rpc.Status"] as MessageTypeDefinition<object, StatusMessage>;

interface StatusMessage {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly { readonly typeUrl: string; readonly value: Buffer }[];
}

const definition = loadSync(["cambio/v1/token_exchange_service.proto", "cambio/v1/error.proto"], options);
const service = definition["cambio.v1.TokenExchangeService"] as ServiceDefinition;
const errorDetail = definition["cambio.v1.ErrorDetail"] as MessageTypeDefinition<object, JsonObject>;

export function grpcJsCaller(url: string): ProtocolCaller {
  const client = new Client(new URL(url).host, credentials.createInsecure());

  return {
    call: ({ method, message, headers }) =>
      new Promise((resolve) => {
        const rpc = service[method];
        if (rpc === undefined) throw new Error(`${method} is not in the proto files`);
        const metadata = new Metadata();
        for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
        client.makeUnaryRequest(rpc.path, rpc.requestSerialize, rpc.responseDeserialize, message, metadata, (error, answer) => {
          resolve(error === null ? { kind: "ok", message: inJson(answer as JsonObject) as JsonObject } : failed(error));
        });
      }),
    close: () => client.close(),
  };
}

function failed({ code: status, details, metadata }: ServiceError): Answered {
  const code: number = status;
  const [bytes] = metadata.get("grpc-status-details-bin");
  const inDetail = bytes === undefined ? undefined : rpcStatus.deserialize(bytes as Buffer);
  const ours = (inDetail?.details ?? []).filter(({ typeUrl }) => typeUrl === "type.googleapis.com/cambio.v1.ErrorDetail");
  return {
    kind: "failed",
    code,
    // Said twice; where the two disagree, both are shown.
    message:
      inDetail === undefined || (inDetail.code === code && inDetail.message === details) ? details : `${details} / ${inDetail.message}`,
    details: ours.map(({ value }) => inJson(errorDetail.deserialize(value)) as JsonObject),
    everything: JSON.stringify([details, metadata.toJSON(), ours.map(({ value }) => value.toString("latin1"))]),
  };
}

/** Timestamps and durations as proto3 JSON writes them; the rest is JSON already. */
function inJson(value: JsonValue, name = ""): JsonValue {
  if (Array.isArray(value)) return value.map((item) => inJson(item));
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.every((key) => key === "seconds" || key === "nanos")) {
    const { seconds, nanos } = value as { readonly seconds?: number; readonly nanos?: number };
    const ms = (seconds ?? 0) * 1000 + (nanos ?? 0) / 1_000_000;
    return name === "retryAfter" ? `${ms / 1000}s` : new Date(ms).toISOString().replace(".000Z", "Z");
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inJson(item, key)]));
}
