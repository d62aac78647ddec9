// What a provider says of a token (RFC 7662 §2.2), read as claims: pure. That an answer is about an access token, and of the issuer
// that was asked, is decided here; what the claims must be is what they must be in any access token.

import type { TokenClaims } from "../claims.ts";
import { type Circumstance, ExchangeError, type Reason } from "../errors.ts";
import { type ClaimRules, isForeignType, readClaims } from "./access-token-rules.ts";
import type { JsonObject } from "./strict-json.ts";

/** An answer names the client by `client_id`, whatever stands in the tokens themselves. */
const clientClaims = ["client_id"];

/**
 * @param answer of an active token
 * @throws ExchangeError TOKEN_TYPE_MISMATCH, ISSUER_NOT_TRUSTED, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, PROOF_REQUIRED
 */
export function readIntrospectedClaims(rules: ClaimRules, answer: JsonObject, nowMs: number): TokenClaims {
  const { token_type: tokenType, typ, iss } = answer;
  // A refresh token is active, too: only an access token has a type of use (RFC 6749 §7.1).
  if (typeof tokenType !== "string" || tokenType.toLowerCase() !== "bearer" || isForeignType(typ))
    throw refusal("TOKEN_TYPE_MISMATCH", "token_type");
  // Optional in an answer: the provider was asked at its own address.
  if (rules.issuerCheck && iss !== undefined && iss !== rules.issuer) throw refusal("ISSUER_NOT_TRUSTED", "iss");
  return readClaims({ ...rules, clientClaims }, answer, nowMs);
}

function refusal(reason: Reason, claim: string): ExchangeError {
  const cause: Circumstance = { kind: "rule", field: claim };
  return new ExchangeError(reason, { field: "SUBJECT_TOKEN", cause });
}
