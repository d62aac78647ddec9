// Swaps a verified access token at its provider for one of another audience (RFC 8693): who may, by whose registration, for whom;
// then the provider is asked, once for everyone who asks the same now; and its answer is held against all of it. A swap is what the
// RFC calls an exchange; here that is the RPC too, which also redeems codes.

import type { Verification } from "./claims.ts";
import type { Audiences, Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import { checkExchanged } from "./exchanged-bounds.ts";
import { checkGranted, scopesOf } from "./granted.ts";
import type { Clock, FailureBudget, ProviderPlaces, Revocations, SingleFlight, VerificationCache } from "./ports.ts";
import type { PreparedProvider, Provider } from "./provider-ports.ts";
import type { Secret } from "./secret.ts";
import { asVerified, verifyIssued } from "./issued-token.ts";
import { risksBan } from "./refusal-cost.ts";
import { isCurrent, type Verifiers } from "./subject-token.ts";
import type { ExchangeCache, Exchanged, SharedFlight, SubjectExchange } from "./token-exchange-ports.ts";
import { permit, type Trail } from "./trail.ts";

export interface SwapQuestion {
  readonly client: Client;
  readonly subjectToken: Secret;
  /** Of the subject token, which was accepted for `audience`. */
  readonly verification: Verification;
  /** Configured name: the client's own, by whose registration it is asked. */
  readonly audience: string;
  /** Configured names: whom the new token is for. */
  readonly audiences: readonly string[];
  /** Empty: the provider decides. */
  readonly scopes: readonly string[];
  /** True: with a refresh token, which is nobody else's. */
  readonly refreshToken: boolean;
  readonly trail: Trail;
}

export interface Swapped extends Exchanged {
  readonly cached: boolean;
}

export interface SwapDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly verifiers: Pick<Verifiers, "byName">;
  readonly audiences: Audiences;
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
  readonly keyOf: VerificationCache["keyOf"];
  readonly exchanges: ExchangeCache;
  readonly flights: SingleFlight;
  readonly sharedFlights: SharedFlight;
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "enter">;
  readonly clock: Clock;
}

export function createSwap(deps: SwapDeps) {
  return async function swap(question: SwapQuestion, signal: AbortSignal): Promise<Swapped> {
    // 1. Policy: by whose registration, for whom, with which scopes; none of it wider than the subject token.
    const { trail } = question;
    const at = permittedAt(question);

    // 2. What the provider answered before, to just this question.
    const key = keyOf(question, at);
    const remembered = question.refreshToken ? undefined : await deps.exchanges.get(key);
    if (remembered !== undefined && isCurrent(deps, remembered.verification, remembered.validUntilMs)) {
      return handOver(question, remembered, true);
    }

    // 3. Everything that can fail without harm; then on record, before the provider is asked.
    deps.budget.check(trail.payer, at.provider.name);
    using _ = deps.places.enter(at.provider.name);
    const prepared = await at.provider.prepare(signal);
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

    // 4. Ask, once for everyone who asks this now, on whichever replica. A refresh token has one holder, so it has one question.
    const exchanged = question.refreshToken
      ? await ask(question, at, prepared, signal)
      : await deps.flights(key, signal, (limit) => deps.sharedFlights(key, shared(question, at, prepared, key), limit));

    // 5. Not revoked, and within what the client may have: on every call, whoever asked.
    return handOver(question, exchanged, false);
  };

  function permittedAt(question: SwapQuestion): SwapPlace {
    const { client, verification, audience, audiences, scopes, refreshToken, trail } = question;
    trail.note({ targets: audiences });
    const { provider: name, claims } = verification;
    permit(deps.decide({ kind: "swap", client, provider: name, audience, audiences, scopes, token: claims, refreshToken }), trail);
    const provider = deps.providers.get(name);
    const requester = deps.audiences.get(audience)?.get(name)?.exchangeAs;
    // Held by the rules above.
    if (provider === undefined || requester === undefined) throw new ExchangeError("TARGET_NOT_ALLOWED");
    const recipients = audiences.map((wanted) => deps.audiences.get(wanted)?.get(name)?.identifiers ?? []);
    return { provider, requester, recipients };
  }

  /** Over all that the answer depends on: the token and how it was verified, who asks, for whom, for what. */
  function keyOf({ subjectToken, audience, scopes }: SwapQuestion, { provider, requester, recipients }: SwapPlace): string {
    const { contentHash = "" } = deps.verifiers.byName(provider.name) ?? {};
    // All names of each recipient: the answer was held against them, and another audience may share the one that is sent.
    const wanted = recipients.map((names) => JSON.stringify(names)).toSorted();
    const scope = ["exchange", contentHash, audience, requester, wanted, scopes.toSorted(), "access_token"];
    return deps.keyOf(subjectToken, JSON.stringify(scope));
  }

  function shared(question: SwapQuestion, at: SwapPlace, prepared: PreparedProvider, key: string) {
    return {
      recall: () => deps.exchanges.look(key),
      async ask(signal: AbortSignal) {
        const answer = await ask(question, at, prepared, signal);
        return { answer, kept: deps.exchanges.put(key, answer) };
      },
    };
  }

  async function ask(question: SwapQuestion, at: SwapPlace, prepared: PreparedProvider, signal: AbortSignal): Promise<Exchanged> {
    const { subjectToken, verification: subject, audience, scopes, refreshToken, trail } = question;
    const request: SubjectExchange = { subjectToken, as: audience, recipients: at.recipients.map(firstOf), scopes, refreshToken };
    const tokens = await prepared.exchange(request, signal).catch((failure: unknown) => {
      if (isRefusal(failure)) deps.budget.spend(trail.payer, at.provider.name);
      throw hasReason(failure, "TOKEN_REVOKED") ? endedSince(subject, deps.clock(), failure) : failure;
    });
    const verification = await verifyIssued(deps.verifiers, { provider: at.provider.name, token: tokens.accessToken }, signal);
    const { claims } = verification;
    checkExchanged({ subject: { ...subject.claims, life: subject.claims }, ...at }, { claims, scopes: scopesOf(tokens) });
    const expiresAtMs = Math.min(claims.expiresAt * 1_000, tokens.expiresAtMs ?? Infinity);
    const { clientId: origin, audiences: meantFor, scopes: had, actors } = subject.claims;
    const terms = { as: audience, audiences: question.audiences, origin, meantFor, scopes: had, actors };
    return {
      tokens: {
        ...tokens,
        expiresAtMs,
        // What it carries and what is said of it: neither vouches for the other.
        scopes: [...new Set([...claims.scopes, ...(tokens.scopes ?? [])])],
        subject: claims.subject,
        ...(refreshToken ? { terms } : {}),
      },
      verification,
      validUntilMs: Math.min(verification.validUntilMs, subject.validUntilMs, expiresAtMs),
    };
  }

  function handOver({ client, verification: subject, trail }: SwapQuestion, exchanged: Exchanged, cached: boolean): Swapped {
    const { provider, claims } = exchanged.verification;
    // The subject token once more: what was ended while the provider answered would live on in one that was issued after its end.
    for (const { revocationId: id, claims: of } of [subject, exchanged.verification])
      deps.revocations.check({ provider, id, subject: of.subject, issuedAt: of.issuedAt });
    checkGranted(deps, { client, provider, trail }, asVerified(exchanged.tokens, claims));
    return { ...exchanged, cached };
  }
}

export type Swap = ReturnType<typeof createSwap>;

interface SwapPlace {
  readonly provider: Provider;
  /** The provider's client by which this service asks. */
  readonly requester: string;
  /** For each audience, the values of `aud` that mean it. */
  readonly recipients: readonly (readonly string[])[];
}

/** The first names the audience to the provider. */
function firstOf(identifiers: readonly string[]): string {
  return identifiers[0] ?? "";
}

/** The provider said no to what this caller sent; also in words that nobody knows, as those count there just the same. */
function isRefusal(failure: unknown): boolean {
  return hasReason(failure, "TOKEN_INVALID", "TOKEN_REVOKED", "TARGET_NOT_ALLOWED", "SCOPE_NOT_ALLOWED") || risksBan(failure);
}

/** The provider no longer takes a token that was good a moment ago, and does not say why. */
function endedSince({ claims, keyId }: Verification, nowMs: number, cause: ExchangeError): ExchangeError {
  const about = { field: "SUBJECT_TOKEN", cause } as const;
  if (nowMs >= claims.expiresAt * 1_000) return new ExchangeError("TOKEN_EXPIRED", { ...about, expiredAt: claims.expiresAt });
  // Without a signature only the provider ever vouched for it.
  return new ExchangeError(keyId === "" ? "TOKEN_INVALID" : "TOKEN_REVOKED", about);
}
