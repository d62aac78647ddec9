// Which ratios are of interest, what of them is promised, and how they come out of the rates. A ratio is formed in each round, of two
// rates that were measured within seconds of each other; its median over the rounds counts, and how far apart they are is its spread. The
// same by the servers' CPU time is there for machines that are busy with other things.

import { median } from "../statistics.ts";
import { baselineNames } from "./baselines.ts";
import { caseNames } from "./cases.ts";
import type { Round, Rounds } from "./series.ts";

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
  /** Median of the rounds, by the CPU time that a call takes. NaN: the system does not tell. */
  readonly byCpu: number;
}

export function ratiosOf(rounds: Rounds, wanted: readonly Comparison[] = comparisons): readonly Ratio[] {
  return wanted.map((comparison) => {
    const of = roundsOf(rounds, comparison.of);
    const against = roundsOf(rounds, comparison.against);
    const ratios = of.map(({ perSecond }, round) => perSecond / (against[round]?.perSecond ?? Number.NaN));
    return {
      ...comparison,
      name: `${comparison.of} / ${comparison.against}`,
      ratio: median(ratios),
      lowest: Math.min(...ratios),
      highest: Math.max(...ratios),
      byCpu: median(of.map(({ cpuMicros }, round) => (against[round]?.cpuMicros ?? Number.NaN) / cpuMicros)),
    };
  });
}

function roundsOf(rounds: Rounds, name: string): readonly Round[] {
  const found = rounds.get(name);
  if (found === undefined) throw new Error(`there is no series "${name}"`);
  return found;
}
