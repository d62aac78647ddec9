// The Revoke RPC: message → question, core, answer → message. A connection that is named by its id is an operation of its own.

import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { type RevokeRequest, type RevokeResponse, RevokeResponseSchema } from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import type { Token } from "../../gen/cambio/v1/token_pb.ts";
import { malformed } from "../exchange/errors.ts";
import type { Revoke } from "../exchange/revoke.ts";
import type { RevokeConnection } from "../exchange/revoke-connection.ts";
import { tokenTypes } from "../exchange/tokens.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { handleInCookie, takeBack } from "./handle-delivery.ts";
import { bounded, bounds, requiredSecret, requiredVisible, visible } from "./rules.ts";
import { checkAccessTokenType } from "./token-types.ts";
import { decodeUserProof, refuseUserProof } from "./user-proof.ts";

export interface RevokeRpcDeps {
  readonly entrance: Entrance;
  readonly revoke: Revoke;
  readonly revokeConnection: RevokeConnection;
}

export function createRevokeRpc({ entrance, revoke, revokeConnection }: RevokeRpcDeps) {
  return async function handle(request: RevokeRequest, context: HandlerContext): Promise<RevokeResponse> {
    switch (request.target.case) {
      case "token":
        return endToken(request, request.target.value, context);
      case "connectionId":
        return endConnection(request, request.target.value, context);
      case undefined:
        throw malformed("target");
    }
  };

  async function endToken(request: RevokeRequest, sent: Token, context: HandlerContext): Promise<RevokeResponse> {
    const { shown, ...asked } = decodeToken(request, sent);
    const entering = { clientId: clientIdOf(request), method: "Revoke", proofInMessage: shown !== undefined } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    const token = shown ?? handleInCookie(client, context.requestHeader.get("cookie"), "token");
    const { upstreamPending } = await revoke({ client, token, ...asked, trail }, context.signal);
    if (shown === undefined) takeBack(client, context);
    return create(RevokeResponseSchema, { upstreamPending });
  }

  async function endConnection(request: RevokeRequest, id: string, context: HandlerContext): Promise<RevokeResponse> {
    const asked = {
      connectionId: requiredVisible(id, bounds.connection, "connection_id"),
      provider: providerOf(request),
      proof: decodeUserProof(request.userProof),
    };
    // An id is no proof, and neither is what anybody may have seen who was shown the user's token.
    const entering = { clientId: clientIdOf(request), method: "Revoke", proofInMessage: false } as const;
    const { client, trail } = enter(entrance, callOf(context.values), entering);
    const { upstreamPending } = await revokeConnection({ client, ...asked, trail }, context.signal);
    return create(RevokeResponseSchema, { upstreamPending });
  }
}

function clientIdOf({ clientId }: RevokeRequest): string {
  return bounded(clientId, bounds.clientId, "client_id");
}

function providerOf({ provider }: RevokeRequest): string {
  return visible(provider, bounds.name, "provider");
}

function decodeToken(request: RevokeRequest, { value, type }: Token) {
  refuseUserProof(request.userProof);
  const refreshes = isRefreshToken(type);
  return {
    provider: providerOf(request),
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
