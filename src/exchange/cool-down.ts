// How long a source that failed is left alone by whoever remembers what it said last: a provider's metadata, its keys. Whether its
// endpoint may be asked at all is net/'s to decide.

import type { ExchangeError } from "./errors.ts";

/**
 * Milliseconds. Where it was not even asked, only until it is again: two waits, one behind the other, would make an outage longer than
 * either of them.
 */
export function coolDownAfter({ unasked, retryAfterMs }: ExchangeError, usualMs: number): number {
  return unasked && retryAfterMs !== undefined ? Math.min(retryAfterMs, usualMs) : usualMs;
}
