// What the core needs from outside where a token is swapped for another one at its provider (RFC 8693), in its own words.

import type { Verification } from "./claims.ts";
import type { Secret } from "./secret.ts";
import type { Soon } from "./soon.ts";
import type { TokenSet } from "./tokens.ts";

/** A question to a provider's token endpoint (RFC 8693 §2.1). */
export interface SubjectExchange {
  /** An access token. */
  readonly subjectToken: Secret;
  /** Configured name of the audience by whose registration at the provider this service asks (`exchange_as`). */
  readonly as: string;
  /** Values by which the provider knows whom the new token is for. */
  readonly recipients: readonly string[];
  /** Empty: the provider decides. */
  readonly scopes: readonly string[];
  /** True: a refresh token as well. */
  readonly refreshToken: boolean;
}

/**
 * providers/: asks the provider. Nothing one-time is spent, so asking again is safe.
 * @returns the tokens, of the type that was asked for; a refresh token only where one was asked for
 * @throws ExchangeError TOKEN_REVOKED (it no longer takes the subject token), TOKEN_INVALID, TARGET_NOT_ALLOWED, SCOPE_NOT_ALLOWED (it
 *   refuses); UPSTREAM_*, DEADLINE_EXCEEDED (cannot decide)
 */
export type ExchangeSubject = (request: SubjectExchange, signal: AbortSignal) => Promise<TokenSet>;

/** A new token that was held against the one it came from. Whether a client may have it is decided anew on every call. */
export interface Exchanged {
  readonly tokens: TokenSet;
  /** Of the new access token. */
  readonly verification: Verification;
  /** Epoch milliseconds: the earliest of what both tokens and the answer have. Not renewed by a hit. */
  readonly validUntilMs: number;
}

/** cache/: remembers exchanges. A miss is never an error; an unreadable entry is a miss. */
export interface ExchangeCache {
  get(key: string): Soon<Exchanged | undefined>;
  /** As `get`, for who waits for another's answer. */
  look(key: string): Promise<Exchanged | undefined>;
  /** Remembered here at once. Resolves when other replicas can see it, or never will; never rejects. */
  put(key: string, exchanged: Exchanged): Promise<void>;
}

/** One question that replicas have in common. */
export interface SharedQuestion<T> {
  /** What somebody has answered; undefined: nobody yet. Never rejects. */
  recall(): Promise<T | undefined>;
  /** Asks. `kept` resolves when `recall` can see the answer everywhere. */
  ask(signal: AbortSignal): Promise<{ readonly answer: T; readonly kept: Promise<void> }>;
}

/**
 * cache/: of several replicas with the same question one asks, and the others wait for what it remembers; at most for a while, then
 * each asks for itself. It saves calls and promises nothing.
 * @throws what `ask` throws; ExchangeError DEADLINE_EXCEEDED
 */
export type SharedFlight = <T>(key: string, question: SharedQuestion<T>, signal: AbortSignal) => Promise<T>;
