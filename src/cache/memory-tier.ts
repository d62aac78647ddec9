// The in-process tier: verifications by key, bounded by entries and by bytes, the least recently used going first.
// Expiry is asked of the given clock on every read; there are no timers, so an expired entry only waits to be displaced.

import { LRUCache } from "lru-cache";
import type { Verification } from "../exchange/claims.ts";
import { type Clock, verificationLifetimeMs } from "../exchange/ports.ts";

/** What one busy minute of distinct tokens needs. */
const maxEntries = 100_000;
/** An ordinary entry weighs about 1 KiB, so that both bounds end at about as many; tokens with many claims meet this one first. */
const maxBytes = 128 * 1024 * 1024;
/** A token is 16 KiB at most; claims that weigh more than this are not worth the room they would take from others. */
const maxEntryBytes = 64 * 1024;
/** Objects, arrays, the key and the list links around an entry's text. */
const overheadBytes = 512;

export interface MemoryTier {
  get(key: string): Verification | undefined;
  put(key: string, verification: Verification): void;
}

export interface MemoryTierLimits {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
}

export function createMemoryTier(clock: Clock, limits: MemoryTierLimits = {}): MemoryTier {
  const entries = new LRUCache<string, Verification>({
    max: limits.maxEntries ?? maxEntries,
    maxSize: limits.maxBytes ?? maxBytes,
    maxEntrySize: Math.min(maxEntryBytes, limits.maxBytes ?? maxBytes),
    sizeCalculation: weight,
  });
  return {
    get(key) {
      const found = entries.get(key);
      if (found === undefined) return undefined;
      const leftMs = found.validUntilMs - clock();
      // Further ahead than anything is ever put in: the clock was set back, and the entry would outlive its time.
      if (leftMs > 0 && leftMs <= verificationLifetimeMs) return found;
      entries.delete(key);
      return undefined;
    },
    put(key, verification) {
      if (clock() < verification.validUntilMs) entries.set(key, verification);
    },
  };
}

/** JSON length stands for what is held, one byte per character as the engine keeps ASCII: a field added to the claims is weighed without anyone remembering to. */
function weight(verification: Verification): number {
  return overheadBytes + JSON.stringify(verification).length;
}
