// What may be used once, as the core sees it: codes, states of sign-ins, ids of assertions. Who remembers them, and which of several
// that could is asked, is the composition root's to decide.

import type { Secret } from "./secret.ts";

/** What was kept when a sign-in was begun; the verifier only for authenticated services. */
export interface PendingState {
  readonly clientId: string;
  readonly provider: string;
  readonly redirectUri: string;
  readonly codeChallenge: string | undefined;
  readonly codeVerifier: Secret | undefined;
  readonly nonce: string | undefined;
  /** Epoch milliseconds; also for a state that was put back. */
  readonly expiresAtMs: number;
}

/** How long a used code and a begun sign-in are remembered: codes live 10 minutes at most (RFC 6749 §4.1.2). */
export const oneTimeLifetimeMs = 600_000;

/**
 * store/, cache/: one-time things. Authority: the database where there is one, else Redis, else the process.
 * Every method throws ExchangeError STORE_UNAVAILABLE when the authority does not answer.
 */
export interface OneTimeStore {
  /** Set-if-absent. Undefined: it was claimed before. */
  claimCode(provider: string, code: Secret): Promise<CodeClaim | undefined>;
  keepState(state: string, pending: PendingState): Promise<void>;
  /** Takes the state away and returns what was kept; undefined: unknown, used or expired. */
  takeState(state: string): Promise<PendingState | undefined>;
}

/** A claimed code. */
export interface CodeClaim {
  /** Gives the code back: only where nothing of it can have left the process. Never throws. */
  release(): Promise<void>;
}

/** store/, cache/: ids of assertions that were used. */
export interface UsedAssertions {
  /** False: that client has used this id before. @throws ExchangeError STORE_UNAVAILABLE */
  claim(clientId: string, id: string, expiresAtMs: number): Promise<boolean>;
}
