// Waiting for work that does not end when we stop waiting: shared with others, or already sent.

import { ExchangeError, type Reason } from "./errors.ts";

/** Of work that nobody stops: once it is begun it runs to its end, within a time limit of its own. */
export const untilItsEnd = new AbortController().signal;

/**
 * Waits for `work`, at most until `signal`; the work itself goes on.
 * @param left what the one who leaves is told
 * @throws what the work throws, or ExchangeError `left`
 */
export async function waitFor<T>(work: Promise<T>, signal: AbortSignal, left: Reason = "DEADLINE_EXCEEDED"): Promise<T> {
  const { promise: gaveUp, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(new ExchangeError(left));
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work, gaveUp]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** Waits for the work, but no longer than `ms`; either way without a failure. */
export function waitBriefly(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
