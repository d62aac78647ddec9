// How many calls run at one time, and who has to wait when that is many: what issues goes first, what refreshes second,
// what only validates last, because a service that cannot validate stops everything behind it. It owns the count and the order.

import type { Method } from "../exchange/clients.ts";
import { type Circumstance, ExchangeError } from "../exchange/errors.ts";

/** From which share of the places on a method is refused. */
const shares: Readonly<Record<Method, number>> = {
  Exchange: 0.6,
  CreateAuthorizationUrl: 0.6,
  Refresh: 0.8,
  Revoke: 0.8,
  GetAccount: 0.8,
  ValidateCrossClient: 1,
};

/** Calls last milliseconds, or as long as a provider takes: after a second the moment has passed. */
const retryAfterMs = 1_000;

/**
 * @param max places; asked for every call
 * @returns takes a place; its result gives it back, once, however often it is called. Throws ExchangeError OVERLOADED
 */
export function createConcurrency(max: () => number): (method: Method) => () => void {
  let running = 0;
  return (method) => {
    if (running >= max() * shares[method]) {
      throw new ExchangeError("OVERLOADED", {
        retryAfterMs,
        cause: { kind: "policy", rule: "limits.concurrent_calls" } satisfies Circumstance,
      });
    }
    running += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      running -= 1;
    };
  };
}
