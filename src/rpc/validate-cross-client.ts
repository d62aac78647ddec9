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
import type { TokenClaims, Verification } from "../exchange/claims.ts";
import { malformed } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { Secret } from "../exchange/secret.ts";
import { type Soon, whenThere } from "../exchange/soon.ts";
import type { Validate, ValidateAnswer } from "../exchange/validate.ts";
import { callOf, enter, type Entrance, spendProof } from "./caller.ts";
import { createGivenAgain } from "./given-again.ts";
import { bounds, scopeList, visible } from "./rules.ts";
import { encodeTokenSet } from "./token-set.ts";
import { checkAccessTokenType } from "./token-types.ts";

export interface ValidateRpcDeps {
  readonly entrance: Entrance;
  readonly validate: Validate;
  readonly clock: Clock;
}

export function createValidateRpc({ entrance, validate, clock }: ValidateRpcDeps) {
  /** Nothing in it depends on who asks, or when: whether it may be given was decided before. */
  const remembered = createGivenAgain((verification: Verification) =>
    encode({ verification, validUntilMs: verification.validUntilMs, cached: true, tokens: undefined, issuance: undefined }),
  );

  return function handle(request: ValidateCrossClientRequest, context: HandlerContext): Soon<ValidateCrossClientResponse> {
    const call = callOf(context.values);
    const asked = decode(request);
    const { client, trail } = enter(entrance, call, { clientId: "", method: "ValidateCrossClient" });
    const spent = asked.exchange ? spendProof(entrance, call, context.requestHeader.get("authorization") ?? undefined, context) : undefined;
    const answer = whenThere(spent, () => validate({ ...asked, client, trail }, context));
    return whenThere(answer, (given) => (given.cached && given.tokens === undefined ? remembered(given.verification) : encode(given)));
  };

  function encode(answer: ValidateAnswer): ValidateCrossClientResponse {
    return create(ValidateCrossClientResponseSchema, {
      claims: encodeClaims(answer.verification.claims),
      validUntil: timestampFromMs(answer.validUntilMs),
      source: sourceOf(answer),
      cached: answer.cached,
      ...(answer.tokens === undefined ? {} : { tokens: encodeTokenSet(answer.tokens, clock, { ours: answer.issuance === "MINTED" }) }),
    });
  }
}

/** A token that is issued here is nobody's word but our own: what the answer rests on is how the one that was shown was verified. */
function sourceOf({ verification, issuance }: ValidateAnswer): ValidationSource {
  return ValidationSource[issuance === "PROVIDER_EXCHANGE" ? issuance : verification.source];
}

function decode(request: ValidateCrossClientRequest) {
  if (request.token === undefined || request.token.value === "") throw malformed("token");
  checkAccessTokenType(request.token.type);
  return {
    // Its size and its form are decided by the core, with a reason of their own.
    token: new Secret(request.token.value),
    provider: visible(request.provider, bounds.name, "provider"),
    audience: visible(request.audience, bounds.name, "audience"),
    requiredScopes: scopeList(request.requiredScopes, "required_scopes"),
    exchange: request.exchange,
  };
}

function encodeClaims(claims: TokenClaims): TokenClaimsMessage {
  const { issuer, subject, clientId, tokenId, name, preferredUsername, email } = claims;
  return create(TokenClaimsSchema, {
    issuer,
    subject,
    clientId,
    tokenId,
    name,
    preferredUsername,
    email,
    audiences: [...claims.audiences],
    scopes: [...claims.scopes],
    issuedAt: timestampFromMs(claims.issuedAt * 1000),
    expiresAt: timestampFromMs(claims.expiresAt * 1000),
    actors: claims.actors.map((actor) => ({ ...actor })),
  });
}
