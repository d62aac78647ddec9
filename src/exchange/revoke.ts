// Revoke: a token ends, here at once and at its provider as soon as that answers (RFC 7009). A token that means nothing here
// succeeds (§2.2): whoever ends it has what was asked for, and whoever guesses learns nothing.

import { useOf } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import { ownProvider } from "./minting.ts";
import type { Revocations, TokenTypeHint, UpstreamRevocations } from "./ports.ts";
import { createRevokeTarget, type RevokeQuestion, type RevokeTarget, type RevokeTargetDeps } from "./revoke-target.ts";
import type { Secret } from "./secret.ts";
import { permit } from "./trail.ts";

export interface RevokeAnswer {
  /** True: the provider has not heard of it yet. */
  readonly upstreamPending: boolean;
}

export interface RevokeDeps extends RevokeTargetDeps {
  readonly revocations: Pick<Revocations, "revoke">;
  readonly upstream: UpstreamRevocations;
}

export function createRevoke(deps: RevokeDeps) {
  const identify = createRevokeTarget(deps);

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

  /** @throws ExchangeError where policy refuses */
  function mayEnd({ client, trail }: RevokeQuestion, target: RevokeTarget): boolean {
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
  async function endHere(token: Secret, target: RevokeTarget): Promise<ForProvider | undefined> {
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

interface ForProvider {
  readonly token: Secret;
  readonly hint: TokenTypeHint;
}

/** A raw refresh token, and a handle that is stored nowhere. */
function endsUpstreamOnly(target: RevokeTarget): boolean {
  return target.kind === "raw" || (target.kind === "handle" && !target.grant.stored);
}
