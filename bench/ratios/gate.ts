// The gate: ratios of this run held against those that are committed. What has become slower beyond what chance does is named.

import type { Ratio } from "./compared.ts";

/** How far a median may fall in any case; beyond it the rounds' own spread decides. */
export const tolerance = 0.15;

/** As in ratios.json: by name. */
export type Committed = Readonly<Record<string, number>>;

export function committedOf(ratios: readonly Ratio[]): Committed {
  return Object.fromEntries(ratios.map(({ name, ratio }) => [name, Number(ratio.toFixed(3))]));
}

/**
 * A ratio has become slower where its median lies below the committed one by more than the tolerance, and even its best round does not
 * reach it: how far rounds lie apart tells how much on this machine is chance.
 * @returns a sentence for each of them, or that nothing is committed about; empty: as fast as it was
 */
export function whatGotSlower(ratios: readonly Ratio[], committed: Committed): readonly string[] {
  const unknown = ratios.filter(({ name }) => committed[name] === undefined);
  const slower = ratios.flatMap(({ name, ratio, highest }) => {
    const before = committed[name];
    if (before === undefined || ratio >= before * (1 - tolerance) || highest >= before) return [];
    return [`${name}: ${ratio.toFixed(2)}, it was ${before.toFixed(2)}`];
  });
  return unknown.length === 0 ? slower : [...slower, `there is nothing to compare with for ${unknown.map(({ name }) => name).join(", ")}`];
}

/** @throws Error where the text is something else than numbers by name */
export function readCommitted(text: string): Committed {
  const read: unknown = JSON.parse(text);
  if (typeof read !== "object" || read === null) throw new Error("the committed ratios are no object");
  return Object.fromEntries(
    Object.entries(read).map(([name, ratio]: [string, unknown]) => {
      if (typeof ratio !== "number") throw new Error(`the committed ratio "${name}" is no number`);
      return [name, ratio];
    }),
  );
}
