// Whether a provider has turned down so much of late that it may be about to ban this service: providers count answers of 401, 403 and
// 429 over minutes, and what refreshes in the background must never be what a ban comes from.

import { circumstanceOf, ExchangeError } from "../exchange/errors.ts";

/** Answers that are looked back at, and how many of them may be refusals. */
const lookedBackAt = 50;
const share = 0.2;

/** As providers count them. */
const countedStatuses: ReadonlySet<number | undefined> = new Set([401, 403, 429]);

export function isCountedRefusal(failure: unknown): boolean {
  const met = circumstanceOf(failure);
  if (met?.kind !== "upstream" || (failure instanceof ExchangeError && failure.unasked)) return false;
  return countedStatuses.has(met.status);
}

export interface Refusals {
  /** Of every answer. @returns true: too many of the last ones were refusals; counting begins anew */
  note(refused: boolean): boolean;
}

export function createRefusals(): Refusals {
  let last: readonly boolean[] = [];
  return {
    note(refused) {
      last = [...last, refused].slice(-lookedBackAt);
      const tooMany = last.filter(Boolean).length >= lookedBackAt * share;
      if (tooMany) last = [];
      return tooMany;
    },
  };
}
