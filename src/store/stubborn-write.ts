// Writes that must not be lost: tried again while the database is away, within a bound. What is written is its callers' business;
// each may be carried out more than once, as an earlier try may have been done although its outcome was not known.

import { hasReason } from "../exchange/errors.ts";
import { workLimitMs } from "./bounded-work.ts";

/** When a write is tried again: a database that fails over, or is started anew, is back within seconds. */
const retryDelaysMs = [50, 200, 800, 1_600, 3_200, 6_400];
/** A change, and a look at what became of an earlier try of it. */
const tryLimitMs = 2 * workLimitMs;
/** The longest that all tries of one write take. */
export const writeLimitMs = retryDelaysMs.reduce((sum, delay) => sum + delay + tryLimitMs, tryLimitMs);

/** Tries a write until the database has carried it out, within `writeLimitMs`. @throws ExchangeError STORE_UNAVAILABLE */
export type Writer = <T>(write: () => Promise<T>) => Promise<T>;

export function createWriter(wait: (ms: number) => Promise<void>): Writer {
  return async (write) => {
    for (const delay of retryDelaysMs) {
      try {
        return await write();
      } catch (failure) {
        if (!hasReason(failure, "STORE_UNAVAILABLE")) throw failure;
        await wait(delay);
      }
    }
    return write();
  };
}
