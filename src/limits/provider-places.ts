// How many calls may wait for one provider at one time: a share of all places, so that calls which need another provider, or none,
// still find one. All waiting counts, that for somebody else's request included: most callers of a dead provider wait for that.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";
import type { ProviderPlaces } from "../exchange/ports.ts";

/**
 * Where a provider hangs, exchanges (refused from 60 % of all places on) still have some left; where two do, validations. Less would
 * refuse callers who wait milliseconds for an answer that somebody else has asked for.
 */
const share = 0.4;
/** A provider that hangs gives a place back with every time limit that runs out. */
const retryAfterMs = 1_000;

/** @param max places for calls in all; asked for every call */
export function createProviderPlaces(max: () => number): ProviderPlaces {
  const waiting = new Map<string, number>();

  function enter(provider: string): Disposable {
    const before = waiting.get(provider) ?? 0;
    if (before >= Math.max(1, Math.floor(max() * share))) throw full();
    waiting.set(provider, before + 1);
    return {
      [Symbol.dispose]() {
        const left = (waiting.get(provider) ?? 0) - 1;
        if (left > 0) waiting.set(provider, left);
        else waiting.delete(provider);
      },
    };
  }

  return {
    enter,
    async whileWaiting(provider, signal, start) {
      const leaving = new AbortController();
      const leave = () => leaving.abort();
      if (signal.aborted) leave();
      signal.addEventListener("abort", leave, { once: true });
      try {
        const work = start(leaving.signal);
        if (await isOverAtOnce(work)) return await work;
        using _ = enter(provider);
        return await work;
      } catch (failure) {
        // Whoever was refused a place waits no longer: nothing of the call stays behind.
        leave();
        throw failure;
      } finally {
        signal.removeEventListener("abort", leave);
      }
    },
  };
}

/** What needs nobody outside this process is over within the turn in which it began. Never rejects. */
function isOverAtOnce(work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const turn = setImmediate(() => resolve(false));
    const over = () => {
      clearImmediate(turn);
      resolve(true);
    };
    work.then(over, over);
  });
}

/**
 * Not OVERLOADED: another replica, or a caller of another provider, would fare as before. Nothing was sent, so asking again is safe.
 */
function full(): ExchangeError {
  const cause: Circumstance = { kind: "policy", rule: "limits.concurrent_calls" };
  return new ExchangeError("UPSTREAM_UNAVAILABLE", { retryAfterMs, unasked: true, cause });
}
