// Work in the background that comes round again and again: a loop for each kind, which no failure ends.

import type { PaceDeps } from "./pace.ts";

export interface RoundsDeps extends Pick<PaceDeps, "wait"> {
  /** A round failed; the next one comes all the same. */
  readonly onFailure: (work: string, failure: unknown) => void;
}

export interface Rounds {
  /** At once, and then `ms` after the end of each round. */
  every(ms: number, name: string, round: (signal: AbortSignal) => Promise<void>): void;
  /** Begins no more rounds, and waits for those under way. */
  close(): Promise<void>;
}

export function createRounds({ wait, onFailure }: RoundsDeps): Rounds {
  const closing = new AbortController();
  const running: Promise<void>[] = [];

  async function comeRound(ms: number, name: string, round: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (!closing.signal.aborted) {
      await round(closing.signal).catch((failure: unknown) => onFailure(name, failure));
      await wait(ms, closing.signal).catch(() => undefined);
    }
  }

  return {
    every: (ms, name, round) => void running.push(comeRound(ms, name, round)),
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}
