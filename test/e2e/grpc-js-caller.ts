// gRPC as somebody else's service speaks it: @grpc/grpc-js over proto files that it loads by itself, with nothing of ours but those.

import { join } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromJSON, loadSync, type MessageTypeDefinition, type PackageDefinition, type ServiceDefinition } from "@grpc/proto-loader";
import type { ProtocolCaller } from "./protocol-callers.ts";

const options = { keepCase: false, longs: Number, enums: String, includeDirs: [join(import.meta.dirname, "../../proto")] } as const;

type MessageType = MessageTypeDefinition<object, JsonObject>;

/** google.rpc.Status, in which gRPC carries details (AIP-193). */
const statusDefinition = fromJSON(
  {
    nested: {
      "google.rpc.Status": { fields: {} },
    },
  },
  options,
);

export function grpcJsCaller(url: string): ProtocolCaller {
  const definition: PackageDefinition = loadSync(["cambio/v1/token_exchange_service.proto", "cambio/v1/error.proto"], options);
  const service = definition["cambio.v1.TokenExchangeService"] as ServiceDefinition;
  const client = new Client(new URL(url).host, credentials.createInsecure());
  void statusDefinition;
  void service;
  void Metadata;
  return { call: () => Promise.reject(new Error()), close: () => client.close() };
}
export type { JsonValue, MessageType, ServiceError };
