// An issuer as a key set sees it: it publishes keys, or fails, or does not answer yet; and it counts how often it is asked.
// With it comes the clock that both live by.

import type { Clock } from "../../src/exchange/ports.ts";
import type { Jwk } from "./signing.ts";

export interface Issuer {
  readonly clock: Clock;
  readonly fetches: number;
  /** Signals of all fetches. */
  readonly signals: readonly AbortSignal[];
  readonly fetchJwks: (signal: AbortSignal) => Promise<unknown>;
  pass(ms: number): void;
  publish(...keys: readonly Jwk[]): void;
  answer(with_: unknown): void;
  fail(failure: Error): void;
  /** Fetches wait until the returned function is called; then they get what is current. */
  hold(): () => void;
}

export const minute = 60_000;

export function createIssuer(...keys: readonly Jwk[]): Issuer {
  let nowMs = 1_800_000_000_000;
  let current: () => unknown = () => ({ keys });
  let gate = Promise.resolve();
  const signals: AbortSignal[] = [];

  return {
    clock: () => nowMs,
    get fetches() {
      return signals.length;
    },
    signals,
    async fetchJwks(signal) {
      signals.push(signal);
      await gate;
      return current();
    },
    pass(ms) {
      nowMs += ms;
    },
    publish(...next) {
      current = () => ({ keys: next });
    },
    answer(with_) {
      current = () => with_;
    },
    fail(failure) {
      current = () => {
        throw failure;
      };
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = Promise.resolve();
        resolve();
      };
    },
  };
}
