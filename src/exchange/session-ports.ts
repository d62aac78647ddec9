// Sessions of web applications, as the core sees them: shown by a token, read at their origin, never kept.

import type { Account } from "./account.ts";
import type { Secret } from "./secret.ts";

/** A session that stands at this moment. */
export interface Session {
  readonly account: Account;
  /** When it began, in seconds since the epoch; no renewal changes it. */
  readonly startedAt: number;
  /** Epoch milliseconds: nothing that comes out of it lives longer. */
  readonly expiresAtMs: number;
  /** The provider's id of somebody who looks through the user's eyes; undefined: nobody does. */
  readonly impersonator: string | undefined;
}

/** A session as it was shown. */
export interface ShownSession {
  /** The cookie's value, signature included, as it stands in the header or decoded once. */
  readonly token: Secret;
  /** In the browser's own cookie, or in a message that somebody wrote. */
  readonly from: "cookie" | "message";
}

/** providers/: where sessions are kept, and who vouches for them. */
export interface SessionProvider {
  readonly name: string;
  /** What it is called in an `act` claim. */
  readonly issuer: string;
  /** Name of the cookie in which browsers carry the session. */
  readonly cookieName: string;
  /** What happens to a session in which somebody looks through the user's eyes. */
  readonly impersonation: "refuse" | "act";
  /** Whether it has the form of a session there. What has not is sent nowhere. */
  accepts(shown: ShownSession): boolean;
  /**
   * Reads it at its origin, always: two readings at one time are two questions, so that none is answered from before it was asked.
   * Asking again is safe.
   * @throws ExchangeError SESSION_INVALID (decided: missing, ended, forged, not fully signed in, banned), UPSTREAM_*, DEADLINE_EXCEEDED
   */
  readSession(shown: ShownSession, signal: AbortSignal): Promise<Session>;
}
