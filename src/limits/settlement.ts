// Settling counts between replicas: a tenth of a second after the other, whatever changed is told to the shared store in one
// bounded batch, and what the others have counted is heard. It owns when and how much; no call ever waits for it.
// Overshoot: a replica does not know what another took since the settlement before its own, at most two of these intervals and
// round trips. So R replicas together take at most R − 1 times what one of them takes in such a time above the limit of a second;
// that is at most (R − 1) × limit, for a burst that reaches all of them at once, and it counts against the second after.
// With the store away each replica goes on by itself with what it knew, and nothing waits; that is R × limit at most.

import type { OwnCount, Settled } from "./counters.ts";

/** The shared store, as settlement sees it. */
export interface SharedCounts {
  /**
   * Takes in this replica's own counts and answers with the totals over all replicas, in the same order. The counts are absolute:
   * one that is told twice, late or out of order changes nothing. Undefined, or a rejection for all: it cannot tell.
   */
  settle(own: readonly OwnCount[]): Promise<readonly (number | undefined)[]>;
}

/** Long enough to gather many calls, short enough that an overshoot is a tenth of a second's worth. */
const everyMs = 100;
/** Three milliseconds of Redis' time. What is more waits for the next settlement: counting here goes on without it. */
const maxBatch = 1_000;

export interface Settlement {
  /** Settles once. Never rejects; while another one is under way it is that one. */
  settle(): Promise<void>;
  start(): void;
  /** Stops; waits for the one under way. */
  close(): Promise<void>;
}

/** @param parties in the order in which they are heard where there is more than fits */
export function createSettlement(shared: SharedCounts, parties: readonly Settled[]): Settlement {
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  async function settleOnce(): Promise<void> {
    const batch: { readonly party: Settled; readonly own: OwnCount }[] = [];
    for (const party of parties) batch.push(...party.news(maxBatch - batch.length).map((own) => ({ party, own })));
    if (batch.length === 0) return;
    try {
      const totals = await shared.settle(batch.map(({ own }) => own));
      for (const [index, { party, own }] of batch.entries()) {
        const total = totals[index];
        if (total === undefined) party.untold(own);
        else party.learn(own, total);
      }
    } catch {
      for (const { party, own } of batch) party.untold(own);
    }
  }

  async function settle(): Promise<void> {
    underWay ??= settleOnce().finally(() => {
      underWay = undefined;
    });
    await underWay;
  }

  return {
    settle,
    start() {
      timer ??= setInterval(() => void settle(), everyMs).unref();
    },
    async close() {
      clearInterval(timer);
      await underWay;
    },
  };
}

/** For a replica that is alone: all that is counted is its own. */
export const aloneCounts: SharedCounts = { settle: async (own) => own.map(({ count }) => count) };
