// ID tokens that came straight from a token endpoint (OpenID Connect Core §3.1.3.7): whose sign-in the redeemed code was.
// It shares the keys and the strictness of access tokens, and none of their rules.

import { type Account, accountOfClaims } from "../exchange/account.ts";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import { isInstant, isText, plainMediaType, readAudiences } from "../exchange/token/claim-shapes.ts";
import { type CompactToken, parseCompact, unverifiedIssuer } from "../exchange/token/compact.ts";
import type { SignatureAlgorithm } from "./algorithms.ts";
import type { KeySet } from "./key-set.ts";
import { checkSignature } from "./signature-check.ts";

export interface IdTokenVerifierDeps {
  /** Of this issuer, and of no other. */
  readonly keySet: KeySet;
  readonly clock: Clock;
}

export interface IdTokenVerifierOptions {
  readonly issuer: string;
  /** Our own registration there. */
  readonly clientId: string;
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly denyKeyIds: readonly string[];
}

export interface IdTokenVerifier {
  /**
   * @param expected `nonce`: what was sent with the authorization request; absent: the client checks it
   * @throws ExchangeError GRANT_INVALID (another nonce: another sign-in's code), UPSTREAM_INVALID_RESPONSE (anything else about
   * the token), UPSTREAM_*, DEADLINE_EXCEEDED (the keys cannot be had)
   */
  (
    token: Secret,
    expected: { readonly nonce?: string },
    signal: AbortSignal,
  ): Promise<{ readonly subject: string; readonly user: Account }>;
}

/** Both ways: the token was made a moment ago, so only clocks can be wrong. */
const clockToleranceMs = 30_000;

export function createIdTokenVerifier(deps: IdTokenVerifierDeps, options: IdTokenVerifierOptions): IdTokenVerifier {
  const check = { keySet: deps.keySet, rules: { algorithms: options.algorithms, denyKeyIds: new Set(options.denyKeyIds) } };

  return async function verifyIdToken(token, expected, signal) {
    const parsed = parse(token);
    const verdict = await checkSignature(check, parsed, signal);
    if (verdict.kind !== "good") throw invalid();

    const { payload } = parsed;
    if (unverifiedIssuer(parsed) !== options.issuer || !isIdTokenType(parsed)) throw invalid();
    if (!isForClient(options.clientId, parsed) || !isCurrent(parsed, deps.clock())) throw invalid();
    if (!isText(payload["sub"])) throw invalid();
    if (expected.nonce !== undefined && payload["nonce"] !== expected.nonce) throw new ExchangeError("GRANT_INVALID");
    return { subject: payload["sub"], user: accountOfClaims(payload["sub"], payload) };
  };
}

function parse(token: Secret): CompactToken {
  try {
    return parseCompact(token.reveal());
  } catch {
    throw invalid();
  }
}

/** Another kind of token says so in its header (RFC 8725 §3.11) or, at Keycloak, in its payload; an ID token need not. */
function isIdTokenType({ header, payload }: CompactToken): boolean {
  const typ = payload["typ"];
  return (header.typ === undefined || plainMediaType(header.typ) === "jwt") && (typ === undefined || typ === "ID");
}

function isForClient(clientId: string, { payload }: CompactToken): boolean {
  const { aud, azp } = payload;
  const audiences = readAudiences(aud);
  if (audiences === undefined || !audiences.includes(clientId)) return false;
  return azp === undefined ? audiences.length === 1 : azp === clientId;
}

function isCurrent({ payload }: CompactToken, nowMs: number): boolean {
  const { exp, iat } = payload;
  if (!isInstant(exp) || !isInstant(iat)) return false;
  return nowMs < exp * 1_000 + clockToleranceMs && iat * 1_000 <= nowMs + clockToleranceMs;
}

function invalid(): ExchangeError {
  return new ExchangeError("UPSTREAM_INVALID_RESPONSE");
}
