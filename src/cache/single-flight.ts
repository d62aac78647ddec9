// Single flight: callers that ask the same question at the same time wait for one answer. It owns the joining, the shared
// work's time limit and its abort; it remembers nothing, so an error reaches those who waited for it and nobody else.

import { ExchangeError } from "../exchange/errors.ts";
import type { SingleFlight } from "../exchange/ports.ts";
import { waitFor } from "../exchange/waiting.ts";

interface Flight {
  readonly result: Promise<unknown>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Flights are bounded by the calls being served: each has at least one waiter, and goes when it settles or the last one leaves.
 * `limitMs()` bounds the shared work, whatever its callers' own time limits are.
 */
export function createSingleFlight(limitMs: () => number): SingleFlight {
  const flights = new Map<string, Flight>();

  function takeOff<T>(key: string, start: (signal: AbortSignal) => Promise<T>): Flight {
    const abort = new AbortController();
    const expired = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new ExchangeError("DEADLINE_EXCEEDED");
      // Rejected here too: work that ignores its signal must not hold its waiters.
      expired.reject(error);
      abort.abort(error);
    }, limitMs());
    const work = (async () => start(abort.signal))();
    const result = Promise.race([work, expired.promise]).finally(() => {
      clearTimeout(timer);
      // Only its own entry: another flight may have taken the key since this one was given up.
      if (flights.get(key) === flight) flights.delete(key);
    });
    const flight: Flight = { result, abort, waiters: 0 };
    // With no waiter left, a late failure has nobody to go to.
    result.catch(() => undefined);
    flights.set(key, flight);
    return flight;
  }

  return async <T>(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    const flight = flights.get(key) ?? takeOff(key, start);
    flight.waiters += 1;
    try {
      // A key stands for one question, so every flight under it carries the same type of answer.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return (await waitFor(flight.result, signal)) as T;
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0 && flights.get(key) === flight) {
        // Out of the map first, so that nobody joins work that is being aborted.
        flights.delete(key);
        flight.abort.abort();
      }
    }
  };
}
