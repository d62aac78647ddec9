// All limits of one replica, on one clock and one settlement: what the composition root takes from this room.

import type { Clock, FailureBudget } from "../exchange/ports.ts";
import { type CallerLimits, createCallerLimits, type RateSettings } from "./caller-limits.ts";
import { createFailureBudget, type FailureSettings } from "./failure-budget.ts";
import { createRateCounters } from "./rate-counters.ts";
import { aloneCounts, createSettlement, type Settlement, type SharedCounts } from "./settlement.ts";

export interface LimitSettings extends RateSettings, FailureSettings {}

export interface LimitsParts {
  readonly clock: Clock;
  /** Undefined: this replica is alone. */
  readonly shared: SharedCounts | undefined;
  /** Asked for every call: the configuration may have been reloaded. */
  readonly settings: () => LimitSettings;
}

export interface CallLimits {
  readonly callers: CallerLimits;
  readonly budget: FailureBudget;
  /** Not started. */
  readonly settlement: Settlement;
}

export function createLimits({ clock, shared, settings }: LimitsParts): CallLimits {
  const services = createRateCounters(clock);
  const addresses = createRateCounters(clock);
  const budget = createFailureBudget(clock, settings);
  return {
    callers: createCallerLimits({ services, addresses, settings }),
    budget,
    // What keeps a provider from banning us first; addresses, of which an attacker may have many, last.
    settlement: createSettlement(shared ?? aloneCounts, [...budget.parties, services.settled, addresses.settled]),
  };
}
