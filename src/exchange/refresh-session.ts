// Renewing tokens of this service's own: the session behind the handle is read at its origin again, and a new token issued within
// what the first one was granted. A session that has ended ends the handle with all of its family.

import type { Client } from "./clients.ts";
import { type Decide, earlyMintOf, useOf } from "./decision.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import type { HeldSession } from "./handle-ports.ts";
import { type Mint, noteIssued } from "./mint.ts";
import { subjectOfSession } from "./mint-subject.ts";
import type { FailureBudget, ProviderPlaces, SingleFlight } from "./ports.ts";
import type { Secret } from "./secret.ts";
import type { SessionProvider } from "./session-ports.ts";
import type { ReadSession } from "./session-reading.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";

export interface RefreshSessionQuestion {
  readonly client: Client;
  readonly refreshToken: Secret;
  readonly grant: HeldSession;
  /** Empty: as granted. */
  readonly scopes: readonly string[];
  readonly trail: Trail;
}

export interface RefreshSessionDeps {
  readonly sessions: ReadonlyMap<string, SessionProvider>;
  readonly decide: Decide;
  readonly mint: Mint;
  readonly readSession: ReadSession;
  readonly flights: SingleFlight;
  readonly budget: Pick<FailureBudget, "check">;
  readonly places: Pick<ProviderPlaces, "enter">;
  readonly fingerprint: (secret: Secret, purpose: string) => string;
  /** Of this configuration, and of no other: an answer under an earlier one is nobody's who asks under this. */
  readonly edition: string;
}

export function createRefreshSession(deps: RefreshSessionDeps) {
  return async function refreshSession(question: RefreshSessionQuestion, signal: AbortSignal): Promise<TokenSet> {
    // 1. Whose session it is, and may this client still use its provider.
    const { client, refreshToken, grant, scopes, trail } = question;
    const provider = deps.sessions.get(grant.provider);
    if (provider === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    trail.note({ provider: provider.name, issuer: provider.issuer, ...(grant.subject === undefined ? {} : { subject: grant.subject }) });
    permit(deps.decide(useOf(client, provider.name)), trail);
    const { audience } = grant.minted;
    trail.note({ targets: [audience] });
    permit(deps.decide(earlyMintOf({ client, provider: provider.name, audience, scopes, refreshToken: true })), trail);

    // 2. Everything that can fail without harm; then on record.
    deps.budget.check(trail.payer, provider.name);
    using _ = deps.places.enter(provider.name);
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

    // 3. Read and issue, once for everyone who asks with this handle now. Nothing one-time is spent by it: whoever dies on the way
    //    leaves the handle as good as it was.
    const key = deps.fingerprint(refreshToken, `renew ${deps.edition} ${client.id} ${provider.name} ${JSON.stringify(scopes)}`);
    const fresh = await deps.flights(key, signal, (limit) => grant.rotate(renewing(question, provider, limit), limit));
    noteIssued(trail, fresh);
    return { ...fresh, minted: grant.minted };
  };

  function renewing({ client, grant, scopes, trail }: RefreshSessionQuestion, provider: SessionProvider, signal: AbortSignal) {
    const { audience, scopes: within, from } = grant.minted;
    return async (token: Secret): Promise<TokenSet> => {
      try {
        const session = await deps.readSession({ provider, shown: { token, from }, trail }, signal);
        const subject = subjectOfSession(provider, session);
        const plan = deps.mint.plan({ client, subject, audience, scopes, within, actor: undefined, refreshToken: true, trail });
        // The same user, always (OpenID Connect Core §12.2): the session's token may be anybody's by now.
        if (session.account.providerUserId !== grant.subject) throw over();
        return await deps.mint.issue(plan);
      } catch (failure) {
        throw hasReason(failure, "SESSION_INVALID") ? over(failure) : failure;
      }
    };
  }
}

export type RefreshSession = ReturnType<typeof createRefreshSession>;

function over(cause?: unknown): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED", cause === undefined ? {} : { cause });
}
