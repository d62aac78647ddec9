// The ValidateCrossClient RPC: message → question, core, answer → message.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type ValidateCrossClientRequest,
  type ValidateCrossClientResponse,
  ValidateCrossClientResponseSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { type TokenClaims as TokenClaimsMessage, TokenClaimsSchema, ValidationSource } from "../../gen/cambio/v1/token_pb.ts";
import type { TokenClaims } from "../exchange/claims.ts";
import { ExchangeError, malformed } from "../exchange/errors.ts";
import { Secret } from "../exchange/secret.ts";
import { tokenTypes } from "../exchange/tokens.ts";
import type { Validate } from "../exchange/validate.ts";
import { callOf, enter, type Entrance } from "./caller.ts";
import { bounds, scopeList, visible } from "./rules.ts";

export interface ValidateRpcDeps {
  readonly entrance: Entrance;
  readonly validate: Validate;
}

export function createValidateRpc({ entrance, validate }: ValidateRpcDeps) {
  return async function handle(request: ValidateCrossClientRequest, context: HandlerContext): Promise<ValidateCrossClientResponse> {
    const call = callOf(context.values);
    const asked = decode(request);
    const { client, trail } = enter(entrance, call, { clientId: "", method: "ValidateCrossClient" });
    const { verification, cached } = await validate({ client, ...asked, trail }, context.signal);
    return create(ValidateCrossClientResponseSchema, {
      claims: encodeClaims(verification.claims),
      validUntil: timestampFromMs(verification.validUntilMs),
      source: ValidationSource.LOCAL_KEYS,
      cached,
    });
  };
}

function decode(request: ValidateCrossClientRequest) {
  if (request.token === undefined || request.token.value === "") throw malformed("token");
  checkType(request.token.type);
  return {
    // Its size and its form are decided by the core, with a reason of their own.
    token: new Secret(request.token.value),
    provider: visible(request.provider, bounds.name, "provider"),
    audience: visible(request.audience, bounds.name, "audience"),
    requiredScopes: scopeList(request.requiredScopes, "required_scopes"),
  };
}

function checkType(type: string): void {
  if (type !== "" && type !== tokenTypes.accessToken && type !== tokenTypes.jwt) {
    throw new ExchangeError("TOKEN_TYPE_MISMATCH", { field: "SUBJECT_TOKEN" });
  }
}

function encodeClaims(claims: TokenClaims): TokenClaimsMessage {
  return create(TokenClaimsSchema, {
    ...claims,
    audiences: [...claims.audiences],
    scopes: [...claims.scopes],
    issuedAt: timestampFromMs(claims.issuedAt * 1000),
    expiresAt: timestampFromMs(claims.expiresAt * 1000),
    actors: claims.actors.map((actor) => ({ ...actor })),
  });
}
