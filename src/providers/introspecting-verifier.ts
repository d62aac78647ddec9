// A verifier that also asks the provider: about tokens that only it can read, or about every one, to see what it has revoked. A
// signed token is verified by its keys first, so that nobody else's tokens are sent there.

import { createHash } from "node:crypto";
import type { Verification } from "../exchange/claims.ts";
import { type Circumstance, ExchangeError, type Reason } from "../exchange/errors.ts";
import { type AccessTokenVerifier, type Clock, verificationLifetimeMs } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { ClaimRules } from "../exchange/token/access-token-rules.ts";
import { isInstant } from "../exchange/token/claim-shapes.ts";
import { readIntrospectedClaims } from "../exchange/token/introspected-claims.ts";
import { isOpaque } from "../exchange/token/opaque.ts";
import { revocationIdOf } from "../exchange/token/revocation-id.ts";
import type { JsonObject } from "../exchange/token/strict-json.ts";
import type { Introspect } from "./introspection.ts";

export interface IntrospectingDeps {
  /** Of this provider's signed tokens. */
  readonly local: AccessTokenVerifier;
  readonly introspect: Introspect;
  readonly clock: Clock;
}

export interface IntrospectingOptions {
  /** opaque: only tokens that are no JWTs. every: those, and JWTs once their signature was verified. */
  readonly introspection: "opaque" | "every";
  readonly rules: ClaimRules;
}

export function createIntrospectingVerifier(deps: IntrospectingDeps, { introspection, rules }: IntrospectingOptions): AccessTokenVerifier {
  const { local, introspect, clock } = deps;

  async function verifyOpaque(token: Secret, signal: AbortSignal): Promise<Verification> {
    const answer = await introspect(token, [], signal);
    if (answer === undefined) throw providersWord("TOKEN_INVALID");
    const nowMs = clock();
    const claims = readIntrospectedClaims(rules, answer, nowMs);
    return {
      claims,
      provider: local.provider,
      source: "INTROSPECTION",
      keyId: "",
      revocationId: revocationIdOf(claims.tokenId, token.reveal(), sha256),
      validUntilMs: validUntilOf(claims.expiresAt, nowMs),
    };
  }

  async function verifySigned(token: Secret, signal: AbortSignal): Promise<Verification> {
    const verified = await local.verify(token, signal);
    if (introspection === "opaque") return verified;
    const answer = await introspect(token, verified.claims.audiences, signal);
    if (answer === undefined) throw ended(verified);
    return agreed(verified, answer);
  }

  /** Its signature was good: unless its time ran out meanwhile, its provider has ended it. */
  function ended({ claims: { expiresAt } }: Verification): ExchangeError {
    if (clock() < expiresAt * 1_000 - rules.expiryBufferMs) return providersWord("TOKEN_REVOKED");
    return expired(expiresAt);
  }

  /**
   * What both say: an answer may take something back, and adds nothing. What it leaves out is as it was signed.
   * @throws ExchangeError UPSTREAM_INVALID_RESPONSE (the answer is about somebody else, or says nothing that counts); TOKEN_EXPIRED
   *   (active or not, it ends sooner than it says itself); PROOF_REQUIRED
   */
  function agreed(verified: Verification, answer: JsonObject): Verification {
    const { sub, client_id: clientId, scope, exp } = answer;
    const { claims } = verified;
    // Some providers say here only that it is bound to a key (RFC 8705 §3.2, RFC 9449 §6.2).
    if ("cnf" in answer) throw bound();
    if (sub !== undefined && sub !== claims.subject) throw disagrees("sub");
    if (clientId !== undefined && clientId !== claims.clientId) throw disagrees("client_id");
    if (scope !== undefined && typeof scope !== "string") throw disagrees("scope");
    if (exp !== undefined && !isInstant(exp)) throw disagrees("exp");
    const untilMs = exp === undefined ? Infinity : exp * 1_000 - rules.expiryBufferMs;
    if (exp !== undefined && clock() >= untilMs) throw expired(exp);
    const left = scope === undefined ? undefined : new Set(scope.split(" "));
    return {
      ...verified,
      claims: left === undefined ? claims : { ...claims, scopes: claims.scopes.filter((name) => left.has(name)) },
      source: "INTROSPECTION",
      validUntilMs: Math.min(verified.validUntilMs, untilMs),
    };
  }

  function validUntilOf(expiresAt: number, nowMs: number): number {
    return Math.min(expiresAt * 1_000 - rules.expiryBufferMs, nowMs + verificationLifetimeMs);
  }

  return {
    ...local,
    contentHash: sha256(`${local.contentHash} introspection ${introspection}`),
    asksProvider: (token) => introspection === "every" || isOpaque(token),
    verify: (token, signal) => (isOpaque(token) ? verifyOpaque(token, signal) : verifySigned(token, signal)),
    verifyIssued: (token, signal) => (isOpaque(token) ? verifyOpaque(token, signal) : local.verifyIssued(token, signal)),
  };
}

/** Decided by the provider: whoever sent the token answers for it. */
function providersWord(reason: Reason): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint: "introspection", code: "inactive" };
  return new ExchangeError(reason, { field: "SUBJECT_TOKEN", cause });
}

function expired(expiresAt: number): ExchangeError {
  return new ExchangeError("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: expiresAt });
}

function bound(): ExchangeError {
  return new ExchangeError("PROOF_REQUIRED", { field: "SUBJECT_TOKEN", cause: { kind: "rule", field: "cnf" } satisfies Circumstance });
}

function disagrees(member: string): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint: "introspection", code: `${member}:differs` };
  return new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
