// Time that passes when nothing else can happen: whoever waits is woken at exactly the instant that was waited for, once all work that
// goes through here has ended. So hours go by in as long as their work takes, and every run is the same.

import { setImmediate } from "node:timers/promises";
import type { Database } from "../../src/store/database.ts";
import { type FrozenClock, frozenClock } from "../cache/fixtures.ts";

interface Sleeper {
  readonly at: number;
  wake(): void;
}

export interface VirtualTime {
  readonly clock: FrozenClock;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Work during which no time passes. */
  working<T>(work: () => Promise<T>): Promise<T>;
  /** The same for all that is asked of a database. */
  over(database: Database): Database;
  /** Lets time pass until that is so, or until an instant. */
  run(until: () => boolean): Promise<void>;
}

export function createVirtualTime(): VirtualTime {
  const clock = frozenClock();
  const asleep = new Set<Sleeper>();
  let underWay = 0;

  async function working<T>(work: () => Promise<T>): Promise<T> {
    underWay += 1;
    try {
      return await work();
    } finally {
      underWay -= 1;
    }
  }

  /** What follows from work that has ended is begun within the same turn, or the next. */
  async function quiet(): Promise<void> {
    for (let turns = 0; turns < 2; turns = underWay === 0 ? turns + 1 : 0) await setImmediate();
  }

  return {
    clock,
    working,
    wait(ms, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const sleeper: Sleeper = { at: clock() + ms, wake: resolve };
      const giveUp = () => {
        asleep.delete(sleeper);
        reject(new Error("aborted"));
      };
      if (signal?.aborted === true) giveUp();
      else asleep.add(sleeper);
      signal?.addEventListener("abort", giveUp, { once: true });
      return promise.finally(() => signal?.removeEventListener("abort", giveUp));
    },
    over: (database) => ({
      ...database,
      run: (work, options) => working(() => database.run(work, options)),
      transaction: (work) => working(() => database.transaction(work)),
    }),
    async run(until) {
      for (;;) {
        await quiet();
        if (until()) return;
        const next = Math.min(...[...asleep].map(({ at }) => at));
        if (next === Infinity) throw new Error("nothing will happen any more");
        clock.advance(Math.max(0, next - clock()));
        for (const sleeper of [...asleep].filter(({ at }) => at <= clock())) {
          asleep.delete(sleeper);
          sleeper.wake();
        }
      }
    },
  };
}
