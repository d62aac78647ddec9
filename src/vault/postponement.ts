// What follows from a refresh in the background that failed: how long its connection is left alone, and how long its provider. Pure. Whether the
// connection has ended was decided where it failed.

import { circumstanceOf, ExchangeError, hasReason, type Reason } from "../exchange/errors.ts";

/** Its user may come and refresh it in the meantime. */
const usualMs = 60_000;
/** It has ended, and nobody finds it due; or it does not open here, which only a key can change. */
const lookAgainMs = 3_600_000;
/** The least for which one is left alone that fails or that wants fewer requests. */
const leastPauseMs = 5_000;
/** A provider that says a longer time is asked again after this all the same: one request an hour is no burden. */
const longestPauseMs = 3_600_000;

/** It does not answer, or not so many requests. */
const isAway: ReadonlySet<Reason> = new Set<Reason>(["UPSTREAM_RATE_LIMITED", "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT"]);

export interface Postponement {
  readonly connectionMs: number;
  /** Zero: others may be refreshed there meanwhile. */
  readonly providerMs: number;
}

export function postponementAfter(failure: unknown): Postponement {
  if (hasReason(failure, "REAUTHENTICATION_REQUIRED")) return { connectionMs: lookAgainMs, providerMs: 0 };
  const providerMs = pauseAfter(failure);
  return { connectionMs: Math.max(usualMs, providerMs), providerMs };
}

function pauseAfter(failure: unknown): number {
  // Without a database there is nothing that could be refreshed.
  if (hasReason(failure, "STORE_UNAVAILABLE")) return leastPauseMs;
  // One connection that is in doubt, or that somebody else refreshes slowly, says nothing about its provider.
  if (!(failure instanceof ExchangeError) || circumstanceOf(failure)?.kind !== "upstream") return 0;
  if (!isAway.has(failure.reason) && failure.retryAfterMs === undefined) return 0;
  return Math.min(Math.max(failure.retryAfterMs ?? 0, leastPauseMs), longestPauseMs);
}
