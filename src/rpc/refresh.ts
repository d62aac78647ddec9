// The Refresh RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { type RefreshRequest, type RefreshResponse, RefreshResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance } from "../../gen/cambio/v1/token_pb.ts";
import { hasReason } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Refresh } from "../exchange/refresh.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { deliver, handleInCookie, takeBack } from "./handle-delivery.ts";
import { bounded, bounds, requiredSecret, scopeList, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";

export interface RefreshRpcDeps {
  readonly entrance: Entrance;
  readonly refresh: Refresh;
  readonly clock: Clock;
  /** How long an unused refresh handle lasts. */
  readonly handleLifeMs: number;
}

export function createRefreshRpc({ entrance, refresh, clock, handleLifeMs }: RefreshRpcDeps) {
  return async function handle(request: RefreshRequest, context: HandlerContext): Promise<RefreshResponse> {
    const call = callOf(context.values);
    const { shown, ...asked } = decode(request);
    const clientId = bounded(request.clientId, bounds.clientId, "client_id");
    // A browser sends its cookie along whatever page asks it to.
    const { client, trail } = enter(entrance, call, { clientId, method: "Refresh", proofInMessage: shown !== undefined });
    const refreshToken = shown ?? handleInCookie(client, context.requestHeader.get("cookie"), "credential");
    const fresh = await refresh({ client, refreshToken, ...asked, trail }, context.signal).catch((failure: unknown) => {
      // A handle that is over would be sent, and refused, for as long as the browser keeps it.
      if (shown === undefined && hasReason(failure, "REAUTHENTICATION_REQUIRED")) takeBack(client, context);
      throw failure;
    });
    const ours = fresh.minted !== undefined;
    const tokens = deliver(fresh, client, { context, lifeMs: handleLifeMs });
    return create(RefreshResponseSchema, {
      tokens: encodeTokenSet(tokens, clock, { ours }),
      issuance: ours ? Issuance.MINTED : Issuance.PASSTHROUGH,
    });
  };
}

function decode(request: RefreshRequest) {
  const { credential } = request;
  return {
    shown: credential.case === undefined ? undefined : requiredSecret(credential.value, bounds.token, "refresh_token"),
    provider: visible(request.provider, bounds.name, "provider"),
    scopes: scopeList(request.scopes, "scopes"),
  };
}
