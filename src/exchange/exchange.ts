// Exchange: an authorization code becomes tokens (RFC 6749 §4.1.3). The main path is one screen; the rules it applies stand
// beside it. A code reaches its provider at most once, whatever fails in between.

import type { Audiences, Client, ProviderGrant } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { type Circumstance, ExchangeError, hasReason, malformed } from "./errors.ts";
import { checkGranted } from "./granted.ts";
import { resourceOf } from "./narrowing.ts";
import { nothingWasSent, outcomeOf } from "./outcome.ts";
import { isOurState, type Pkce } from "./pkce.ts";
import { keepRefreshToken } from "./refresh-token-custody.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import type { CodeClaim, OneTimeStore, PendingState } from "./one-time-ports.ts";
import type { Clock, FailureBudget, PreparedProvider, Provider, ProviderPlaces } from "./ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { chooseRedirectUri } from "./redirect-uri.ts";
import { risksBan } from "./refusal-cost.ts";
import type { Secret } from "./secret.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";

export interface ExchangeQuestion {
  readonly client: Client;
  readonly provider: string;
  readonly code: Secret;
  readonly redirectUri: string;
  /** Undefined: none was sent. */
  readonly codeVerifier: Secret | undefined;
  readonly state: string;
  readonly nonce: string;
  /** `iss` of the authorization response (RFC 9207); empty: none was sent. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly trail: Trail;
}

export interface ExchangeDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly audiences: Audiences;
  readonly decide: Decide;
  readonly oneTime: OneTimeStore;
  readonly handles: Pick<RefreshHandles, "issue">;
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "enter">;
  readonly pkce: Pkce;
  readonly clock: Clock;
}

export function createExchange(deps: ExchangeDeps) {
  return async function exchange(question: ExchangeQuestion, signal: AbortSignal): Promise<TokenSet> {
    // 1. Which provider, may this client use it, and for what.
    const { client, trail } = question;
    const provider = chooseProvider(deps.providers, client, question.provider);
    trail.note({ provider: provider.name, credential: question.code });
    const redirectUri = permittedUse(question, provider.name);
    const resources = question.audiences.flatMap((name) => resourceOf(deps.audiences, provider.name, name) ?? []);
    checkIssuer(provider, question.issuer);

    // 2. Everything that can fail without harm comes before anything is spent.
    deps.budget.check(trail.payer, provider.name);
    using _ = deps.places.enter(provider.name);
    const prepared = await provider.prepare(signal);

    // 3. On record first; then claim the code, and the state: a second use of either ends here, not at the provider.
    await trail.intent();
    const claim = await deps.oneTime.claimCode(provider.name, question.code);
    if (claim === undefined)
      throw new ExchangeError("GRANT_INVALID", { cause: { kind: "code", problem: "reused" } satisfies Circumstance });
    const attempt: Attempt = { claim, pending: undefined, sent: false };

    // 4. Redeem it. Once it is sent, the answer is the provider's, or OUTCOME_UNKNOWN.
    const tokens = await redeem(question, { provider, prepared, redirectUri, resources }, attempt, signal).catch(
      async (failure: unknown) => {
        if (attempt.sent && (isRefusal(failure) || risksBan(failure))) deps.budget.spend(trail.payer, provider.name);
        await giveBack(attempt, question.state, failure);
        throw failure;
      },
    );
    trail.note({ issuer: tokens.issuer, ...(tokens.subject === undefined ? {} : { subject: tokens.subject }) });

    // 5. Never wider: what the provider granted is within what the client may have.
    checkGranted(deps, { client, provider: provider.name, trail }, tokens);

    // 6. Issue: the provider's own tokens; its refresh token only as the client may hold it.
    return keepRefreshToken(deps.handles, { client, provider: provider.name }, tokens);
  };

  /** @returns the redirect URI that is meant */
  function permittedUse({ client, trail, ...asked }: ExchangeQuestion, provider: string): string {
    const use = { kind: "use", client, provider, scopes: [], audiences: asked.audiences } as const;
    const grant: ProviderGrant | undefined = client.providers.get(provider);
    const redirectUri = grant === undefined ? asked.redirectUri : chooseRedirectUri(grant, asked.redirectUri);
    permit(deps.decide({ ...use, redirectUri }), trail);
    return redirectUri;
  }

  async function redeem(question: ExchangeQuestion, at: Redemption, attempt: Attempt, signal: AbortSignal): Promise<TokenSet> {
    attempt.pending = await takePending(question, at.provider, at.redirectUri);
    const codeVerifier = await provenVerifier(question, at.provider, attempt.pending);
    const nonce = agreedNonce(question, attempt.pending);
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    attempt.sent = true;
    const { code, state } = question;
    const { redirectUri, resources } = at;
    return outcomeOf(at.prepared.redeemCode({ code, redirectUri, codeVerifier, resources, state, nonce }), signal);
  }

  async function takePending(question: ExchangeQuestion, provider: Provider, redirectUri: string): Promise<PendingState | undefined> {
    if (!isOurState(question.state)) return undefined;
    const pending = await deps.oneTime.takeState(question.state);
    const matches =
      pending !== undefined &&
      deps.clock() < pending.expiresAtMs &&
      pending.clientId === question.client.id &&
      pending.provider === provider.name &&
      pending.redirectUri === redirectUri;
    if (!matches) throw new ExchangeError("GRANT_INVALID");
    return pending;
  }

  async function provenVerifier(
    question: ExchangeQuestion,
    provider: Provider,
    pending: PendingState | undefined,
  ): Promise<Secret | undefined> {
    if (pending?.codeVerifier !== undefined) {
      // Kept here, so nobody else can know it: one that is sent along is somebody's guess.
      if (question.codeVerifier !== undefined) throw new ExchangeError("GRANT_INVALID");
      return pending.codeVerifier;
    }
    if (question.codeVerifier === undefined && provider.pkce === "S256") throw malformed("code_verifier");
    // Told apart here already, so that a wrong verifier does not spend the code.
    if (pending?.codeChallenge !== undefined && !(await answers(question.codeVerifier, pending.codeChallenge))) {
      throw new ExchangeError("GRANT_INVALID");
    }
    return provider.pkce === "none" ? undefined : question.codeVerifier;
  }

  async function answers(verifier: Secret | undefined, challenge: string): Promise<boolean> {
    return verifier !== undefined && (await deps.pkce.challengeOf(verifier)) === challenge;
  }

  /** Makes good the promise that asking again is safe, where nothing can have left the process. */
  async function giveBack(attempt: Attempt, state: string, failure: unknown): Promise<void> {
    if (attempt.sent && !nothingWasSent(failure)) return;
    await attempt.claim.release();
    // The verifier may live under the state: without it a retry could not succeed. A state that was refused stays used.
    if (attempt.pending !== undefined && !isRefusal(failure)) await deps.oneTime.keepState(state, attempt.pending).catch(() => undefined);
  }
}

export type Exchange = ReturnType<typeof createExchange>;

/** The mix-up defence of RFC 9207 §2.4: an answer that names another issuer was not this provider's. */
function checkIssuer(provider: Provider, issuer: string): void {
  if (issuer !== "" && issuer !== provider.issuer) throw new ExchangeError("GRANT_INVALID");
}

function agreedNonce(question: ExchangeQuestion, pending: PendingState | undefined): string | undefined {
  const sent = question.nonce === "" ? undefined : question.nonce;
  if (pending?.nonce !== undefined && sent !== undefined && pending.nonce !== sent) throw new ExchangeError("GRANT_INVALID");
  return pending?.nonce ?? sent;
}

function isRefusal(failure: unknown): boolean {
  return hasReason(failure, "GRANT_INVALID");
}

interface Redemption {
  readonly provider: Provider;
  readonly prepared: PreparedProvider;
  readonly redirectUri: string;
  readonly resources: readonly string[];
}

/** How far an attempt came: what was taken, and whether anything can have left the process. */
interface Attempt {
  readonly claim: CodeClaim;
  pending: PendingState | undefined;
  sent: boolean;
}
