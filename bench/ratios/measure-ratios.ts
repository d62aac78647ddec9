// How fast Cambio is beside servers that do less, and its slower answers beside its hits, all in the same run: rounds take turns, and
// ratios of neighbours count, not the figures of a machine.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { aligned, type Bar, type Measured } from "../report.ts";
import { median } from "../statistics.ts";
import { startSurroundings } from "../surroundings.ts";
import { startBaselines } from "./baselines.ts";
import { type Rounds, startCases } from "./cases.ts";
import { type Ratio, ratiosOf } from "./compared.ts";
import { readCommitted, tolerance, whatGotSlower } from "./gate.ts";
import { callsUnderWay } from "./frames-load.ts";
import { playRounds, type Rates } from "./series.ts";

/** Of the provider that is asked in the last two cases. */
export const fastProviderMs = 5;
/** What reads Redis asks it once; in the background are the marks of revocations and the counts of other replicas. */
const mostRedisCommands = 1.1;

export const committedPath = join(import.meta.dirname, "../ratios.json");

export interface MeasuredRatios extends Measured {
  readonly ratios: readonly Ratio[];
}

/** @param compare false: the committed ratios are about to be replaced */
export async function measureRatios(rounds: Rounds, compare: boolean): Promise<MeasuredRatios> {
  await using surroundings = await startSurroundings(fastProviderMs);
  await using cases = await startCases(surroundings, rounds);
  const { caller, folder } = surroundings;
  const { token, answer } = cases;
  await using baselines = await startBaselines({ caller, token, answer, folder, ms: rounds.ms });
  const rates = await playRounds([...baselines.series, ...cases.series], rounds.count);
  const ratios = ratiosOf(rates);
  const failed = await cases.failedCalls();
  const commands = cases.redisCommandsPerAnswer();
  const bars: Bar[] = [
    ...ratios.flatMap(barOf),
    { text: `an answer in Redis takes one command (${commands.toFixed(2)}, background and all)`, holds: commands <= mostRedisCommands },
    { text: `/metrics counts no failed call (${failed})`, holds: failed === 0 },
    ...(compare ? [gateOf(ratios)] : []),
  ];
  return {
    title:
      `6. Ratios: ${rounds.count} rounds in turns, ${callsUnderWay} calls under way; ` +
      `the first of ${rounds.ms / 1_000} s by h2load, those where calls differ of ${rounds.calls} calls; the provider takes ${fastProviderMs} ms`,
    lines: [...rateTable(rates), "", ...ratioTable(ratios)],
    bars,
    ratios,
  };
}

function rateTable(rates: Rates): readonly string[] {
  return aligned([
    ["calls/s", "median", "lowest", "highest"],
    ...[...rates].map(([name, of]) => [name, figure(median(of)), figure(Math.min(...of)), figure(Math.max(...of))]),
  ]);
}

function figure(rate: number): string {
  return Math.round(rate).toLocaleString("en");
}

function ratioTable(ratios: readonly Ratio[]): readonly string[] {
  return aligned([
    ["ratio", "median", "lowest", "highest", "promised"],
    ...ratios.map(({ name, ratio, lowest, highest, bar }) => [
      name,
      ratio.toFixed(2),
      lowest.toFixed(2),
      highest.toFixed(2),
      bar === undefined ? "" : bar.toFixed(1),
    ]),
  ]);
}

function barOf({ name, ratio, bar }: Ratio): readonly Bar[] {
  return bar === undefined ? [] : [{ text: `${name} at least ${bar.toFixed(1)} (${ratio.toFixed(2)})`, holds: ratio >= bar }];
}

function gateOf(ratios: readonly Ratio[]): Bar {
  const slower = whatGotSlower(ratios, readCommitted(readFileSync(committedPath, "utf8")));
  const allowed = `no ratio fell by more than ${tolerance * 100} % below the committed one`;
  return { text: slower.length === 0 ? allowed : `${allowed}: ${slower.join("; ")}`, holds: slower.length === 0 };
}
