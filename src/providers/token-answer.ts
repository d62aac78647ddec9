// The successful answer of a token endpoint (RFC 6749 §5.1), checked member by member. Whether its ID token is true is the
// verifier's matter; whether its scopes are allowed, the operation's.

import { Secret } from "../exchange/secret.ts";
import { maxTokenLength } from "../exchange/token/compact.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import type { JsonAnswer } from "./json-answer.ts";

// Ten years: beyond it lies a provider that counts in milliseconds.
const maxLifetimeSeconds = 315_360_000;
const maxScopeLength = 8 * 1024;

/** Undefined: something in it is not as it must be. */
export function readTokenAnswer(answer: JsonAnswer, issuer: string, askedAtMs: number): TokenSet | undefined {
  const { access_token: accessToken, token_type: tokenType, expires_in: expiresIn } = answer;
  const { refresh_token: refreshToken, id_token: idToken, scope } = answer;
  if (!isToken(accessToken) || !isTokenType(tokenType)) return undefined;
  if (expiresIn !== undefined && !isLifetime(expiresIn)) return undefined;
  if (refreshToken !== undefined && !isToken(refreshToken)) return undefined;
  if (idToken !== undefined && !isToken(idToken)) return undefined;
  if (scope !== undefined && !isScope(scope)) return undefined;
  return {
    accessToken: new Secret(accessToken),
    // In any case at the provider (RFC 6749 §5.1), in one here: there are callers that compare.
    tokenType: tokenType.toLowerCase() === "bearer" ? "Bearer" : tokenType,
    // Counted from the question, not from the answer: never later than the provider means.
    expiresAtMs: expiresIn === undefined ? undefined : askedAtMs + Math.floor(expiresIn) * 1_000,
    refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
    idToken: idToken === undefined ? undefined : new Secret(idToken),
    scopes: scope?.split(" ").filter((part) => part !== ""),
    issuer,
  };
}

/** VSCHAR (RFC 6749 appendix A.12): nothing that could end a header line. */
function isToken(value: unknown): value is string {
  // A longer one is never taken back for validation, so it would be of no use.
  return typeof value === "string" && value.length <= maxTokenLength && /^[\x20-\x7E]+$/.test(value);
}

function isTokenType(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7E]{1,128}$/.test(value);
}

function isLifetime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= maxLifetimeSeconds;
}

/** Empty: nothing was granted, which is not the same as not saying. */
function isScope(value: unknown): value is string {
  return typeof value === "string" && value.length <= maxScopeLength && /^[\x20\x21\x23-\x5B\x5D-\x7E]*$/.test(value);
}
