// Waiting for work that others wait for too: a waiter leaves at its own limit, the work goes on.

import { ExchangeError } from "../exchange/errors.ts";

/** @throws ExchangeError DEADLINE_EXCEEDED when the signal aborts first */
export function waitFor(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new ExchangeError("DEADLINE_EXCEEDED"));
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
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
