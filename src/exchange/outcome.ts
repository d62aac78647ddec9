// Waiting for an upstream call that spends something one-time. Such a call is never aborted: the provider may already have
// acted on it. Who waits may leave; it then learns that the outcome is unknown, never that asking again is safe.

import { ExchangeError, hasReason } from "./errors.ts";
import { waitFor } from "./waiting.ts";

/**
 * Waits for `work`, at most until `signal`. The work itself goes on to its end.
 * @throws what the work throws, or ExchangeError OUTCOME_UNKNOWN
 */
export function outcomeOf<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return waitFor(work, signal, "OUTCOME_UNKNOWN");
}

/** True where the failure says that nothing one-time can have left the process, so that a claim may be given back. */
export function nothingWasSent(failure: unknown): boolean {
  // A 429 that the provider itself answered is another matter: it had the credential.
  const unasked = failure instanceof ExchangeError && failure.unasked;
  return unasked || hasReason(failure, "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT");
}
