// The queue of what providers have yet to hear, in process memory: where there is no database. It ends with the process, and what
// a provider has not heard by then it is not told; what was revoked here stays revoked here.

import type { Clock } from "../exchange/ports.ts";
import {
  maxTellingsPerProvider,
  type TakenTelling,
  type Telling,
  tellingLeaseMs,
  tellingLifetimeMs,
  type TellingQueue,
} from "../exchange/revocation-ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { TellingNames } from "../sealing/telling-names.ts";

interface Waiting {
  readonly name: string;
  readonly about: Telling;
  readonly expiresAtMs: number;
  attempts: number;
  nextAtMs: number;
}

export interface UpstreamRevocationsMemoryParts {
  readonly nameOf: TellingNames;
  readonly clock: Clock;
}

export function createUpstreamRevocationsMemory({ nameOf, clock }: UpstreamRevocationsMemoryParts): TellingQueue {
  const all = new Map<string, Waiting>();
  const perProvider = new Map<string, number>();

  function count(provider: string, change: 1 | -1): void {
    perProvider.set(provider, (perProvider.get(provider) ?? 0) + change);
  }

  function remove(one: Waiting): void {
    if (all.get(one.name) === one && all.delete(one.name)) count(one.about.provider, -1);
  }

  function taken(one: Waiting): TakenTelling {
    const leaseMs = one.nextAtMs;
    return {
      about: one.about,
      attempts: one.attempts,
      async done() {
        remove(one);
      },
      async later(atMs) {
        // An attempt that outlasted its lease changes nothing any more.
        if (one.nextAtMs === leaseMs) one.nextAtMs = atMs;
      },
    };
  }

  return {
    async add(about) {
      const name = nameOf(about.provider, about.token);
      if (all.has(name)) return undefined;
      if ((perProvider.get(about.provider) ?? 0) >= maxTellingsPerProvider) throw storeUnavailable({ code: "FULL", outcome: "refused" });
      const nowMs = clock();
      const one: Waiting = { name, about, expiresAtMs: nowMs + tellingLifetimeMs, attempts: 1, nextAtMs: nowMs + tellingLeaseMs };
      all.set(name, one);
      count(about.provider, 1);
      return taken(one);
    },
    async takeDue(limit) {
      const nowMs = clock();
      const due = [...all.values()].filter((one) => one.nextAtMs <= nowMs && nowMs < one.expiresAtMs);
      const first = due.toSorted((one, other) => one.nextAtMs - other.nextAtMs).slice(0, limit);
      return first.map((one) => {
        one.attempts += 1;
        one.nextAtMs = nowMs + tellingLeaseMs;
        return taken(one);
      });
    },
    async dropExpired() {
      const nowMs = clock();
      const expired = [...all.values()].filter((one) => nowMs >= one.expiresAtMs);
      expired.forEach(remove);
      return expired.length;
    },
  };
}
