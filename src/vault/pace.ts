// An even pace: turns that come one after the other, never two of them closer together than a rate allows, whoever was late.

import type { Clock } from "../exchange/ports.ts";

/** So much wider than a second: what arrives a little late must not arrive together with what follows. */
const secondMs = 1_050;

export interface PaceDeps {
  readonly clock: Clock;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** Resolves when it is one's turn. Rejects as `wait` does. */
export type Pace = (perSecond: number, signal: AbortSignal) => Promise<void>;

export function createPace({ clock, wait }: PaceDeps): Pace {
  let lastMs = -Infinity;
  let before: Promise<void> = Promise.resolve();

  async function turn(perSecond: number, signal: AbortSignal): Promise<void> {
    const apartMs = secondMs / perSecond;
    // A timer may fire a little early, so it is looked at again.
    for (;;) {
      const nowMs = clock();
      // A clock that was set back makes nobody wait for longer than one turn.
      if (lastMs > nowMs) lastMs = nowMs;
      const leftMs = lastMs + apartMs - nowMs;
      if (leftMs <= 0) break;
      await wait(Math.ceil(leftMs), signal);
    }
    lastMs = clock();
  }

  return (perSecond, signal) => {
    const mine = before.then(() => turn(perSecond, signal));
    before = mine.catch(() => undefined);
    return mine;
  };
}
