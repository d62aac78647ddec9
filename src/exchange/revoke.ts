// Revoke: a token ends, here at once and at its provider as soon as that answers (RFC 7009). A token that means nothing here
// succeeds (§2.2): whoever ends it has what was asked for, and whoever guesses learns nothing.

import type { Verification } from "./claims.ts";
import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { ExchangeError, type Reason } from "./errors.ts";
import type { AccessTokenVerifier, Provider, RefreshHandles, Revocations, UpstreamRevocations } from "./ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import type { Secret } from "./secret.ts";
import { parseCompact, unverifiedIssuer } from "./token/compact.ts";
import { isHandle } from "./refresh-token-custody.ts";
import { permit, type Trail } from "./trail.ts";

export interface RevokeQuestion {
  readonly client: Client;
  /** Configured name; empty: found by the token, or the client's only one. */
  readonly provider: string;
  readonly token: Secret;
  /** What the caller takes it for; empty: it does not say. Only a provider's raw refresh token is known by this alone. */
  readonly type: "access_token" | "jwt" | "refresh_token" | "";
  readonly trail: Trail;
}

export interface RevokeAnswer {
  /** True: the provider has not heard of it yet. */
  readonly upstreamPending: boolean;
}

export interface RevokeDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly verifiers: {
    byName(name: string): AccessTokenVerifier | undefined;
    byIssuer(issuer: string): AccessTokenVerifier | undefined;
  };
  readonly decide: Decide;
  readonly handles: Pick<RefreshHandles, "end">;
  readonly revocations: Pick<Revocations, "revoke">;
  readonly upstream: UpstreamRevocations;
}

export function createRevoke(deps: RevokeDeps) {
  return async function revoke(question: RevokeQuestion, signal: AbortSignal): Promise<RevokeAnswer> {
    const { client, token, trail } = question;
    trail.note({ credential: token });
    if (isHandle(token)) return endHandle(question, signal);

    // 1. What it is: a raw refresh token where the client holds such, else an access token.
    const target = await identify(question, signal);
    if (target === undefined) return { upstreamPending: false };
    trail.note({ provider: target.provider, ...target.notes });

    // 2. May this client use that provider; and a public one only what this service itself was given there.
    permit(deps.decide({ kind: "use", client, provider: target.provider, redirectUri: undefined, scopes: [], audiences: [] }), trail);
    if (target.kind === "access_token" && client.kind !== "service" && !target.own) return { upstreamPending: false };

    if (target.kind === "raw") await checkRevocable(target.provider, signal);

    // 3. On record, before anything ends.
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    await trail.intent();

    // 4. Here, at once.
    const left = await endHere(token, target);

    // 5. Upstream: now, or as soon as the provider answers.
    return { upstreamPending: left !== undefined && (await deps.upstream.tell({ provider: target.provider, ...left }, signal)) };
  };

  /**
   * Whoever holds a handle, be it one that was replaced long ago, may end what came out of it: a sign-out is never refused. Only
   * its own client can, as another's handle opens nothing.
   */
  async function endHandle({ client, token, trail }: RevokeQuestion, signal: AbortSignal): Promise<RevokeAnswer> {
    await trail.intent();
    const ended = await deps.handles.end(client.id, token);
    if (ended === undefined) return { upstreamPending: false };
    const { provider, subject, refreshToken } = ended;
    trail.note({ provider, ...(subject === undefined ? {} : { subject }) });
    if (!ended.endedHere) await checkRevocable(provider, signal);
    return { upstreamPending: await deps.upstream.tell({ provider, token: refreshToken, hint: "refresh_token" }, signal) };
  }

  async function identify(question: RevokeQuestion, signal: AbortSignal): Promise<Target | undefined> {
    const { client, provider, type } = question;
    if (type !== "refresh_token") return identifyAccessToken(question, signal);
    // From anybody else a provider's refresh token is as good as unknown: it was never handed out to them.
    if (!client.rawRefreshTokens) return undefined;
    return { kind: "raw", provider: chooseProvider(deps.providers, client, provider).name, notes: {} };
  }

  async function identifyAccessToken(question: RevokeQuestion, signal: AbortSignal): Promise<Target | undefined> {
    const verification = await verified(question, signal);
    if (verification === undefined) return undefined;
    const { provider, claims } = verification;
    const { issuer, subject, clientId } = claims;
    const own = deps.providers.get(provider)?.clientId === clientId;
    return { kind: "access_token", provider, verification, own, notes: { issuer, subject, originClient: clientId } };
  }

  /** Undefined: it is accepted nowhere here, and will not be. @throws ExchangeError where that cannot be decided */
  async function verified({ provider, token }: RevokeQuestion, signal: AbortSignal): Promise<Verification | undefined> {
    try {
      return await verifierOf(provider, token)?.verify(token, signal);
    } catch (failure) {
      if (failure instanceof ExchangeError && neverAccepted.has(failure.reason)) return undefined;
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

  /** A raw refresh token can end at its provider only. One that is away is told later; one that has no way to be told never is. */
  async function checkRevocable(name: string, signal: AbortSignal): Promise<void> {
    const prepared = await deps.providers
      .get(name)
      ?.prepare(signal)
      .catch(() => undefined);
    // RFC 7009 §2.2.1, unsupported_token_type.
    if (prepared !== undefined && prepared.revoke === undefined) throw new ExchangeError("TOKEN_TYPE_MISMATCH", { field: "SUBJECT_TOKEN" });
  }

  /** @returns what the provider has to hear; undefined: nothing */
  async function endHere(token: Secret, target: Target): Promise<ForProvider | undefined> {
    switch (target.kind) {
      case "raw":
        return { token, hint: "refresh_token" };
      case "access_token": {
        const { provider, revocationId, claims } = target.verification;
        await deps.revocations.revoke({ kind: "token", provider, id: revocationId, expiresAt: claims.expiresAt });
        // A provider ends a token for the client that it was issued to, and for no other (RFC 7009 §2.1).
        return target.own ? { token, hint: "access_token" } : undefined;
      }
    }
  }
}

export type Revoke = ReturnType<typeof createRevoke>;

interface Notes {
  readonly issuer?: string;
  readonly subject?: string;
  readonly originClient?: string;
}

type Target =
  | { readonly kind: "raw"; readonly provider: string; readonly notes: Notes }
  | {
      readonly kind: "access_token";
      readonly provider: string;
      readonly notes: Notes;
      readonly verification: Verification;
      /** True: it was issued to this service's own registration at the provider. */
      readonly own: boolean;
    };

type ForProvider = { readonly token: Secret; readonly hint: "access_token" | "refresh_token" };

/** Not among them: a token that is not valid yet. It will be, so to say that it has ended would be wrong. */
const neverAccepted: ReadonlySet<Reason> = new Set<Reason>([
  "TOKEN_MALFORMED",
  "TOKEN_INVALID",
  "TOKEN_TYPE_MISMATCH",
  "TOKEN_EXPIRED",
  "ISSUER_NOT_TRUSTED",
  "PROOF_REQUIRED",
]);
