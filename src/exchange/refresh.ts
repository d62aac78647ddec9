// Refresh: a refresh token becomes fresh tokens (RFC 6749 §6). Refresh tokens may be single-use at the provider, so
// simultaneous calls with the same one share one upstream call, and a lost answer is never reported as safe to retry.

import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { ifThatIsKnown, isEndedSignIn } from "./ended-sign-in.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import { checkGranted, subjectIn } from "./granted.ts";
import { outcomeOf } from "./outcome.ts";
import type { HeldGrant, HeldToken, RefreshHandles } from "./handle-ports.ts";
import type { Clock, FailureBudget, ProviderPlaces, Revocations, SingleFlight } from "./ports.ts";
import type { PreparedProvider, Provider } from "./provider-ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { isHandle } from "./refresh-token-custody.ts";
import type { RefreshHeld } from "./refresh-held.ts";
import type { RefreshSession } from "./refresh-session.ts";
import { risksBan } from "./refusal-cost.ts";
import { checkSameSubject } from "./same-subject.ts";
import type { Secret } from "./secret.ts";
import type { RefreshAnswer } from "./refresh-answer.ts";
import type { RefreshedTokens, TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";
import { untilItsEnd } from "./waiting.ts";

export interface RefreshQuestion {
  readonly client: Client;
  /** Empty: the handle's own; for a raw refresh token the client's only one. One that is named must be the handle's. */
  readonly provider: string;
  readonly refreshToken: Secret;
  readonly scopes: readonly string[];
  readonly trail: Trail;
}

export interface RefreshDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly decide: Decide;
  readonly handles: Pick<RefreshHandles, "find">;
  readonly revocations: Pick<Revocations, "check">;
  readonly flights: SingleFlight;
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "enter">;
  readonly clock: Clock;
  /** For handles that stand for a session, or for a connection. */
  readonly refreshSession: RefreshSession;
  readonly refreshHeld: RefreshHeld;
  /** An opaque key over a secret and what it is used for. */
  readonly fingerprint: (secret: Secret, purpose: string) => string;
}

export function createRefresh(deps: RefreshDeps) {
  return async function refresh(question: RefreshQuestion, signal: AbortSignal): Promise<RefreshAnswer> {
    // 1. Find the grant: whose is it, and of which provider. A handle that was replaced is noticed here.
    const { client, refreshToken, scopes, trail } = question;
    trail.note({ credential: refreshToken });
    // What came out of an exchange is a handle for everybody: only this service knows by which registration it is refreshed.
    const grant = client.rawRefreshTokens && !isHandle(refreshToken) ? rawGrant(question) : await findGrant(question);
    if (grant.kind === "session")
      return { tokens: await deps.refreshSession({ client, refreshToken, grant, scopes, trail }, signal), issuance: "MINTED" };
    if (grant.kind === "connection") return deps.refreshHeld({ client, refreshToken, grant, scopes, trail }, signal);
    const provider = chooseProvider(deps.providers, client, grant.provider);
    const { subject } = grant;
    trail.note({ provider: provider.name, ...(subject === undefined ? {} : { subject }) });

    // 2. Policy decides: never wider than what the client may have.
    permit(deps.decide({ kind: "use", client, provider: provider.name, redirectUri: undefined, scopes, audiences: [] }), trail);

    // 3. Who ended all that a subject has has ended this sign-in, too.
    if (isEnded(provider.name, grant)) throw over();

    // 4. Everything that can fail without harm comes before anything is spent.
    deps.budget.check(trail.payer, provider.name);
    using _ = deps.places.enter(provider.name);
    const prepared = await provider.prepare(signal);

    // 5. On record first.
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

    // 6. Refresh upstream, once for everyone who asks with this token now. Nobody leaves that call: a repeat of one who stopped
    //    waiting joins it instead of presenting the token a second time.
    const key = deps.fingerprint(refreshToken, `refresh ${client.id} ${provider.name}`);
    const send = sending(question, { name: provider.name, prepared, subject });
    const shared = deps.flights(key, untilItsEnd, () => grant.rotate(send)).catch(pastItsLimit);
    const fresh = await outcomeOf(shared, signal);
    trail.note({ issuer: fresh.issuer });

    // 7. Not ended while the provider answered: the fresh tokens are later than that end. What cannot be known now was decided before.
    //    Whose a token was that only its client keeps, the answer says: a sign-in of before nobody knows, a disabled account is refused.
    const whose = subject === undefined ? { ...grant, subject: subjectIn(fresh), issuedAt: Infinity } : grant;
    if (ifThatIsKnown(() => isEnded(provider.name, whose))) throw over();

    // 8. What the provider granted is within what the client may have.
    checkGranted(deps, { client, provider: provider.name, trail }, fresh);
    return { tokens: subject === undefined ? fresh : { ...fresh, subject }, issuance: "PASSTHROUGH" };
  };

  /** A stranger's handle, a forged one and one of a lost key look alike. */
  async function findGrant({ client, provider, refreshToken }: RefreshQuestion): Promise<HeldGrant> {
    const grant = await deps.handles.find(client.id, refreshToken);
    const named = provider === "" || provider === grant?.provider;
    if (grant === undefined || !named) throw over();
    return grant;
  }

  function isEnded(provider: string, { subject, issuedAt }: HeldToken): boolean {
    return subject !== undefined && isEndedSignIn(deps.revocations, { provider, subject, issuedAt });
  }

  function sending({ scopes, trail }: RefreshQuestion, { name, prepared, subject }: Target): (refreshToken: Secret) => Promise<TokenSet> {
    return async (refreshToken) => {
      const answered = await prepared.refresh(refreshToken, { scopes }).catch((failure: unknown) => {
        if (hasReason(failure, "REAUTHENTICATION_REQUIRED") || risksBan(failure)) deps.budget.spend(trail.payer, name);
        throw failure;
      });
      const fresh = withAccessToken(answered);
      checkSameSubject(subject, fresh);
      // Says which scopes were asked for where the provider granted just those: who joined may have asked for others.
      return fresh.scopes === undefined && scopes.length > 0 ? { ...fresh, scopes } : fresh;
    };
  }
}

export type Refresh = ReturnType<typeof createRefresh>;

interface Target {
  readonly name: string;
  readonly prepared: PreparedProvider;
  /** Who signed in; undefined: that was not said. */
  readonly subject: string | undefined;
}

/** What a client that holds the provider's own token holds it as. An answer without another leaves it in force (RFC 6749 §6). */
function rawGrant({ provider, refreshToken }: RefreshQuestion): HeldToken {
  return {
    kind: "token",
    provider,
    issuedAt: 0,
    async rotate(send) {
      const fresh = await send(refreshToken);
      return { ...fresh, refreshToken: fresh.refreshToken ?? refreshToken };
    },
  };
}

/** The one before it is not at hand here, and what was asked with is spent by now. */
function withAccessToken({ accessToken, ...tokens }: RefreshedTokens): TokenSet {
  if (accessToken === undefined) throw new ExchangeError("OUTCOME_UNKNOWN");
  return { ...tokens, accessToken };
}

function over(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED");
}

/** The shared call does not say whether it had sent anything when its time was over. */
function pastItsLimit(failure: unknown): never {
  throw hasReason(failure, "DEADLINE_EXCEEDED") ? new ExchangeError("OUTCOME_UNKNOWN") : failure;
}
