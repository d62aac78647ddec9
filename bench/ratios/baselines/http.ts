// Baseline: `node:http` alone. It reads the body and answers with as many bytes of JSON as Cambio does; it looks at neither.

import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { createServer } from "node:http";
import { ValidateCrossClientResponseSchema } from "../../../gen/cambio/v1/token_exchange_service_pb.ts";
import { answerOfCambio, listen } from "./listening.ts";

const answer = Buffer.from(
  toJsonString(ValidateCrossClientResponseSchema, fromBinary(ValidateCrossClientResponseSchema, answerOfCambio())),
);

listen(
  createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "application/json", "content-length": answer.length }).end(answer);
    });
  }),
);
