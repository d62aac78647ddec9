// Baseline: grpc-js alone, with the same generated messages and a handler that checks nothing and answers what Cambio does.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type sendUnaryData, Server, ServerCredentials } from "@grpc/grpc-js";
import {
  type ValidateCrossClientRequest,
  ValidateCrossClientRequestSchema,
  type ValidateCrossClientResponse,
  ValidateCrossClientResponseSchema,
} from "../../../gen/cambio/v1/token_exchange_service_pb.ts";
import { validatePath } from "../protocols.ts";
import { answerOfCambio, tellUrl } from "./listening.ts";

const answer = fromBinary(ValidateCrossClientResponseSchema, answerOfCambio());
const server = new Server();
server.addService(
  {
    validateCrossClient: {
      path: validatePath,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: ValidateCrossClientRequest) => Buffer.from(toBinary(ValidateCrossClientRequestSchema, message)),
      requestDeserialize: (bytes: Buffer) => fromBinary(ValidateCrossClientRequestSchema, bytes),
      responseSerialize: (message: ValidateCrossClientResponse) => Buffer.from(toBinary(ValidateCrossClientResponseSchema, message)),
      responseDeserialize: (bytes: Buffer) => fromBinary(ValidateCrossClientResponseSchema, bytes),
    },
  },
  { validateCrossClient: (_call: unknown, done: sendUnaryData<ValidateCrossClientResponse>) => done(null, answer) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (failure, port) => {
  if (failure !== null) throw failure;
  tellUrl(port);
});
process.once("disconnect", () => process.exit());
