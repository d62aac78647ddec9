// Holds the one token of this page, in memory only, and sees to it that there is one exchange at a time however many wait for it.
// Instants are the wall clock's: a laptop that slept wakes up with a token that is over, whatever a timer would say.

import { ApiError } from "./api-error.ts";
import type { Exchange, Exchanged } from "./exchange.ts";
import { waitFor } from "./waiting.ts";

export interface Held {
  readonly token: string;
  readonly userId: string;
}

export interface TokenSource {
  /** @throws ApiError of the exchange, or the signal's reason */
  get(signal?: AbortSignal): Promise<Held>;
  /**
   * Another token of the same user, for a call that met an expired one; all such calls share one exchange.
   * Undefined: there is none to be had that would help.
   */
  renew(expired: Held, signal?: AbortSignal): Promise<Held | undefined>;
  /** A renewed token was called expired as well: clocks disagree, and another one helps as little. */
  renewedInVain(): void;
  /** Nothing that was asked for before this call is used or kept after it. */
  clear(): void;
  /** As `clear`, and whoever signs in next is nobody that this page knew. */
  forgetUser(): void;
}

export interface TokenSourceDeps {
  readonly exchange: Exchange;
  readonly now: () => number;
  /** An exchange answered for somebody else than the one before it. */
  readonly onUserChanged: () => void;
}

/** A token is given up this long before it ends, so that it lives until it arrives. */
const marginMs = 60_000;
/** No token is believed to live longer than a day, whatever is said of it. */
const maxLifeMs = 86_400_000;
/** How long renewals rest after one that was in vain. */
const restMs = 10_000;
/** Each further one means that the token was cleared while it was on its way. */
const maxRounds = 3;

interface Kept extends Held {
  readonly obtainedMs: number;
  readonly usableUntilMs: number;
}

interface Flight {
  /** Undefined: cleared before it arrived. */
  readonly arrival: Promise<Kept | undefined>;
  readonly abort: AbortController;
}

interface Pause {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly failure: ApiError;
}

export function createTokenSource({ exchange, now, onUserChanged }: TokenSourceDeps): TokenSource {
  let generation = 0;
  let kept: Kept | undefined;
  let flight: Flight | undefined;
  let pause: Pause | undefined;
  let rest: { fromMs: number; untilMs: number } | undefined;
  let lastUserId: string | undefined;

  /** A clock that was set back must not make anything last longer: what lies before the beginning is over too. */
  function during(fromMs: number, untilMs: number): boolean {
    const nowMs = now();
    return fromMs <= nowMs && nowMs < untilMs;
  }

  async function get(signal?: AbortSignal): Promise<Held> {
    signal?.throwIfAborted();
    for (let round = 1; round <= maxRounds; round += 1) {
      if (kept !== undefined && during(kept.obtainedMs, kept.usableUntilMs)) return kept;
      const arrived = await waitFor((flight ?? takeOff()).arrival, signal);
      if (arrived !== undefined) return arrived;
    }
    throw new ApiError(0, { source: "exchange" });
  }

  function takeOff(): Flight {
    if (pause !== undefined && during(pause.fromMs, pause.untilMs)) {
      const { status, body } = pause.failure;
      throw new ApiError(status, { source: "exchange", body, retryAfterMs: pause.untilMs - now() });
    }
    const abort = new AbortController();
    const started: Flight = { arrival: fly(abort), abort };
    flight = started;
    // With nobody left to wait, a failure has nobody to go to.
    started.arrival.catch(() => undefined);
    return started;
  }

  async function fly(abort: AbortController): Promise<Kept | undefined> {
    const mine = generation;
    // Its life is counted from before the question: it can only be longer.
    const obtainedMs = now();
    try {
      const answer = await exchange(abort.signal);
      if (mine !== generation) return undefined;
      kept = keep(answer, obtainedMs);
      const before = lastUserId;
      lastUserId = kept.userId;
      if (before !== undefined && before !== kept.userId) {
        onUserChanged();
        // What was begun in the name of one user is not done in the name of another; what is begun from now on is.
        throw userChanged();
      }
      return kept;
    } catch (failure) {
      if (mine !== generation) return undefined;
      if (failure instanceof ApiError) note(failure);
      throw failure;
    } finally {
      if (flight?.abort === abort) flight = undefined;
    }
  }

  function note(failure: ApiError): void {
    if (failure.status === 401) kept = undefined;
    if (failure.retryAfterMs !== undefined) pause = { fromMs: now(), untilMs: now() + failure.retryAfterMs, failure };
  }

  function clear(): void {
    generation += 1;
    kept = undefined;
    const left = flight;
    flight = undefined;
    left?.abort.abort();
  }

  function renewedInVain(): void {
    rest = { fromMs: now(), untilMs: now() + restMs };
  }

  return {
    get,
    async renew(expired, signal) {
      if (rest !== undefined && during(rest.fromMs, rest.untilMs)) return undefined;
      // Only that token: another call may have renewed it already.
      if (kept?.token === expired.token) kept = undefined;
      const next = await get(signal).catch((failure: unknown) => {
        if (failure instanceof ApiError && failure.status === userChanged().status) return undefined;
        throw failure;
      });
      if (next === undefined) return undefined;
      if (next.token === expired.token) renewedInVain();
      // What one user began must not be done in the name of another.
      return next.userId === expired.userId && next.token !== expired.token ? next : undefined;
    },
    renewedInVain,
    clear,
    forgetUser() {
      clear();
      lastUserId = undefined;
    },
  };
}

/** The session is another user's than before: 409, which no exchange answers. */
function userChanged(): ApiError {
  return new ApiError(409, { source: "exchange", body: { error: "user_changed" } });
}

/** A token that lives no longer than two minutes would be all margin, and every call would need an exchange: it is used for half its life. */
function keep({ token, userId, lifeMs }: Exchanged, obtainedMs: number): Kept {
  const life = Math.min(lifeMs, maxLifeMs);
  return { token, userId, obtainedMs, usableUntilMs: obtainedMs + life - Math.min(marginMs, life / 2) };
}
