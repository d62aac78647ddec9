// The Revoke RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { type RevokeRequest, type RevokeResponse, RevokeResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { malformed } from "../exchange/errors.ts";
import type { Revoke } from "../exchange/revoke.ts";
import { tokenTypes } from "../exchange/tokens.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { handleInCookie, takeBack } from "./handle-delivery.ts";
import { bounded, bounds, requiredSecret, visible } from "./rules.ts";
import { checkAccessTokenType } from "./token-types.ts";

export interface RevokeRpcDeps {
  readonly entrance: Entrance;
  readonly revoke: Revoke;
}

export function createRevokeRpc({ entrance, revoke }: RevokeRpcDeps) {
  return async function handle(request: RevokeRequest, context: HandlerContext): Promise<RevokeResponse> {
    const call = callOf(context.values);
    const { shown, ...asked } = decode(request);
    const clientId = bounded(request.clientId, bounds.clientId, "client_id");
    const { client, trail } = enter(entrance, call, { clientId, method: "Revoke", proofInMessage: shown !== undefined });
    const token = shown ?? handleInCookie(client, context.requestHeader.get("cookie"), "token");
    const { upstreamPending } = await revoke({ client, token, ...asked, trail }, context.signal);
    if (shown === undefined) takeBack(client, context);
    return create(RevokeResponseSchema, { upstreamPending });
  };
}

function decode(request: RevokeRequest) {
  if (request.target.case !== "token") throw malformed("target");
  const { value, type } = request.target.value;
  const refreshes = isRefreshToken(type);
  return {
    provider: visible(request.provider, bounds.name, "provider"),
    // A refresh token without a value is the one in the client's refresh cookie.
    shown: value === "" && refreshes ? undefined : requiredSecret(value, bounds.token, "token"),
    isRefreshToken: refreshes,
  };
}

function isRefreshToken(type: string): boolean {
  if (type === tokenTypes.refreshToken) return true;
  checkAccessTokenType(type);
  return false;
}
