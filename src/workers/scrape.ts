// A worker's part of /metrics: it asks the supervisor for the numbers of all, itself included, and waits no longer than a scraper would.

import type { Exposition } from "./messages.ts";

export interface ScrapeParts {
  /** Of the supervisor. */
  readonly ask: () => void;
  readonly merge: (all: readonly Exposition[]) => string;
  /** This worker's. */
  readonly number: number;
}

export interface Scrape {
  /** The numbers of all workers as one text. */
  readonly ask: () => Promise<string>;
  answer(all: readonly Exposition[]): void;
}

/** Milliseconds; more than a round takes the supervisor. */
const waitMs = 3_000;

export function createScrape({ ask, merge, number }: ScrapeParts): Scrape {
  let waiting: Promise<readonly Exposition[]> | undefined;
  let finish: (all: readonly Exposition[]) => void = () => undefined;

  /** However many ask at the same time, the supervisor is asked once. */
  function begin(): Promise<readonly Exposition[]> {
    const begun = Promise.withResolvers<readonly Exposition[]>();
    const timer = setTimeout(() => finish([{ worker: number, text: undefined }]), waitMs);
    finish = (all) => {
      clearTimeout(timer);
      waiting = undefined;
      begun.resolve(all);
    };
    ask();
    return begun.promise;
  }

  return {
    ask: async () => merge(await (waiting ??= begin())),
    answer: (all) => finish(all),
  };
}
