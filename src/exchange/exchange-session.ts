// Exchange of a session: whoever is signed in at a web application gets a token of this service's own for a backend. The session is
// read at its origin every time, and nothing of it is kept but, under seal, what a refresh handle stands for.

import type { Account } from "./account.ts";
import { checkActorStanding, type VerifyActor } from "./actor-token.ts";
import type { Client } from "./clients.ts";
import { type Decide, earlyMintOf, useOf } from "./decision.ts";
import { type ActedFor, boundedByActor, proposedBy, withActor } from "./delegation.ts";
import { ExchangeError } from "./errors.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import { defaultTarget, onlyTarget } from "./holding-audience.ts";
import { type Mint, type MintPlan, noteIssued } from "./mint.ts";
import { actorsOfSession, subjectOfSession } from "./mint-subject.ts";
import type { FailureBudget, ProviderPlaces, Revocations } from "./ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { keepRefreshToken } from "./refresh-token-custody.ts";
import type { Secret } from "./secret.ts";
import type { SessionProvider, ShownSession } from "./session-ports.ts";
import { checkNotEnded, type ReadSession } from "./session-reading.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";

export interface ExchangeSessionQuestion {
  readonly client: Client;
  /** Configured name; empty: the client's only one. */
  readonly provider: string;
  /** What was shown, once it is known whose cookie is meant; undefined: nothing was. */
  readonly session: (provider: SessionProvider) => ShownSession | undefined;
  /** Configured names; empty: the first that the client may ask for at the provider. */
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  /** Who is to act for the user; undefined: nobody. */
  readonly actorToken: Secret | undefined;
  readonly refreshToken: boolean;
  readonly trail: Trail;
}

export interface ExchangeSessionAnswer {
  readonly tokens: TokenSet;
  /** `sub` of the token. */
  readonly subject: string;
  /** Configured name. */
  readonly provider: string;
  readonly account: Account;
}

export interface ExchangeSessionDeps {
  readonly sessions: ReadonlyMap<string, SessionProvider>;
  readonly decide: Decide;
  readonly mint: Mint;
  readonly verifyActor: VerifyActor;
  readonly readSession: ReadSession;
  readonly revocations: Pick<Revocations, "check">;
  readonly handles: Pick<RefreshHandles, "issue">;
  readonly budget: Pick<FailureBudget, "check">;
  readonly places: Pick<ProviderPlaces, "enter">;
}

export function createExchangeSession(deps: ExchangeSessionDeps) {
  return async function exchangeSession(question: ExchangeSessionQuestion, signal: AbortSignal): Promise<ExchangeSessionAnswer> {
    // 1. Which provider, may this client use it; and is there anything to ask about.
    const { client, scopes, refreshToken, trail } = question;
    const provider = chooseProvider(deps.sessions, client, question.provider);
    trail.note({ provider: provider.name, scopes });
    permit(deps.decide(useOf(client, provider.name)), trail);
    const audience = onlyTarget(question.audiences.length > 0 ? question.audiences : [defaultTarget(client, provider.name)]);
    trail.note({ targets: [audience] });
    // All that can be decided without the session: nobody is asked for what is refused anyway.
    permit(deps.decide(earlyMintOf({ client, provider: provider.name, audience, scopes, refreshToken })), trail);
    const shown = question.session(provider);
    if (shown === undefined || !provider.accepts(shown)) throw new ExchangeError("SESSION_INVALID", { field: "SESSION" });
    trail.note({ credential: shown.token });
    // A refreshed token would act on with an actor whose own token ended long ago.
    if (refreshToken && question.actorToken !== undefined) throw new ExchangeError("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN" });

    // 2. On record first; then the session is read at its origin.
    deps.budget.check(trail.payer, provider.name);
    using _ = deps.places.enter(provider.name);
    await trail.intent();
    const session = await deps.readSession({ provider, shown, trail }, signal);
    const { account } = session;
    trail.note({ issuer: provider.issuer, subject: account.providerUserId });

    // 3. Who acts for the user: whoever looks through the user's eyes, and in front the actor that the call names.
    const seeing = actorsOfSession(provider, session);
    const actor = question.actorToken && (await deps.verifyActor({ client, actorToken: question.actorToken, trail, mayAsk }, signal));
    const actedFor: ActedFor = { issuer: provider.issuer, actors: seeing, mayAct: undefined };
    const actors = actor === undefined ? seeing : withActor(actedFor, actor.claims);

    // 4. Policy decides, the token is narrowed and issued.
    const subject = boundedByActor(subjectOfSession(provider, session, actors), actor);
    const plan = deps.mint.plan({ client, subject, audience, scopes, actor: proposedBy(actor), refreshToken, trail });
    // What was ended while the actor was verified would live on in a token that was issued after its end.
    checkNotEnded(deps.revocations, provider.name, session);
    if (actor !== undefined) checkActorStanding(deps.revocations, actor);
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    const minted = await deps.mint.issue(plan);
    noteIssued(trail, minted);

    // 5. A handle that stands for the session, where one was asked for.
    const kept = { client, provider: provider.name, audience, shown, user: account.providerUserId };
    const tokens = refreshToken ? await keep(kept, plan, minted) : minted;
    return { tokens, subject: plan.subject, provider: provider.name, account };

    function mayAsk(name: string): void {
      permit(deps.decide(useOf(client, name)), trail);
    }
  };

  function keep({ client, provider, ...terms }: KeptSession, plan: MintPlan, minted: TokenSet): Promise<TokenSet> {
    const { audience, shown, user } = terms;
    const tokens = { ...minted, subject: user, refreshToken: shown.token, minted: { audience, scopes: plan.scopes, from: shown.from } };
    // A session is kept by its handle itself.
    return keepRefreshToken({ handles: deps.handles, connections: undefined }, { client, provider }, tokens);
  }
}

export type ExchangeSession = ReturnType<typeof createExchangeSession>;

interface KeptSession {
  readonly client: Client;
  readonly provider: string;
  readonly audience: string;
  readonly shown: ShownSession;
  /** The provider's id of the user. */
  readonly user: string;
}
