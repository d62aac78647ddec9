// Calls per second, by key: the calls of this calendar second, and those of the last one weighted by how much of it still lies
// within a second from now. It owns that arithmetic and nothing else. What it promises for a limit L, on one replica: at most L in
// a calendar second, at most L × (1 + d), rounded up, in any d ≤ 1 seconds, so never L at once and L again right after, and over
// many seconds L for each. A caller that keeps evenly to its limit is never refused. Over several replicas see settlement.ts.

import type { Clock } from "../exchange/ports.ts";
import { createCounters, type Reading, type Settled } from "./counters.ts";

const windowMs = 1_000;
/** This second and the last one. */
const windows = 2;
/**
 * About 40 MiB where all are in use. Keys of addresses can be made by whoever has addresses: one more than these and the least
 * recently used begins anew. To win a second budget that way takes as many addresses, each of which brings its own; and a
 * caller whose key is pushed out only has more, never less. Services are counted apart, where only configured names are keys.
 */
const maxKeys = 100_000;

export interface RateCounters {
  /**
   * Counts a call, unless its key is over the limit.
   * @returns undefined where it was counted; else how long to wait, in milliseconds
   */
  take(key: string, perSecond: number): number | undefined;
  /** The same without counting it. */
  wait(key: string, perSecond: number): number | undefined;
  /** Counts what cannot be refused any more. */
  add(key: string): void;
  /** For settlement. */
  readonly settled: Settled;
}

export function createRateCounters(clock: Clock, limits: { readonly maxKeys?: number } = {}): RateCounters {
  const counters = createCounters({ windowMs, windows, maxKeys: limits.maxKeys ?? maxKeys }, clock);
  const wait = (key: string, perSecond: number) => waitMs(counters.read(key), perSecond);
  return {
    wait,
    add: (key) => counters.add(key),
    settled: counters,
    take(key, perSecond) {
      const refused = wait(key, perSecond);
      if (refused === undefined) counters.add(key);
      return refused;
    },
  };
}

/**
 * A call is taken while `now + last × weight < limit`, where the weight falls with every millisecond from just below 1 to 0: an
 * evenly spaced call finds that exactly its own predecessor has gone.
 */
function waitMs({ counts, elapsedMs }: Reading, perSecond: number): number | undefined {
  const [now = 0, last = 0] = counts;
  const elapsed = Math.floor(elapsedMs);
  const opensAt = now < perSecond ? openingMs(last, perSecond - now) : windowMs + openingMs(now, perSecond);
  return opensAt <= elapsed ? undefined : opensAt - elapsed;
}

/** The first millisecond of a second at which `earlier` calls of the second before leave room for one within `room`. */
function openingMs(earlier: number, room: number): number {
  return earlier < room ? 0 : Math.floor(((windowMs - 1) * earlier - windowMs * room) / earlier) + 1;
}
