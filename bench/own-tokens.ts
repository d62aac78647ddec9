// Are tokens that Cambio itself issued as fast beside the exchanges of the others as alone? Rounds with and without that load take
// turns. Whatever runs beside takes its share of the cores; what that costs is measured by the cheapest answer of the same port
// (/livez) in the same rounds, and only what goes beyond it counts. The tokens come out of the Cambio that is measured, before the
// first round, and each is shown once, so that no cache helps.

import type { Caller } from "./caller.ts";
import { closedLoop } from "./closed-loop.ts";
import { usualRate } from "./latency.ts";
import { mostArrivals, openLoop } from "./open-loop.ts";
import { createRandom } from "./random.ts";
import { type Bar, inMs, type Measured, noneFailed } from "./report.ts";
import { median, quantile } from "./statistics.ts";
import { createTokenStream, eachOnce, tokensFor } from "./token-stream.ts";
import { warmUp, warmUpTokens } from "./warm-up.ts";
import type { World } from "./world.ts";

const seed = 3;
/** Few enough to add little load of their own, many enough for a p95 of each round. */
const probesPerSecond = 100;
/** How much more than the baseline their latency may grow beside the load. They take several turns of the event loop, /livez one. */
const tolerance = { p50: 1.25, p95: 1.5 } as const;
/** Beyond it everything waits for a core, all ratios are alike, and the comparison would hold whatever the service does. */
const comparable = 10;
const quantiles = { p50: 0.5, p95: 0.95 } as const;

export interface Rounds {
  readonly count: number;
  readonly ms: number;
}

export interface OwnTokensMaterial {
  /** A token of Cambio's own comes out of each. */
  readonly house: readonly string[];
  readonly corporate: readonly string[];
}

export function tokensForOwnTokens({ count, ms }: Rounds): { readonly house: number; readonly corporate: number } {
  return { house: mostArrivals(probesPerSecond, 2 * count * ms) + warmUpTokens, corporate: tokensFor(count * ms) + warmUpTokens };
}

/** Milliseconds from sending to the answer: a generator that is late beside the load is not the service's delay. */
interface Probes {
  readonly own: readonly number[];
  readonly livez: readonly number[];
}

interface Played {
  /** A round each. */
  readonly alone: readonly Probes[];
  readonly beside: readonly Probes[];
}

export async function measureOwnTokens(world: World, { house, corporate }: OwnTokensMaterial, { count, ms }: Rounds): Promise<Measured> {
  await using cambio = await world.startCambio("real");
  // Connections apart: what is measured is the service, and not a queue for a connection.
  const [busy, probing] = [cambio.connect(), cambio.connect()];
  await warmUp(busy, corporate.slice(0, warmUpTokens), true);
  const own = await issue(probing, house);
  await warmUp(probing, own.slice(0, warmUpTokens), false);
  // One each, as they draw in turns that nobody foresees.
  const chance = { load: createRandom(seed), own: createRandom(seed + 1), livez: createRandom(seed + 2) };
  const stream = createTokenStream(corporate.slice(warmUpTokens), chance.load);
  const unseen = eachOnce(own.slice(warmUpTokens));
  const alone: Probes[] = [];
  const beside: Probes[] = [];
  const probes = async (): Promise<Probes> => {
    const [owned, livez] = await Promise.all([
      openLoop({ perSecond: probesPerSecond, ms, random: chance.own }, () => probing.validate(unseen(), false)),
      openLoop({ perSecond: probesPerSecond, ms, random: chance.livez }, () => probing.livez()),
    ]);
    return { own: owned.map(({ sinceSentMs }) => sinceSentMs), livez: livez.map(({ sinceSentMs }) => sinceSentMs) };
  };
  for (let round = 0; round < count; round += 1) {
    const quiet = async () => alone.push(await probes());
    const loaded = async () => {
      const arrivals = { perSecond: usualRate, ms, random: chance.load };
      const load = openLoop(arrivals, (dueMs) => busy.validate(stream.next(round * ms + dueMs), true));
      beside.push(await probes());
      await load;
    };
    // In turns, so that neither always comes first.
    for (const part of round % 2 === 0 ? [quiet, loaded] : [loaded, quiet]) await part();
  }
  const compared = (["p50", "p95"] as const).map((name) => compare({ alone, beside }, name));
  return {
    title: `3. Tokens that Cambio issued, alone and beside ${Math.round(usualRate)} calls/s as in 2: ${count} rounds of ${ms / 1_000} s each`,
    lines: ["medians of the rounds in ms, from the instant a call was sent: alone, beside, ratio", ...compared.map(({ line }) => line)],
    bars: [...compared.flatMap(({ bars }) => bars), noneFailed(busy.failures(), probing.failures())],
  };
}

async function issue(caller: Caller, house: readonly string[]): Promise<readonly string[]> {
  const own: string[] = [];
  await closedLoop(house, async (subjectToken) => {
    const token = await caller.mint(subjectToken, "orders");
    if (token === undefined) throw new Error(`no token was issued: ${caller.failures()}`);
    own.push(token);
  });
  return own;
}

function compare(played: Played, name: keyof typeof quantiles): { readonly line: string; readonly bars: readonly Bar[] } {
  const [own, livez] = [growth(played, "own", quantiles[name]), growth(played, "livez", quantiles[name])];
  const beyond = own.ratio / livez.ratio;
  return {
    line: `${name}: own tokens ${textOfGrowth(own)}; /livez ${textOfGrowth(livez)}`,
    bars: [
      {
        text: `${name}: own tokens grow by no more than ${tolerance[name]} times what /livez does (${beyond.toFixed(2)})`,
        holds: beyond <= tolerance[name],
      },
      {
        text: `${name}: /livez itself grows by no more than ${comparable} times, or the machine is too busy to compare`,
        holds: livez.ratio <= comparable,
      },
    ],
  };
}

interface Growth {
  readonly alone: number;
  readonly beside: number;
  readonly ratio: number;
}

function growth({ alone, beside }: Played, kind: keyof Probes, q: number): Growth {
  const typical = (rounds: readonly Probes[]) => median(rounds.map((round) => quantile(round[kind], q)));
  const [before, after] = [typical(alone), typical(beside)];
  return { alone: before, beside: after, ratio: after / before };
}

function textOfGrowth({ alone, beside, ratio }: Growth): string {
  return `${inMs(alone)}, ${inMs(beside)}, ${ratio.toFixed(2)}`;
}
