// Calls that arrive when they arrive, whether or not the ones before were answered: as from many independent users, at a stated
// rate. Each is timed from the instant it was due, so that a service that stalls is charged for all who wait (no coordinated
// omission), and so is a generator that is late.

import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "./caller.ts";
import { nextArrivalMs, type Random } from "./random.ts";

export interface Arrivals {
  readonly perSecond: number;
  readonly ms: number;
  readonly random: Random;
}

export interface Timing {
  readonly outcome: Outcome;
  /** Milliseconds from the due instant to the answer. */
  readonly sinceDueMs: number;
  /** Milliseconds from sending to the answer: without the generator's own lateness. */
  readonly sinceSentMs: number;
}

/** Enough for that long. Arrivals are a matter of chance: a fifth more than expected, and some for the shortest runs. */
export function mostArrivals(perSecond: number, ms: number): number {
  return Math.ceil((ms / 1_000) * perSecond * 1.2) + 100;
}

/** @param send is told when in the run it is due, in milliseconds */
export async function openLoop({ perSecond, ms, random }: Arrivals, send: (dueMs: number) => Promise<Outcome>): Promise<readonly Timing[]> {
  const beganMs = performance.now();
  const calls: Promise<Timing>[] = [];
  for (let dueMs = nextArrivalMs(perSecond, random); dueMs < ms; dueMs += nextArrivalMs(perSecond, random)) {
    for (let earlyMs = beganMs + dueMs - performance.now(); earlyMs > 0; earlyMs = beganMs + dueMs - performance.now())
      await sleep(earlyMs);
    calls.push(timed(dueMs));
  }
  return Promise.all(calls);

  async function timed(dueMs: number): Promise<Timing> {
    const sentMs = performance.now();
    const outcome = await send(dueMs);
    const doneMs = performance.now();
    return { outcome, sinceDueMs: doneMs - beganMs - dueMs, sinceSentMs: doneMs - sentMs };
  }
}
