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

interface Asked {
  readonly answered: Promise<readonly Exposition[]>;
  readonly answer: (all: readonly Exposition[]) => void;
}

/** Milliseconds; more than a round takes the supervisor. */
const waitMs = 4_000;

export function createScrape({ ask, merge, number }: ScrapeParts): Scrape {
  let waiting: Asked | undefined;

  /** However many ask at the same time, the supervisor is asked once. */
  function begin(): Asked {
    const begun = Promise.withResolvers<readonly Exposition[]>();
    const answer = (all: readonly Exposition[]) => {
      clearTimeout(timer);
      waiting = undefined;
      begun.resolve(all);
    };
    const timer = setTimeout(() => answer([{ worker: number, text: undefined }]), waitMs);
    ask();
    return { answered: begun.promise, answer };
  }

  return {
    ask: async () => merge(await (waiting ??= begin()).answered),
    answer: (all) => waiting?.answer(all),
  };
}
