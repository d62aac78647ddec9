// Which token is shown next. 10,000 users show theirs, some often and most rarely (Zipf, exponent 1). A fifth of the tokens is
// replaced each minute: one every 30 ms, of a user who is as likely a busy one as any other, and who goes on with a new token. That
// is harsher on a cache than a fifth that is replaced at once at the end of a minute, when what was remembered is over anyway.

import { createZipf, type Random, shuffledIndexes } from "./random.ts";

const population = 10_000;
const replacedPerMinute = population / 5;
const replacedEveryMs = 60_000 / replacedPerMinute;

/** Tokens that `ms` of this workload need. */
export function tokensFor(ms: number): number {
  return population + Math.ceil(ms / replacedEveryMs);
}

export interface TokenStream {
  /** @param elapsedMs since the workload began; never less than before */
  next(elapsedMs: number): string;
}

/** @param tokens as many as `tokensFor` says */
export function createTokenStream(tokens: readonly string[], random: Random): TokenStream {
  const drawRank = createZipf(population, random);
  const turns = shuffledIndexes(population, random);
  const current = tokens.slice(0, population);
  let replaced = 0;

  return {
    next(elapsedMs) {
      for (; (replaced + 1) * replacedEveryMs <= elapsedMs; replaced += 1) {
        current[turns[replaced % population] ?? 0] = take(tokens, population + replaced);
      }
      return take(current, drawRank());
    },
  };
}

/** Each of them once. */
export function eachOnce(tokens: readonly string[]): () => string {
  let shown = 0;
  return () => {
    shown += 1;
    return take(tokens, shown - 1);
  };
}

function take(tokens: readonly string[], index: number): string {
  const token = tokens[index];
  if (token === undefined) throw new Error("the workload is longer than there are tokens for");
  return token;
}
