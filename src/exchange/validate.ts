// ValidateCrossClient: may a token that was issued to one client be used at another's audience (RFC 9068 §4, RFC 8725).
// What is remembered is the verification; whether it allows anything is decided anew on every call, hit or miss.

import type { Verification } from "./claims.ts";
import type { AudienceRule, Audiences, Client } from "./clients.ts";
import { ExchangeError } from "./errors.ts";
import type { AccessTokenVerifier, Clock, SingleFlight, VerificationCache } from "./ports.ts";
import type { Secret } from "./secret.ts";
import { maxTokenLength, parseCompact, unverifiedIssuer } from "./token/compact.ts";
import { isCryptographicDenial } from "./token/cryptographic-denial.ts";

export interface ValidateQuestion {
  readonly client: Client;
  readonly token: Secret;
  /** Configured name; empty: found by the token's issuer. */
  readonly provider: string;
  /** Configured name; empty: the client's default. */
  readonly audience: string;
  readonly requiredScopes: readonly string[];
  /** Told which provider this is about, once that is known; for the log. */
  readonly onProvider: (name: string) => void;
}

export interface ValidateAnswer {
  readonly verification: Verification;
  readonly cached: boolean;
}

export interface ValidateDeps {
  readonly verifiers: Verifiers;
  readonly audiences: Audiences;
  readonly cache: VerificationCache;
  readonly flights: SingleFlight;
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
    const named = namedVerifier(question.provider);

    // 2. Ask the cache: keyed over the token and everything that verification depends on.
    const key = deps.cache.keyOf(question.token, named === undefined ? `any ${deps.verifiers.contentHash}` : `named ${named.contentHash}`);
    if (deps.cache.denials.has(key)) throw new ExchangeError("TOKEN_INVALID", subject);
    const remembered = await deps.cache.get(key);
    if (remembered !== undefined && stillHolds(remembered)) {
      question.onProvider(remembered.provider);
      decide(question, audience, remembered);
      return { verification: remembered, cached: true };
    }

    // 3. The issuer is known; an unknown one is refused without any outbound call.
    const verifier = named ?? verifierOfIssuer(question);
    question.onProvider(verifier.provider);

    // 4. Signature, type, times: once for everyone who asks about this token now.
    const verification = await deps.flights(key, signal, (shared) => verifyAndRemember(verifier, question.token, key, shared));

    // 5. May tokens of that client reach this audience, with these scopes.
    decide(question, audience, verification);
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

  function decide(question: ValidateQuestion, audience: string, { claims, provider }: Verification): void {
    const rule: AudienceRule | undefined = deps.audiences.get(audience)?.get(provider);
    if (rule === undefined || !rule.identifiers.some((identifier) => claims.audiences.includes(identifier))) {
      throw new ExchangeError("AUDIENCE_MISMATCH", subject);
    }
    if (!rule.clients.has(claims.clientId)) throw new ExchangeError("CLIENT_NOT_TRUSTED", subject);
    if (!question.requiredScopes.every((scope) => claims.scopes.includes(scope))) throw new ExchangeError("SCOPE_INSUFFICIENT", subject);
  }
}

export type Validate = ReturnType<typeof createValidate>;

const subject = { field: "SUBJECT_TOKEN" } as const;

function ownAudience(client: Client, wanted: string): string {
  const audience = wanted === "" ? client.audiences[0] : client.audiences.find((own) => own === wanted);
  if (audience === undefined) throw new ExchangeError("TARGET_NOT_ALLOWED");
  return audience;
}
