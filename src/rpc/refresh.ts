// The Refresh RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { malformed } from "../exchange/errors.ts";
import { type RefreshRequest, type RefreshResponse, RefreshResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance } from "../../gen/cambio/v1/token_pb.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Refresh } from "../exchange/refresh.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { bounded, bounds, requiredSecret, scopeList, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";

export interface RefreshRpcDeps {
  readonly entrance: Entrance;
  readonly refresh: Refresh;
  readonly clock: Clock;
}

export function createRefreshRpc({ entrance, refresh, clock }: RefreshRpcDeps) {
  return async function handle(request: RefreshRequest, context: HandlerContext): Promise<RefreshResponse> {
    const call = callOf(context.values);
    const asked = decode(request);
    const clientId = bounded(request.clientId, bounds.clientId, "client_id");
    const { client, trail } = enter(entrance, call, { clientId, method: "Refresh" });
    const tokens = await refresh({ client, ...asked, trail }, context.signal);
    return create(RefreshResponseSchema, { tokens: encodeTokenSet(tokens, clock), issuance: Issuance.PASSTHROUGH });
  };
}

function decode(request: RefreshRequest) {
  if (request.credential.case !== "refreshToken") throw malformed("credential");
  return {
    provider: visible(request.provider, bounds.name, "provider"),
    refreshToken: requiredSecret(request.credential.value, bounds.token, "refresh_token"),
    scopes: scopeList(request.scopes, "scopes"),
  };
}
