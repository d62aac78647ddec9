// Remembered verifications over two tiers, and the short memory for denials. What a verification allows is decided elsewhere, on
// every call.

import { LRUCache } from "lru-cache";
import type { Verification } from "../exchange/claims.ts";
import type { Clock, VerificationCache } from "../exchange/ports.ts";
import { createTiers, type TiersParts } from "./tiers.ts";

/** Short: a key that is fixed at the provider must not go on being refused here. */
const denialLifeMs = 10_000;
/** Small: anyone can make forged tokens, and each that is forgotten costs one more verification. */
const maxDenials = 1_000;

export interface VerificationCacheParts extends TiersParts<Verification> {
  readonly keyOf: VerificationCache["keyOf"];
}

export function createVerificationCache({ keyOf, ...parts }: VerificationCacheParts): VerificationCache {
  const tiers = createTiers(parts);
  return {
    keyOf,
    near: (key) => tiers.near(key),
    get: (key) => tiers.get(key),
    put: (key, verification) => void tiers.put(key, verification),
    putNear: (key, verification) => tiers.putNear(key, verification),
    denials: createDenials(parts.clock),
  };
}

function createDenials(clock: Clock): VerificationCache["denials"] {
  // Each weighs 1: for a number of entries the library would set room aside at once.
  const until = new LRUCache<string, number>({ maxSize: maxDenials, sizeCalculation: () => 1 });
  return {
    has: (key) => clock() < (until.get(key) ?? 0),
    add(key) {
      until.set(key, clock() + denialLifeMs);
    },
  };
}
