// The front half of every operation about somebody's access token: who issued it, and is it genuine and current (RFC 9068 §4,
// RFC 7662). What is remembered is the verification; what it allows is decided by who asks.

import type { Verification } from "./claims.ts";
import { circumstanceOf, ExchangeError, hasReason } from "./errors.ts";
import type { AccessTokenVerifier, Clock, FailureBudget, ProviderPlaces, SingleFlight, VerificationCache } from "./ports.ts";
import { isHandle } from "./refresh-token-custody.ts";
import { risksBan } from "./refusal-cost.ts";
import type { Secret } from "./secret.ts";
import { type Patience, type Soon, whenThere } from "./soon.ts";
import { type CompactToken, maxTokenLength, parseCompact, unverifiedIssuer } from "./token/compact.ts";
import { isCryptographicDenial } from "./token/cryptographic-denial.ts";
import type { Trail } from "./trail.ts";

export interface SubjectTokenQuestion {
  readonly token: Secret;
  /** Configured name; empty: found by the token's issuer. */
  readonly provider: string;
  readonly trail: Trail;
  /** Before a provider is asked about the token itself. Absent: anybody who may ask here may have it asked. @throws ExchangeError */
  readonly mayAsk?: (provider: string) => void;
}

interface KeyedQuestion extends SubjectTokenQuestion {
  /** Of the cache. */
  readonly key: string;
}

export interface SubjectToken {
  readonly verification: Verification;
  readonly cached: boolean;
}

export interface SubjectTokenDeps {
  readonly verifiers: Verifiers;
  readonly cache: VerificationCache;
  readonly flights: SingleFlight;
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "whileWaiting">;
  readonly clock: Clock;
}

export interface Verifiers {
  byName(name: string): AccessTokenVerifier | undefined;
  byIssuer(issuer: string): AccessTokenVerifier | undefined;
  /** Hash over the verification settings of all of them. */
  readonly contentHash: string;
}

const subject = { field: "SUBJECT_TOKEN" } as const;

/** Whatever the token is, nothing is decoded before this. @throws ExchangeError TOKEN_MALFORMED */
export function checkTokenSize(token: Secret): void {
  if (token.reveal().length > maxTokenLength) throw new ExchangeError("TOKEN_MALFORMED", subject);
}

/** The result throws ExchangeError TOKEN_*, ISSUER_NOT_TRUSTED, PROOF_REQUIRED, PROVIDER_UNKNOWN, RATE_LIMITED; UPSTREAM_*, DEADLINE_EXCEEDED */
export function createSubjectToken(deps: SubjectTokenDeps) {
  const anyScope = `any ${deps.verifiers.contentHash}`;

  return function verifySubject(question: SubjectTokenQuestion, patience: Patience): Soon<SubjectToken> {
    // 1. What only this service can use goes to no provider, whatever the call says that it is.
    if (isHandle(question.token)) throw new ExchangeError("TOKEN_TYPE_MISMATCH", subject);

    // 2. Ask what this process remembers: keyed over the token and everything that verification depends on.
    const named = namedVerifier(question.provider);
    const key = deps.cache.keyOf(question.token, named === undefined ? anyScope : `named ${named.contentHash}`);
    if (deps.cache.denials.has(key)) throw new ExchangeError("TOKEN_INVALID", subject);
    const near = deps.cache.near(key);
    if (near !== undefined && isCurrent(deps, near, near.validUntilMs)) return { verification: near, cached: true };

    // 3. The issuer is known; an unknown one is refused without any outbound call. Our own tokens need nobody else's memory, either.
    const { verifier, parsed } = named === undefined ? byIssuer(question.token) : { verifier: named, parsed: undefined };
    question.trail.note({ provider: verifier.provider });
    return whenThere(verifier.ours ? undefined : deps.cache.get(key), (remembered) => {
      if (remembered !== undefined && isCurrent(deps, remembered, remembered.validUntilMs))
        return { verification: remembered, cached: true };

      // 4. Signature, type, times: at once where the key is at hand.
      const keyed = { ...question, key };
      const verification = verifier.asksProvider(question.token) ? undefined : verifyAtHand(verifier, keyed, parsed);
      return verification === undefined ? findOut(verifier, keyed, patience.signal) : { verification, cached: false };
    });
  };

  /** The same with keys that must be had first, and the provider's own word where configured: once for everyone who asks about it now. */
  async function findOut(verifier: AccessTokenVerifier, question: KeyedQuestion, signal: AbortSignal): Promise<SubjectToken> {
    const { key } = question;
    if (verifier.asksProvider(question.token)) {
      question.mayAsk?.(verifier.provider);
      deps.budget.check(question.trail.payer, verifier.provider);
    }
    const verification = await deps.places.whileWaiting(verifier.provider, signal, (waiting) =>
      deps.flights(key, waiting, (shared) => verifyAndRemember(verifier, question, shared)),
    );
    return { verification, cached: false };
  }

  function namedVerifier(name: string): AccessTokenVerifier | undefined {
    if (name === "") return undefined;
    const verifier = deps.verifiers.byName(name);
    if (verifier === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    return verifier;
  }

  function byIssuer(token: Secret): { readonly verifier: AccessTokenVerifier; readonly parsed: CompactToken } {
    const parsed = parseCompact(token.reveal());
    const issuer = unverifiedIssuer(parsed);
    const verifier = issuer === undefined ? undefined : deps.verifiers.byIssuer(issuer);
    if (verifier === undefined) throw new ExchangeError("ISSUER_NOT_TRUSTED", subject);
    return { verifier, parsed };
  }

  function verifyAtHand(
    verifier: AccessTokenVerifier,
    question: KeyedQuestion,
    parsed: CompactToken | undefined,
  ): Verification | undefined {
    try {
      const verification = verifier.verifyAtHand(question.token, parsed);
      if (verification !== undefined) remember(verifier, question, verification);
      return verification;
    } catch (failure) {
      noteFailure(verifier, question, failure);
      throw failure;
    }
  }

  async function verifyAndRemember(verifier: AccessTokenVerifier, question: KeyedQuestion, signal: AbortSignal): Promise<Verification> {
    try {
      const verification = await verifier.verify(question.token, signal);
      remember(verifier, question, verification);
      return verification;
    } catch (failure) {
      noteFailure(verifier, question, failure);
      throw failure;
    }
  }

  function remember(verifier: AccessTokenVerifier, { key }: KeyedQuestion, verification: Verification): void {
    if (verifier.ours) deps.cache.putNear(key, verification);
    else deps.cache.put(key, verification);
  }

  function noteFailure(verifier: AccessTokenVerifier, { key, trail }: KeyedQuestion, failure: unknown): void {
    if (isCryptographicDenial(failure)) deps.cache.denials.add(key);
    if (isProvidersWord(failure)) deps.budget.spend(trail.payer, verifier.provider);
  }
}

export type VerifySubject = ReturnType<typeof createSubjectToken>;

/** Looked at again on every hit: time passes, and keys are denied, while an entry lies there. */
export function isCurrent(
  { verifiers, clock }: { readonly verifiers: Pick<Verifiers, "byName">; readonly clock: Clock },
  { provider, keyId }: Pick<Verification, "provider" | "keyId">,
  validUntilMs: number,
): boolean {
  const verifier = verifiers.byName(provider);
  return verifier !== undefined && !verifier.denyKeyIds.has(keyId) && clock() < validUntilMs;
}

/** The provider was asked about the token, and refused it: that counts against whoever brought it. */
export function isProvidersWord(failure: unknown): boolean {
  const refused = hasReason(failure, "TOKEN_INVALID", "TOKEN_REVOKED") && circumstanceOf(failure)?.kind === "upstream";
  return refused || risksBan(failure);
}
