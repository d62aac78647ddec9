// The successful answer of a token endpoint (RFC 6749 §5.1), checked member by member. Whether its ID token is true is the
// verifier's matter; whether its scopes are allowed, the operation's. Where a provider differs from the RFC, its definition says so.

import { Secret } from "../exchange/secret.ts";
import { isInstant } from "../exchange/token/claim-shapes.ts";
import { maxTokenLength } from "../exchange/token/compact.ts";
import { readLeniently } from "../exchange/token/lenient-payload.ts";
import type { RefreshedTokens, TokenSet } from "../exchange/tokens.ts";
import type { AnswerReading } from "./definition.ts";
import type { JsonAnswer } from "./json-answer.ts";

// Ten years: beyond it lies a provider that counts in milliseconds.
const maxLifetimeSeconds = 315_360_000;
const maxScopeLength = 8 * 1024;

export const byTheBook: AnswerReading = { commaScopes: false, partialRefresh: false, expiryInToken: false };

export interface Answered {
  readonly issuer: string;
  /** Epoch milliseconds: before the request was sent. */
  readonly askedAtMs: number;
}

/** Undefined: something in it is not as it must be. */
export function readTokenAnswer(answer: JsonAnswer, at: Answered, reading: AnswerReading): TokenSet | undefined {
  const tokens = readTokens(answer, at, reading);
  return tokens !== undefined && hasAccessToken(tokens) ? tokens : undefined;
}

/** As `readTokenAnswer`; from some providers without those tokens that stay as they are. */
export function readRefreshAnswer(answer: JsonAnswer, at: Answered, reading: AnswerReading): RefreshedTokens | undefined {
  return reading.partialRefresh ? readTokens(withoutNulls(answer), at, reading) : readTokenAnswer(answer, at, reading);
}

function readTokens(answer: JsonAnswer, { issuer, askedAtMs }: Answered, reading: AnswerReading): RefreshedTokens | undefined {
  const { access_token: accessToken, token_type: tokenType = reading.tokenTypeDefault, expires_in: expiresIn } = answer;
  const { refresh_token: refreshToken, id_token: idToken, scope } = answer;
  if (accessToken !== undefined && !isToken(accessToken)) return undefined;
  if (!isTokenType(tokenType)) return undefined;
  if (expiresIn !== undefined && !isLifetime(expiresIn)) return undefined;
  if (refreshToken !== undefined && !isToken(refreshToken)) return undefined;
  if (idToken !== undefined && !isToken(idToken)) return undefined;
  if (scope !== undefined && !isScope(scope)) return undefined;
  const access = secretOf(accessToken);
  return {
    accessToken: access,
    // In any case at the provider (RFC 6749 §5.1), in one here: there are callers that compare.
    tokenType: tokenType.toLowerCase() === "bearer" ? "Bearer" : tokenType,
    // Counted from the question, not from the answer: never later than the provider means.
    expiresAtMs: expiresIn === undefined ? expiryIn(access, reading) : askedAtMs + Math.floor(expiresIn) * 1_000,
    refreshToken: secretOf(refreshToken),
    idToken: secretOf(idToken),
    scopes: scope?.split(reading.commaScopes ? /[ ,]/ : " ").filter((part) => part !== ""),
    issuer,
  };
}

function hasAccessToken(tokens: RefreshedTokens): tokens is TokenSet {
  return tokens.accessToken !== undefined;
}

/** Some write null where they mean that nothing changed. */
function withoutNulls(answer: JsonAnswer): JsonAnswer {
  return Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== null));
}

/** Fresh from the provider, and only about when to ask for another one: nothing is allowed by it. */
function expiryIn(accessToken: Secret | undefined, { expiryInToken }: AnswerReading): number | undefined {
  const exp = expiryInToken && accessToken !== undefined ? readLeniently(accessToken)?.claims["exp"] : undefined;
  return isInstant(exp) ? exp * 1_000 : undefined;
}

function secretOf(token: string | undefined): Secret | undefined {
  return token === undefined ? undefined : new Secret(token);
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
