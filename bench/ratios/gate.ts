// The gate: ratios of this run held against those that are committed. What has become slower beyond what chance does is named. On a machine
// that is busy with other things rates are a matter of luck, and the ratios by CPU time are compared instead.

import type { Ratio } from "./compared.ts";

/**
 * How far a ratio may fall. Medians of the same code differ by up to a tenth from run to run: of rates where nothing else runs, of CPU
 * time also where a dozen other processes do. Half as much again is a change.
 */
export const tolerance = 0.15;

/** For each core, before the run. */
const busyLoad = 0.5;

interface CommittedRatio {
  readonly rate: number;
  readonly cpu: number;
}

/** As in ratios.json: by name. */
export type Committed = Readonly<Record<string, CommittedRatio>>;

export function committedOf(ratios: readonly Ratio[]): Committed {
  return Object.fromEntries(ratios.map(({ name, ratio, byCpu }) => [name, { rate: rounded(ratio), cpu: rounded(byCpu) }]));
}

/** @param load mean number of processes that wanted a core */
export function isBusy(load: number, cores: number): boolean {
  return load > busyLoad * cores;
}

/** @returns a sentence for each that became slower, or that nothing is committed about; empty: as fast as it was */
export function whatGotSlower(ratios: readonly Ratio[], committed: Committed, busy: boolean): readonly string[] {
  const unknown = ratios.filter(({ name }) => committed[name] === undefined);
  const slower = ratios.flatMap((ratio) => {
    const before = committed[ratio.name];
    if (before === undefined) return [];
    const [now, then, by] = busy ? [ratio.byCpu, before.cpu, " by CPU time"] : [ratio.ratio, before.rate, ""];
    if (now >= then * (1 - tolerance)) return [];
    return [`${ratio.name}: ${now.toFixed(2)}${by}, it was ${then.toFixed(2)}`];
  });
  return unknown.length === 0 ? slower : [...slower, `there is nothing to compare with for ${unknown.map(({ name }) => name).join(", ")}`];
}

/** @throws Error where the text is something else than pairs of numbers by name */
export function readCommitted(text: string): Committed {
  const read: unknown = JSON.parse(text);
  if (typeof read !== "object" || read === null) throw new Error("the committed ratios are no object");
  return Object.fromEntries(
    Object.entries(read).map(([name, pair]: [string, unknown]) => {
      if (!isPair(pair)) throw new Error(`the committed ratio "${name}" is no pair of numbers`);
      return [name, pair];
    }),
  );
}

function isPair(value: unknown): value is CommittedRatio {
  if (typeof value !== "object" || value === null) return false;
  return "rate" in value && typeof value.rate === "number" && "cpu" in value && typeof value.cpu === "number";
}

function rounded(ratio: number): number {
  return Number(ratio.toFixed(3));
}
