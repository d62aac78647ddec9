// How the parts that keep revocations speak to one another: the authority's log, and the queue of what providers have yet to
// hear. Both are kept in a database (store/) or without one (cache/). What the operations need of all this is in ports.ts.

import type { Revocation, TokenTypeHint } from "./ports.ts";
import type { Secret } from "./secret.ts";

/** How far a log has come. */
export interface LogPosition {
  /** Which log: a name that is made when one is begun, so that one begun anew is not taken for the old. Empty: none yet. */
  readonly log: string;
  /** Number of its last revocation. Numbers have no gaps and are given in the order of commits. */
  readonly seq: number;
}

/**
 * Whether the tokens of an account's subject are refused. Other than a revocation it can be taken back: of those about one subject the
 * last one in the log counts. It is in the database's log only, where accounts are, and nobody announces it: in whatever order messages
 * come, they neither lift one nor bring one back.
 */
export interface AccountStanding {
  readonly kind: "account";
  /** Configured name. */
  readonly provider: string;
  /** Subject of the account's tokens there. */
  readonly id: string;
  /** Tokens issued at this instant or before are refused. Undefined: every one, whenever it is issued: the account is disabled. */
  readonly until: number | undefined;
  readonly expiresAt: number;
}

export interface LogEntry {
  readonly seq: number;
  readonly revocation: Revocation | AccountStanding;
}

/** What was revoked, in order. It only grows: what is expired, or covered or replaced by a later entry, may be left out. */
export interface RevocationLog {
  /** Durable when it resolves. @returns the entry's place, or that of the one which says as much. @throws ExchangeError STORE_UNAVAILABLE */
  append(revocation: Revocation): Promise<LogPosition>;
  /**
   * The entries after `seq`, in order, at most `limit`. Fewer than that: they are all up to `head`.
   * @throws ExchangeError STORE_UNAVAILABLE, within a time limit of its own
   */
  readSince(seq: number, limit: number): Promise<{ readonly head: LogPosition; readonly entries: readonly LogEntry[] }>;
}

/** A token that its provider shall hear is revoked. */
export interface Telling {
  readonly provider: string;
  readonly token: Secret;
  readonly hint: TokenTypeHint;
}

/** A telling that was taken from the queue: nobody else gets it for `tellingLeaseMs`. */
export interface TakenTelling {
  readonly about: Telling;
  /** The present attempt included. */
  readonly attempts: number;
  /** It need not be told any more. @throws ExchangeError STORE_UNAVAILABLE */
  done(): Promise<void>;
  /** To be tried again from then on, epoch milliseconds. @throws ExchangeError STORE_UNAVAILABLE */
  later(atMs: number): Promise<void>;
}

/** All methods throw ExchangeError STORE_UNAVAILABLE, within a time limit of their own. */
export interface TellingQueue {
  /** Keeps it, and takes it at once. Undefined: that token is in the queue already, and told when its time has come. */
  add(about: Telling): Promise<TakenTelling | undefined>;
  /** Takes those whose time has come, at most `limit`. */
  takeDue(limit: number): Promise<readonly TakenTelling[]>;
  /** Removes what has waited for `tellingLifetimeMs`. @returns how many */
  dropExpired(): Promise<number>;
}

/** Longer than one attempt can take, discovery included: a telling whose taker died is taken again after this. */
export const tellingLeaseMs = 180_000;

/** No access token and hardly any outage lasts longer; after this the provider is not told any more. */
export const tellingLifetimeMs = 24 * 3_600_000;

/** Waiting for one provider. A flood beyond it is refused, so that one provider's outage cannot fill the store. */
export const maxTellingsPerProvider = 10_000;
