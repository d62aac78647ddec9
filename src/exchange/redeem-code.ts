// A code on its way to its provider: what proves the right to redeem it is taken and checked, then it is sent, once. What was taken is
// given back where nothing can have left the process.

import type { Client } from "./clients.ts";
import { ExchangeError, hasReason, malformed } from "./errors.ts";
import type { CodeClaim, OneTimeStore, PendingState } from "./one-time-ports.ts";
import { nothingWasSent, outcomeOf } from "./outcome.ts";
import { isOurState, type Pkce } from "./pkce.ts";
import type { Clock } from "./ports.ts";
import type { PreparedProvider, Provider } from "./provider-ports.ts";
import type { Secret } from "./secret.ts";
import type { TokenSet } from "./tokens.ts";

/** What of a question is about the code. */
export interface CodeQuestion {
  readonly client: Client;
  readonly code: Secret;
  /** Undefined: none was sent. */
  readonly codeVerifier: Secret | undefined;
  readonly state: string;
  readonly nonce: string;
}

export interface Redemption {
  readonly provider: Provider;
  readonly prepared: PreparedProvider;
  readonly redirectUri: string;
  readonly resources: readonly string[];
}

/** How far an attempt came: what was taken, and whether anything can have left the process. */
export interface Attempt {
  readonly claim: CodeClaim;
  pending: PendingState | undefined;
  sent: boolean;
}

export interface RedeemDeps {
  readonly oneTime: OneTimeStore;
  readonly pkce: Pkce;
  readonly clock: Clock;
}

export function createRedeemCode(deps: RedeemDeps) {
  /** @throws ExchangeError GRANT_INVALID, MALFORMED_REQUEST, DEADLINE_EXCEEDED, OUTCOME_UNKNOWN; what the provider's answer means */
  async function redeem(question: CodeQuestion, at: Redemption, attempt: Attempt, signal: AbortSignal): Promise<TokenSet> {
    try {
      attempt.pending = await takePending(question, at.provider, at.redirectUri);
      const codeVerifier = await provenVerifier(question, at.provider, attempt.pending);
      const nonce = agreedNonce(question, attempt.pending);
      if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
      attempt.sent = true;
      const { code, state } = question;
      const grant = { code, redirectUri: at.redirectUri, codeVerifier, resources: at.resources, state, nonce };
      return await outcomeOf(at.prepared.redeemCode(grant), signal);
    } catch (failure) {
      await giveBack(attempt, question.state, failure);
      throw failure;
    }
  }

  async function takePending(question: CodeQuestion, provider: Provider, redirectUri: string): Promise<PendingState | undefined> {
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
    question: CodeQuestion,
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

  return redeem;
}

function agreedNonce(question: CodeQuestion, pending: PendingState | undefined): string | undefined {
  const sent = question.nonce === "" ? undefined : question.nonce;
  if (pending?.nonce !== undefined && sent !== undefined && pending.nonce !== sent) throw new ExchangeError("GRANT_INVALID");
  return pending?.nonce ?? sent;
}

export function isRefusal(failure: unknown): boolean {
  return hasReason(failure, "GRANT_INVALID");
}
