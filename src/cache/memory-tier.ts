// The in-process tier: what was decided, by key, bounded by entries and by bytes, the least recently used going first.
// Expiry is asked of the given clock on every read; there are no timers, so an expired entry only waits to be displaced.

import { LRUCache } from "lru-cache";
import { type Clock, verificationLifetimeMs } from "../exchange/ports.ts";

/** What one busy minute of distinct tokens needs. */
const maxEntries = 100_000;
/** An ordinary entry weighs about 1 KiB, so that both bounds end at about as many; tokens with many claims meet this one first. */
const maxBytes = 128 * 1024 * 1024;
/** A token is 16 KiB at most; what weighs more than this is not worth the room it would take from others. */
const maxEntryBytes = 64 * 1024;
/** Objects, arrays, the key and the list links around an entry's text. */
const overheadBytes = 512;

/** Anything that is good until an instant. */
export interface Lasting {
  /** Epoch milliseconds. */
  readonly validUntilMs: number;
}

export interface MemoryTier<V extends Lasting> {
  get(key: string): V | undefined;
  put(key: string, value: V): void;
}

interface MemoryTierOptions<V> {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  /** Makes of a value the equal one that is kept; without it, the value itself. */
  readonly share?: (value: V) => V;
}

/** @param weigh bytes of a value's texts */
export function createMemoryTier<V extends Lasting>(
  clock: Clock,
  weigh: (value: V) => number,
  options: MemoryTierOptions<V> = {},
): MemoryTier<V> {
  const { share = (value: V) => value } = options;
  const maxSize = options.maxBytes ?? maxBytes;
  // Nothing weighs less than its share, so that the bound of bytes is one of entries too. For a number of entries the library would set
  // room aside at once, and no process has as many when it starts.
  const leastBytes = Math.floor(maxSize / (options.maxEntries ?? maxEntries));
  const entries = new LRUCache<string, V>({ maxSize });
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
    put(key, value) {
      if (clock() >= value.validUntilMs) return;
      const bytes = overheadBytes + weigh(value);
      // What was there before is older than what was just decided, and not an answer any more.
      if (bytes > maxEntryBytes) entries.delete(key);
      else entries.set(key, share(value), { size: Math.max(bytes, leastBytes) });
    },
  };
}
