// How fast Cambio is beside servers that do less, and its slower answers beside its hits, all in the same run: rounds take turns, and
// ratios of neighbours count, not the figures of a machine.

import { aligned, type Bar, type Measured } from "../report.ts";
import { median } from "../statistics.ts";
import { startSurroundings } from "../surroundings.ts";
import { startBaselines } from "./baselines.ts";
import { type RoundSizes, startCases } from "./cases.ts";
import { type Ratio, ratiosOf } from "./compared.ts";
import { callsUnderWay } from "./frames-load.ts";
import { type Committed, tolerance, whatGotSlower } from "./gate.ts";
import { fastProviderMs } from "./served-cambio.ts";
import { playRounds, type Rounds } from "./series.ts";

/** One round trip; a token that is over within the round is read again. */
const mostRedisCommands = 1.02;

export interface MeasuredRatios extends Measured {
  readonly ratios: readonly Ratio[];
}

/** @param committed undefined: they are about to be replaced */
export async function measureRatios(sizes: RoundSizes, committed: Committed | undefined): Promise<MeasuredRatios> {
  await using surroundings = await startSurroundings(fastProviderMs);
  await using cases = await startCases(surroundings, sizes);
  const { caller, folder } = surroundings;
  const { token, answer } = cases;
  await using baselines = await startBaselines({ caller, token, answer, folder, ms: sizes.ms });
  const rounds = await playRounds([...baselines.series, ...cases.series], sizes.count);
  const ratios = ratiosOf(rounds);
  const failed = await cases.failedCalls();
  const commands = cases.redisCommandsPerAnswer();
  const bars: Bar[] = [
    ...ratios.flatMap(barOf),
    {
      text: `an answer in Redis takes one round trip (${commands.toFixed(2)})`,
      holds: commands > 0 && commands <= mostRedisCommands,
    },
    { text: `/metrics counts no failed call (${failed})`, holds: failed === 0 },
    ...(committed === undefined ? [] : [gateOf(ratios, committed)]),
  ];
  return {
    title:
      `6. Ratios: ${sizes.count} rounds in turns, ${callsUnderWay} calls under way; ` +
      `the first of ${sizes.ms / 1_000} s by h2load, those where calls differ of ${sizes.calls} calls; the provider takes ${fastProviderMs} ms`,
    lines: [...rateTable(rounds), "", ...ratioTable(ratios)],
    bars,
    ratios,
  };
}

function rateTable(rounds: Rounds): readonly string[] {
  return aligned([
    ["calls/s", "median", "lowest", "highest", "CPU µs each"],
    ...[...rounds].map(([name, of]) => {
      const rates = of.map(({ perSecond }) => perSecond);
      const cpu = median(of.map(({ cpuMicros }) => cpuMicros));
      return [name, ...[median(rates), Math.min(...rates), Math.max(...rates), cpu].map(figure)];
    }),
  ]);
}

function figure(rate: number): string {
  return Math.round(rate).toLocaleString("en");
}

function ratioTable(ratios: readonly Ratio[]): readonly string[] {
  return aligned([
    ["ratio", "median", "lowest", "highest", "by CPU time", "promised"],
    ...ratios.map(({ name, ratio, lowest, highest, byCpu, bar }) => [
      name,
      ratio.toFixed(2),
      lowest.toFixed(2),
      highest.toFixed(2),
      byCpu.toFixed(2),
      bar === undefined ? "" : bar.toFixed(1),
    ]),
  ]);
}

function barOf({ name, ratio, bar }: Ratio): readonly Bar[] {
  return bar === undefined ? [] : [{ text: `${name} at least ${bar.toFixed(1)} (${ratio.toFixed(2)})`, holds: ratio >= bar }];
}

function gateOf(ratios: readonly Ratio[], committed: Committed): Bar {
  const slower = whatGotSlower(ratios, committed);
  const allowed = `no ratio is more than ${tolerance * 100} % below the committed one`;
  return { text: slower.length === 0 ? allowed : `${allowed}: ${slower.join("; ")}`, holds: slower.length === 0 };
}
