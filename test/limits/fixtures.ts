// What the tests of limits share: a clock that stands still at the start of a minute, settings, and replicas that count together.

import type { Counters, OwnCount } from "../../src/limits/counters.ts";
import type { LimitSettings } from "../../src/limits/limits.ts";
import type { SharedCounts } from "../../src/limits/settlement.ts";

/** A whole minute, so that tables can name instants by their distance from it. */
export const startMs = 1_800_000_000_000;

export interface StoppedClock {
  (): number;
  /** Milliseconds since the start. */
  set(ms: number): void;
  advance(ms: number): void;
}

export function stoppedClock(): StoppedClock {
  let ms = 0;
  return Object.assign(() => startMs + ms, {
    set(to: number) {
      ms = to;
    },
    advance(by: number) {
      ms += by;
    },
  });
}

export function settingsOf(given: Partial<LimitSettings> = {}): () => LimitSettings {
  const settings = {
    services: 1_000,
    publicClients: 20,
    addresses: 50,
    clientFailures: 2_000,
    addressFailures: 50,
    providerFailures: 5_000,
    ofClient: new Map(),
  };
  return () => ({ ...settings, ...given });
}

/** How often `act` succeeds among so many times. */
export function countOf(times: number, act: () => boolean): number {
  return Array.from({ length: times }, act).filter(Boolean).length;
}

/** Tells what is new to a store that answers as if nobody else counted. */
export function tellAlone(counters: Counters): readonly OwnCount[] {
  const news = counters.news(1_000);
  for (const own of news) counters.learn(own, own.count);
  return news;
}

/** A store that is away until it is told otherwise, and remembers what it was sent. */
export function switchedStore(inner: SharedCounts): SharedCounts & { away: boolean; readonly sent: OwnCount[] } {
  const store = {
    away: false,
    sent: [] as OwnCount[],
    async settle(own: readonly OwnCount[]) {
      store.sent.push(...own);
      if (store.away) throw new Error("away");
      return inner.settle(own);
    },
  };
  return store;
}
