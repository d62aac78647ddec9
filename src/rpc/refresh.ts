// The Refresh RPC: message → question, core, answer → message. A connection that is named by its id is an operation of its own.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { type RefreshRequest, type RefreshResponse, RefreshResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance } from "../../gen/cambio/v1/token_pb.ts";
import { hasReason, malformed } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Refresh } from "../exchange/refresh.ts";
import type { RefreshConnection } from "../exchange/refresh-connection.ts";
import type { RefreshAnswer } from "../exchange/refresh-answer.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { deliver, handleInCookie, takeBack } from "./handle-delivery.ts";
import { bounded, bounds, requiredSecret, requiredVisible, scopeList, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";
import { decodeUserProof, refuseUserProof } from "./user-proof.ts";

export interface RefreshRpcDeps {
  readonly entrance: Entrance;
  readonly refresh: Refresh;
  readonly refreshConnection: RefreshConnection;
  readonly clock: Clock;
  /** How long an unused refresh handle lasts. */
  readonly handleLifeMs: number;
}

export function createRefreshRpc(deps: RefreshRpcDeps) {
  const { entrance, clock, handleLifeMs } = deps;
  return async function handle(request: RefreshRequest, context: HandlerContext): Promise<RefreshResponse> {
    return request.credential.case === "connectionId"
      ? refreshConnection(request, request.credential.value, context)
      : refreshToken(request, context);
  };

  async function refreshToken(request: RefreshRequest, context: HandlerContext): Promise<RefreshResponse> {
    const { shown, ...asked } = decodeToken(request);
    // A browser sends its cookie along whatever page asks it to.
    const entering = { clientId: clientIdOf(request), method: "Refresh", proofInMessage: shown !== undefined } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    const credential = shown ?? handleInCookie(client, context.requestHeader.get("cookie"), "credential");
    const answer = await deps.refresh({ client, refreshToken: credential, ...asked, trail }, context.signal).catch((failure: unknown) => {
      // A handle that is over would be sent, and refused, for as long as the browser keeps it.
      if (shown === undefined && hasReason(failure, "REAUTHENTICATION_REQUIRED")) takeBack(client, context);
      throw failure;
    });
    return encode({ ...answer, tokens: deliver(answer.tokens, client, { context, lifeMs: handleLifeMs }) });
  }

  async function refreshConnection(request: RefreshRequest, id: string, context: HandlerContext): Promise<RefreshResponse> {
    const asked = decodeConnection(request, id);
    // An id is no proof, and neither is what anybody may have seen who was shown the user's token.
    const entering = { clientId: clientIdOf(request), method: "Refresh", proofInMessage: false } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    return encode(await deps.refreshConnection({ client, ...asked, trail }, context.signal));
  }

  function encode({ tokens, issuance }: RefreshAnswer): RefreshResponse {
    return create(RefreshResponseSchema, {
      tokens: encodeTokenSet(tokens, clock, { ours: issuance === "MINTED" }),
      issuance: Issuance[issuance],
    });
  }
}

function clientIdOf({ clientId }: RefreshRequest): string {
  return bounded(clientId, bounds.clientId, "client_id");
}

function decodeToken(request: RefreshRequest) {
  const { credential } = request;
  refuseUserProof(request.userProof);
  return {
    shown: credential.case === undefined ? undefined : requiredSecret(credential.value, bounds.token, "refresh_token"),
    provider: visible(request.provider, bounds.name, "provider"),
    scopes: scopeList(request.scopes, "scopes"),
  };
}

function decodeConnection(request: RefreshRequest, id: string) {
  // Its tokens are everybody's who may use it: one caller's wish must not narrow them for all.
  if (request.scopes.length > 0) throw malformed("scopes");
  return {
    connectionId: requiredVisible(id, bounds.connection, "connection_id"),
    provider: visible(request.provider, bounds.name, "provider"),
    proof: decodeUserProof(request.userProof),
  };
}
