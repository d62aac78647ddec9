// Remembered verifications over two tiers, and the short memory for denials. It owns the order of the tiers and the rule that a
// hit is held against the clock wherever it came from; what a verification allows is decided elsewhere, on every call.

import { LRUCache } from "lru-cache";
import type { Clock, VerificationCache } from "../exchange/ports.ts";
import type { MemoryTier } from "./memory-tier.ts";
import type { SharedTier } from "./redis-tier.ts";

/** Short: a key that is fixed at the provider must not go on being refused here. */
const denialLifeMs = 10_000;
/** Small: anyone can make forged tokens, and each that is forgotten costs one more verification. */
const maxDenials = 1_000;

export interface VerificationCacheParts {
  readonly keyOf: VerificationCache["keyOf"];
  readonly memory: MemoryTier;
  /** Absent: this process remembers alone. */
  readonly shared?: SharedTier;
  readonly clock: Clock;
  readonly onHit: (tier: "memory" | "redis") => void;
  readonly onMiss: () => void;
}

export function createVerificationCache(parts: VerificationCacheParts): VerificationCache {
  const { keyOf, memory, shared, clock, onHit, onMiss } = parts;
  return {
    keyOf,
    async get(key) {
      const near = memory.get(key);
      if (near !== undefined) {
        onHit("memory");
        return near;
      }
      const far = await shared?.get(key);
      // Asked after the wait: the time that Redis took counts against the entry.
      if (far !== undefined && clock() < far.validUntilMs) {
        memory.put(key, far);
        onHit("redis");
        return far;
      }
      onMiss();
      return undefined;
    },
    put(key, verification) {
      if (clock() >= verification.validUntilMs) return;
      memory.put(key, verification);
      shared?.put(key, verification);
    },
    denials: createDenials(clock),
  };
}

function createDenials(clock: Clock): VerificationCache["denials"] {
  const until = new LRUCache<string, number>({ max: maxDenials });
  return {
    has: (key) => clock() < (until.get(key) ?? 0),
    add(key) {
      until.set(key, clock() + denialLifeMs);
    },
  };
}
