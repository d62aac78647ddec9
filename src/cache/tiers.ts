// Two tiers as one memory: what is near first, then what all replicas share. It owns their order and the rule that a hit is held
// against the clock wherever it came from; what is remembered, and under which key, is others' business.

import type { Clock } from "../exchange/ports.ts";
import { type Soon, whenThere } from "../exchange/soon.ts";
import type { Lasting, MemoryTier } from "./memory-tier.ts";
import type { SharedTier } from "./redis-tier.ts";

export interface TiersParts<V extends Lasting> {
  readonly memory: MemoryTier<V>;
  /** Absent: this process remembers alone. */
  readonly shared?: SharedTier<V>;
  readonly clock: Clock;
  readonly onHit: (tier: "memory" | "redis") => void;
  readonly onMiss: () => void;
}

export interface Tiers<V> {
  /** Of the near tier only; a miss is not counted, as the other may still be asked. */
  near(key: string): V | undefined;
  /** Into the near tier only. */
  putNear(key: string, value: V): void;
  /** At once where there is no other tier to ask. Never rejects. */
  get(key: string): Soon<V | undefined>;
  /** As `get`, for who waits for another's answer: such looks are not counted. */
  look(key: string): Promise<V | undefined>;
  /** Here at once. Resolves when the other replicas can see it, or never will; never rejects. */
  put(key: string, value: V): Promise<void>;
}

interface Found<V> {
  readonly value: V;
  readonly tier: "memory" | "redis";
}

export function createTiers<V extends Lasting>({ memory, shared, clock, onHit, onMiss }: TiersParts<V>): Tiers<V> {
  function find(key: string): Soon<Found<V> | undefined> {
    const near = memory.get(key);
    if (near !== undefined) return { value: near, tier: "memory" };
    return shared === undefined ? undefined : findFar(shared, key);
  }

  async function findFar(tier: SharedTier<V>, key: string): Promise<Found<V> | undefined> {
    const far = await tier.get(key);
    // Asked after the wait: the time that Redis took counts against the entry.
    if (far === undefined || clock() >= far.validUntilMs) return undefined;
    memory.put(key, far);
    return { value: far, tier: "redis" };
  }

  return {
    near(key) {
      const value = memory.get(key);
      if (value !== undefined) onHit("memory");
      return value;
    },
    putNear(key, value) {
      if (clock() < value.validUntilMs) memory.put(key, value);
    },
    get: (key) =>
      whenThere(find(key), (found) => {
        if (found === undefined) onMiss();
        else onHit(found.tier);
        return found?.value;
      }),
    look: async (key) => (await find(key))?.value,
    async put(key, value) {
      if (clock() >= value.validUntilMs) return;
      memory.put(key, value);
      await shared?.put(key, value);
    },
  };
}
