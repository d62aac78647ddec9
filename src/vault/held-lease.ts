// A lease as its holder uses it: renewed while there is work, and used up well before others may take it. It only saves work, as two
// replicas that refresh at the same time do no harm: what authorises a refresh is its intent.

import type { Clock } from "../exchange/ports.ts";
import type { Database } from "../store/database.ts";
import { endLease, takeLease } from "../store/leases.ts";

/** A replica that dies is followed by another one after so long. */
const leaseMs = 30_000;
/** One that could not renew it starts nothing any more after this. The rest is for clocks that differ and for what is under way. */
const usedForMs = 15_000;
const renewEveryMs = 5_000;
/** What was started in the last second counts against the provider's rate: the next holder begins behind that. */
const restMs = 1_000;

export interface HeldLease {
  /** Takes it or renews it, where that was not tried just now. @throws ExchangeError STORE_UNAVAILABLE */
  hold(): Promise<boolean>;
  isHeld(): boolean;
  /** Others need not wait for its end. @throws ExchangeError STORE_UNAVAILABLE */
  giveBack(): Promise<void>;
}

export interface HeldLeaseDeps {
  readonly database: Database;
  readonly clock: Clock;
  /** This process, and no other. */
  readonly holder: string;
}

export function createHeldLease({ database, clock, holder }: HeldLeaseDeps, name: string): HeldLease {
  let triedAtMs = -Infinity;
  let usableUntilMs = -Infinity;
  const isHeld = () => clock() < usableUntilMs;

  return {
    async hold() {
      const nowMs = clock();
      // A clock that was set back counts as much time gone by.
      if (Math.abs(nowMs - triedAtMs) < renewEveryMs) return isHeld();
      triedAtMs = nowMs;
      const taken = await takeLease(database, { name, holder, nowMs, untilMs: nowMs + leaseMs });
      usableUntilMs = taken ? nowMs + usedForMs : -Infinity;
      return isHeld();
    },
    isHeld,
    async giveBack() {
      if (usableUntilMs === -Infinity) return;
      usableUntilMs = -Infinity;
      await endLease(database, { name, holder, untilMs: clock() + restMs });
    },
  };
}
