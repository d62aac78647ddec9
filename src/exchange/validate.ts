// ValidateCrossClient: may a token that was issued to one client be used at another's audience (RFC 9068 §4, RFC 8725).
// What is remembered is the verification; whether it allows anything is decided anew on every call, hit or miss.

import type { Verification } from "./claims.ts";
import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { type Circumstance, ExchangeError } from "./errors.ts";
import type { AccessTokenVerifier, Clock, ProviderPlaces, Revocations, SingleFlight, VerificationCache } from "./ports.ts";
import type { Secret } from "./secret.ts";
import { maxTokenLength, parseCompact, unverifiedIssuer } from "./token/compact.ts";
import { isCryptographicDenial } from "./token/cryptographic-denial.ts";
import { permit, type Trail } from "./trail.ts";

export interface ValidateQuestion {
  readonly client: Client;
  readonly token: Secret;
  /** Configured name; empty: found by the token's issuer. */
  readonly provider: string;
  /** Configured name; empty: the client's default. */
  readonly audience: string;
  readonly requiredScopes: readonly string[];
  readonly trail: Trail;
}

export interface ValidateAnswer {
  readonly verification: Verification;
  readonly cached: boolean;
}

export interface ValidateDeps {
  readonly verifiers: Verifiers;
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
  readonly cache: VerificationCache;
  readonly flights: SingleFlight;
  readonly places: Pick<ProviderPlaces, "whileWaiting">;
  readonly clock: Clock;
}

export interface Verifiers {
  byName(name: string): AccessTokenVerifier | undefined;
  byIssuer(issuer: string): AccessTokenVerifier | undefined;
  /** Hash over the verification settings of all of them. */
  readonly contentHash: string;
}

export function createValidate(deps: ValidateDeps) {
  return async function validate(question: ValidateQuestion, signal: AbortSignal): Promise<ValidateAnswer> {
    // 1. Bound the size, and the question: only for an audience of the caller's own.
    if (question.token.reveal().length > maxTokenLength) throw new ExchangeError("TOKEN_MALFORMED", subject);
    const audience = ownAudience(question.client, question.audience);
    question.trail.note({ credential: question.token, audience, scopes: question.requiredScopes });
    const named = namedVerifier(question.provider);

    // 2. Ask the cache: keyed over the token and everything that verification depends on.
    const key = deps.cache.keyOf(question.token, named === undefined ? `any ${deps.verifiers.contentHash}` : `named ${named.contentHash}`);
    if (deps.cache.denials.has(key)) throw new ExchangeError("TOKEN_INVALID", subject);
    const remembered = await deps.cache.get(key);
    if (remembered !== undefined && stillHolds(remembered)) {
      accept(question, audience, remembered);
      return { verification: remembered, cached: true };
    }

    // 3. The issuer is known; an unknown one is refused without any outbound call.
    const verifier = named ?? verifierOfIssuer(question);
    question.trail.note({ provider: verifier.provider });

    // 4. Signature, type, times: once for everyone who asks about this token now.
    const verification = await deps.places.whileWaiting(verifier.provider, signal, (waiting) =>
      deps.flights(key, waiting, (shared) => verifyAndRemember(verifier, question.token, key, shared)),
    );

    // 5. Not revoked; and tokens of that client may reach this audience, with these scopes.
    accept(question, audience, verification);
    return { verification, cached: false };
  };

  function namedVerifier(name: string): AccessTokenVerifier | undefined {
    if (name === "") return undefined;
    const verifier = deps.verifiers.byName(name);
    if (verifier === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    return verifier;
  }

  function verifierOfIssuer(question: ValidateQuestion): AccessTokenVerifier {
    const issuer = unverifiedIssuer(parseCompact(question.token.reveal()));
    const verifier = issuer === undefined ? undefined : deps.verifiers.byIssuer(issuer);
    if (verifier === undefined) throw new ExchangeError("ISSUER_NOT_TRUSTED", subject);
    return verifier;
  }

  async function verifyAndRemember(verifier: AccessTokenVerifier, token: Secret, key: string, signal: AbortSignal): Promise<Verification> {
    try {
      const verification = await verifier.verify(token, signal);
      deps.cache.put(key, verification);
      return verification;
    } catch (failure) {
      if (isCryptographicDenial(failure)) deps.cache.denials.add(key);
      throw failure;
    }
  }

  /** Looked at again on every hit: time passes, and keys are denied, while an entry lies there. */
  function stillHolds(verification: Verification): boolean {
    const verifier = deps.verifiers.byName(verification.provider);
    return verifier !== undefined && !verifier.denyKeyIds.has(verification.keyId) && deps.clock() < verification.validUntilMs;
  }

  /** On every hit as on every miss: revoked since, and allowed by the policy of now. */
  function accept({ client, requiredScopes, trail }: ValidateQuestion, audience: string, verification: Verification): void {
    const { claims, provider } = verification;
    trail.note({ provider, issuer: claims.issuer, subject: claims.subject, originClient: claims.clientId });
    deps.revocations.check({ provider, id: verification.revocationId, subject: claims.subject, issuedAt: claims.issuedAt });
    permit(deps.decide({ kind: "token", client, audience, provider, token: claims, requiredScopes }), trail);
  }
}

export type Validate = ReturnType<typeof createValidate>;

const subject = { field: "SUBJECT_TOKEN" } as const;

/**
 * @param wanted configured name; empty: the client's default
 * @throws ExchangeError TARGET_NOT_ALLOWED
 */
export function ownAudience(client: Client, wanted: string): string {
  const audience = wanted === "" ? client.audiences[0] : client.audiences.find((own) => own === wanted);
  if (audience === undefined) {
    const cause: Circumstance = { kind: "policy", rule: `clients.${client.id}.audiences` };
    throw new ExchangeError("TARGET_NOT_ALLOWED", { cause });
  }
  return audience;
}
