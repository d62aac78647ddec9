// Revoke: a token ends, here at once and at its provider as soon as that answers (RFC 7009). A token that means nothing here
// succeeds (§2.2): whoever ends it has what was asked for, and whoever guesses learns nothing.

import type { Verification } from "./claims.ts";
import type { Client } from "./clients.ts";
import { type Decide, useOf } from "./decision.ts";
import { ExchangeError, hasReason, type Reason } from "./errors.ts";
import type { EndableGrant, RefreshHandles } from "./handle-ports.ts";
import type {
  AccessTokenVerifier,
  FailureBudget,
  Provider,
  ProviderPlaces,
  Revocations,
  TokenTypeHint,
  UpstreamRevocations,
} from "./ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import type { Secret } from "./secret.ts";
import { parseCompact, unverifiedIssuer } from "./token/compact.ts";
import { ownProvider } from "./minting.ts";
import { isHandle } from "./refresh-token-custody.ts";
import { permit, type Trail, type TrailNotes } from "./trail.ts";
import { isProvidersWord, type Verifiers } from "./subject-token.ts";

export interface RevokeQuestion {
  readonly client: Client;
  /** Configured name; empty: found by the token, or the client's only one. */
  readonly provider: string;
  readonly token: Secret;
  /** The caller takes it for a refresh token. Only a provider's raw one is known by this alone. */
  readonly isRefreshToken: boolean;
  readonly trail: Trail;
}

export interface RevokeAnswer {
  /** True: the provider has not heard of it yet. */
  readonly upstreamPending: boolean;
}

export interface RevokeDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly verifiers: Pick<Verifiers, "byName" | "byIssuer">;
  readonly decide: Decide;
  readonly handles: Pick<RefreshHandles, "findToEnd">;
  readonly revocations: Pick<Revocations, "revoke">;
  readonly upstream: UpstreamRevocations;
  readonly places: Pick<ProviderPlaces, "whileWaiting">;
  readonly budget: FailureBudget;
}

export function createRevoke(deps: RevokeDeps) {
  return async function revoke(question: RevokeQuestion, signal: AbortSignal): Promise<RevokeAnswer> {
    // 1. What it is: a refresh handle, a raw refresh token where the client holds such, else an access token.
    const { token, trail } = question;
    trail.note({ credential: token });
    const target = await identify(question, signal);
    if (target === undefined) return { upstreamPending: false };
    trail.note({ provider: target.provider, ...target.notes });

    // 2. May this client end it.
    if (!mayEnd(question, target)) return { upstreamPending: false };

    // 3. Can it be ended at all.
    if (endsUpstreamOnly(target)) await checkRevocable(target.provider, signal);

    // 4. On record, before anything ends. Somebody who leaves while signing out is signed out all the same.
    if (signal.aborted && target.kind !== "handle") throw new ExchangeError("DEADLINE_EXCEEDED");
    await trail.intent();

    // 5. Here, at once.
    const left = await endHere(token, target);

    // 6. Upstream: now, or as soon as the provider answers.
    return { upstreamPending: left !== undefined && (await deps.upstream.tell({ provider: target.provider, ...left }, signal)) };
  };

  async function identify(question: RevokeQuestion, signal: AbortSignal): Promise<Target | undefined> {
    const { client, provider, token, isRefreshToken } = question;
    if (isHandle(token)) return identifyHandle(question);
    if (!isRefreshToken) return identifyAccessToken(question, signal);
    // From anybody else a provider's refresh token is as good as unknown: it was never handed out to them.
    if (!client.rawRefreshTokens) return undefined;
    return { kind: "raw", provider: chooseProvider(deps.providers, client, provider).name, notes: {} };
  }

  /** Another client's handle opens nothing. */
  async function identifyHandle({ client, token }: RevokeQuestion): Promise<Target | undefined> {
    const grant = await deps.handles.findToEnd(client.id, token);
    if (grant === undefined) return undefined;
    const { provider, subject } = grant;
    return { kind: "handle", provider, grant, notes: subject === undefined ? {} : { subject } };
  }

  async function identifyAccessToken(question: RevokeQuestion, signal: AbortSignal): Promise<Target | undefined> {
    const verification = await verified(question, signal);
    if (verification === undefined) return undefined;
    const { provider, claims } = verification;
    const { issuer, subject, clientId } = claims;
    const own = provider === ownProvider ? clientId === question.client.id : deps.providers.get(provider)?.clientId === clientId;
    return { kind: "access_token", provider, verification, own, notes: { issuer, subject, originClient: clientId } };
  }

  /** Undefined: it is accepted nowhere here, and will not be. @throws ExchangeError where that cannot be decided */
  async function verified({ client, provider, token, trail }: RevokeQuestion, signal: AbortSignal): Promise<Verification | undefined> {
    let verifier: AccessTokenVerifier | undefined;
    try {
      const found = verifierOf(provider, token);
      if (found === undefined) return undefined;
      verifier = found;
      if (found.asksProvider(token)) {
        permit(deps.decide(useOf(client, found.provider)), trail);
        deps.budget.check(trail.payer, found.provider);
      }
      return await deps.places.whileWaiting(found.provider, signal, (waiting) => found.verify(token, waiting));
    } catch (failure) {
      if (verifier !== undefined && isProvidersWord(failure)) deps.budget.spend(trail.payer, verifier.provider);
      if (hasReason(failure, ...neverAccepted)) return undefined;
      throw failure;
    }
  }

  function verifierOf(provider: string, token: Secret): AccessTokenVerifier | undefined {
    if (provider === "") {
      const issuer = unverifiedIssuer(parseCompact(token.reveal()));
      return issuer === undefined ? undefined : deps.verifiers.byIssuer(issuer);
    }
    const verifier = deps.verifiers.byName(provider);
    if (verifier === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    return verifier;
  }

  /** @throws ExchangeError where policy refuses */
  function mayEnd({ client, trail }: RevokeQuestion, target: Target): boolean {
    // The exception: whoever holds a handle, be it one that was replaced long ago, may end what came out of it. Policy never
    // refuses a sign-out, whatever was taken from the client since.
    if (target.kind === "handle") return true;
    // The same goes for what this service itself issued to the client.
    if (target.kind === "access_token" && target.provider === ownProvider) return target.own;
    permit(deps.decide(useOf(client, target.provider)), trail);
    // A public client only what this service itself was given at that provider.
    return target.kind === "raw" || client.kind === "service" || target.own;
  }

  /** A provider that is away is told later; one that has no way to be told never is. */
  async function checkRevocable(name: string, signal: AbortSignal): Promise<void> {
    const provider = deps.providers.get(name);
    if (provider === undefined) return;
    const prepared = await deps.places.whileWaiting(name, signal, (waiting) => provider.prepare(waiting)).catch(() => undefined);
    // RFC 7009 §2.2.1, unsupported_token_type.
    if (prepared !== undefined && prepared.revoke === undefined) throw new ExchangeError("TOKEN_TYPE_MISMATCH", { field: "SUBJECT_TOKEN" });
  }

  /** @returns what the provider has to hear; undefined: nothing */
  async function endHere(token: Secret, target: Target): Promise<ForProvider | undefined> {
    switch (target.kind) {
      case "handle": {
        const refreshToken = await target.grant.end();
        return refreshToken === undefined ? undefined : { token: refreshToken, hint: "refresh_token" };
      }
      case "raw":
        return { token, hint: "refresh_token" };
      case "access_token": {
        const { provider, revocationId, claims } = target.verification;
        await deps.revocations.revoke({ kind: "token", provider, id: revocationId, expiresAt: claims.expiresAt });
        // A provider ends a token for the client that it was issued to, and for no other (RFC 7009 §2.1).
        return target.own && provider !== ownProvider ? { token, hint: "access_token" } : undefined;
      }
    }
  }
}

export type Revoke = ReturnType<typeof createRevoke>;

type Notes = Pick<TrailNotes, "issuer" | "subject" | "originClient">;

type Target =
  | { readonly kind: "handle"; readonly provider: string; readonly notes: Notes; readonly grant: EndableGrant }
  | { readonly kind: "raw"; readonly provider: string; readonly notes: Notes }
  | {
      readonly kind: "access_token";
      readonly provider: string;
      readonly notes: Notes;
      readonly verification: Verification;
      /** True: it was issued to this service's own registration at the provider, or by this service to the client. */
      readonly own: boolean;
    };

interface ForProvider {
  readonly token: Secret;
  readonly hint: TokenTypeHint;
}

/** A raw refresh token, and a handle that is stored nowhere. */
function endsUpstreamOnly(target: Target): boolean {
  return target.kind === "raw" || (target.kind === "handle" && !target.grant.stored);
}

/** Not among them: a token that is not valid yet. It will be, so to say that it has ended would be wrong. */
const neverAccepted: readonly Reason[] = [
  "TOKEN_MALFORMED",
  "TOKEN_INVALID",
  "TOKEN_TYPE_MISMATCH",
  "TOKEN_EXPIRED",
  "TOKEN_REVOKED",
  "ISSUER_NOT_TRUSTED",
  "PROOF_REQUIRED",
];
