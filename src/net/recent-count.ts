// How often something happened in the last so many milliseconds, in slices of a tenth: bounded memory, whatever happens.

import type { Clock } from "../exchange/ports.ts";

export interface RecentCount {
  add(): void;
  total(): number;
  clear(): void;
}

const slices = 10;

export function createRecentCount(clock: Clock, windowMs: number): RecentCount {
  const sliceMs = windowMs / slices;
  const counts = new Map<number, number>();

  function forget(): number {
    const now = Math.floor(clock() / sliceMs);
    // Slices ahead of now as well: a clock that was set back must not bring them up again later.
    for (const slice of counts.keys()) if (slice > now || slice <= now - slices) counts.delete(slice);
    return now;
  }

  return {
    add() {
      const now = forget();
      counts.set(now, (counts.get(now) ?? 0) + 1);
    },
    total() {
      forget();
      return counts.values().reduce((sum, count) => sum + count, 0);
    },
    clear: () => counts.clear(),
  };
}
