// Used codes and pending states in process memory: the authority where there is neither database nor Redis, so for one replica only.
// It forgets a mark when its time is over and never before: when there is no room it says so.

import { type OneTimeStore, oneTimeLifetimeMs, type PendingState } from "../exchange/one-time-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { OneTimeNames } from "../sealing/one-time-names.ts";

/** Per kind, so that a flood of started sign-ins leaves room for codes. About 170 of each per second, for 10 minutes. */
const maxEntries = 100_000;

export interface OneTimeMemoryParts {
  readonly names: OneTimeNames;
  readonly clock: Clock;
  readonly maxEntries?: number;
}

export function createOneTimeMemory({ names, clock, ...options }: OneTimeMemoryParts): OneTimeStore {
  const limit = options.maxEntries ?? maxEntries;
  const codes = createShelf<symbol>(clock, limit);
  const states = createShelf<PendingState>(clock, limit);
  return {
    async claimCode(provider, code) {
      const [name] = names.ofCode(provider, code);
      if (codes.get(name) !== undefined) return undefined;
      const nonce = Symbol();
      codes.add(name, nonce);
      return {
        async release() {
          // Whoever claimed it after this claim had expired keeps it.
          if (codes.get(name) === nonce) codes.remove(name);
        },
      };
    },
    async keepState(state, pending) {
      states.add(names.ofState(state)[0], pending);
    },
    async takeState(state) {
      const [name] = names.ofState(state);
      const pending = states.get(name);
      states.remove(name);
      return pending;
    },
  };
}

interface Shelf<T> {
  get(name: string): T | undefined;
  /** @throws ExchangeError STORE_UNAVAILABLE when full */
  add(name: string, value: T): void;
  remove(name: string): void;
}

function createShelf<T>(clock: Clock, limit: number): Shelf<T> {
  // All entries live equally long and a Map keeps the order of insertion, so the front is what expires first.
  const entries = new Map<string, { readonly value: T; readonly until: number }>();

  function dropExpired(now: number): void {
    for (const [name, entry] of entries) {
      if (now < entry.until) return;
      entries.delete(name);
    }
  }
  return {
    get(name) {
      const entry = entries.get(name);
      return entry !== undefined && clock() < entry.until ? entry.value : undefined;
    },
    add(name, value) {
      const now = clock();
      dropExpired(now);
      entries.delete(name);
      if (entries.size >= limit) throw storeUnavailable({ code: "FULL", outcome: "refused" });
      entries.set(name, { value, until: now + oneTimeLifetimeMs });
    },
    remove(name) {
      entries.delete(name);
    },
  };
}
