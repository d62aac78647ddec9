// Ids of assertions that were used, in process memory: for one replica only. An id is forgotten when its assertion has expired
// and never before: when there is no room it says so.

import type { UsedAssertions } from "../exchange/one-time-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { OneTimeNames } from "../sealing/one-time-names.ts";

/** Assertions live five minutes at most: some 330 issuing calls per second that are proved by assertions. */
const maxEntries = 100_000;

export interface UsedAssertionsMemoryParts {
  /** Names of one length, however long the ids are. */
  readonly names: OneTimeNames;
  readonly clock: Clock;
  readonly maxEntries?: number;
}

export function createUsedAssertionsMemory({ names, clock, ...options }: UsedAssertionsMemoryParts): UsedAssertions {
  const limit = options.maxEntries ?? maxEntries;
  const expiryOf = new Map<string, number>();
  // Nothing expires before, so a full memory is not searched again until then.
  let nextExpiry = 0;

  function dropExpired(now: number): void {
    if (now < nextExpiry) return;
    nextExpiry = Infinity;
    for (const [name, expiry] of expiryOf) {
      if (expiry <= now) expiryOf.delete(name);
      else nextExpiry = Math.min(nextExpiry, expiry);
    }
  }

  return {
    async claim(clientId, id, expiresAtMs) {
      const now = clock();
      // A mark that is over at once would hold nobody back.
      if (!(expiresAtMs > now)) return false;
      const [name] = names.ofAssertion(clientId, id);
      const known = expiryOf.get(name);
      if (known !== undefined && now < known) return false;
      if (known === undefined && expiryOf.size >= limit) dropExpired(now);
      if (known === undefined && expiryOf.size >= limit) throw storeUnavailable({ code: "FULL", outcome: "refused" });
      expiryOf.set(name, expiresAtMs);
      nextExpiry = Math.min(nextExpiry, expiresAtMs);
      return true;
    },
  };
}
