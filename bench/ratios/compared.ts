// Which ratios are of interest, what of them is promised, and how they come out of the rates. A ratio is formed in each round, of two
// rates that were measured within seconds of each other; its median over the rounds counts, and how far apart they are is its spread.

import { median } from "../statistics.ts";
import { baselineNames } from "./baselines.ts";
import { caseNames } from "./cases.ts";
import type { Rates } from "./series.ts";

interface Comparison {
  readonly of: string;
  readonly against: string;
  /** At least that. Absent: nothing is promised. */
  readonly bar?: number;
}

const { hit } = caseNames;

export const comparisons: readonly Comparison[] = [
  { of: hit.gRPC, against: baselineNames.grpcJs, bar: 1 },
  { of: hit.gRPC, against: baselineNames.http2 },
  { of: hit.gRPC, against: baselineNames.connectNode },
  { of: hit["Connect+JSON"], against: baselineNames.http, bar: 0.5 },
  { of: hit["Connect+JSON"], against: baselineNames.introspection },
  { of: hit["gRPC-Web"], against: hit.gRPC, bar: 0.9 },
  { of: hit["Connect+proto"], against: hit.gRPC, bar: 0.9 },
  { of: caseNames.ownAgain, against: hit.gRPC },
  { of: caseNames.missRs256, against: caseNames.again, bar: 0.4 },
  { of: caseNames.redis, against: caseNames.again, bar: 0.5 },
  { of: caseNames.missEs256, against: caseNames.again },
  { of: caseNames.ownFirst, against: caseNames.again },
  { of: caseNames.exchangeMiss, against: caseNames.again },
  { of: caseNames.code, against: caseNames.again },
];

export interface Ratio extends Comparison {
  readonly name: string;
  /** Median of the rounds. */
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
}

export function ratiosOf(rates: Rates, wanted: readonly Comparison[] = comparisons): readonly Ratio[] {
  return wanted.map((comparison) => {
    const [of, against] = [ratesOf(rates, comparison.of), ratesOf(rates, comparison.against)];
    const rounds = of.map((rate, round) => rate / (against[round] ?? Number.NaN));
    return {
      ...comparison,
      name: `${comparison.of} / ${comparison.against}`,
      ratio: median(rounds),
      lowest: Math.min(...rounds),
      highest: Math.max(...rounds),
    };
  });
}

function ratesOf(rates: Rates, name: string): readonly number[] {
  const found = rates.get(name);
  if (found === undefined) throw new Error(`there is no series "${name}"`);
  return found;
}
