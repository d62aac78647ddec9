// How much may be sent a second time. Retries help against a single lost connection; against a provider that is down they are
// a second load. So they are a share of the calls, and few where there are few calls.

import type { Clock } from "../exchange/ports.ts";
import { createRecentCount } from "./recent-count.ts";

const windowMs = 10_000;
/** With everything failing a provider gets a tenth more, not twice as much. */
const share = 0.1;
/** A service with few calls has no tenth of them to spend. */
const floor = 3;

export interface RetryBudget {
  called(): void;
  left(): boolean;
  /** False: there is nothing left. */
  spend(): boolean;
}

export function createRetryBudget(clock: Clock): RetryBudget {
  const calls = createRecentCount(clock, windowMs);
  const retries = createRecentCount(clock, windowMs);
  const left = () => retries.total() + 1 <= floor + share * calls.total();
  return {
    called: () => calls.add(),
    left,
    spend() {
      if (!left()) return false;
      retries.add();
      return true;
    },
  };
}
