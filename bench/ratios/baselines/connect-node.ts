// Baseline: connect-node alone, with a handler that checks nothing and answers what Cambio does.

import { fromBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createServer } from "node:http2";
import { TokenExchangeService, ValidateCrossClientResponseSchema } from "../../../gen/cambio/v1/token_exchange_service_pb.ts";
import { answerOfCambio, listen } from "./listening.ts";

const answer = fromBinary(ValidateCrossClientResponseSchema, answerOfCambio());

listen(
  createServer(
    connectNodeAdapter({
      routes: (router) => void router.rpc(TokenExchangeService.method.validateCrossClient, () => answer),
    }),
  ),
);
