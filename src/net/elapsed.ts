// Time that has passed by a clock that may be set back: whatever began later than now is long over, so that nothing waits for the
// clock to catch up.

import type { Clock } from "../exchange/ports.ts";

/** Milliseconds; endless where it began in what is now the future. */
export function elapsedSince(clock: Clock, sinceMs: number): number {
  const ms = clock() - sinceMs;
  return ms < 0 ? Number.POSITIVE_INFINITY : ms;
}
