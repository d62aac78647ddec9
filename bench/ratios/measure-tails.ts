// How long calls take at half of the highest rate, the slowest of a hundred above all, over gRPC; for exchanges less what the provider
// itself took for the same call. Calls arrive by chance and are timed from the instant that they were due.

import { createRandom } from "../random.ts";
import { aligned, type Bar, inMs, type Measured, noneFailed, quantilesInMs } from "../report.ts";
import { median, quantile } from "../statistics.ts";
import { startSurroundings } from "../surroundings.ts";
import { createFramesLoad, type FramesLoad } from "./frames-load.ts";
import { headersOf, validatePath, validation } from "./protocols.ts";
import { fastProviderMs, type ServedCambio, serveCambio } from "./served-cambio.ts";

const seed = 7;
/** Bursts that tell the highest rate, after one that is not counted. */
const bursts = 3;
const hitTokens = 1_000;
const hitBurst = 10_000;
const missBurst = 2_000;
const bars = { hitMs: 5, addedMs: 3 } as const;
/** How often a generator is allowed to be to blame. */
const tooLateMs = 3;

interface Played {
  readonly highest: number;
  readonly perSecond: number;
  readonly sinceDueMs: readonly number[];
  readonly lateMs: readonly number[];
  readonly loopDelayMs: { readonly p50: number; readonly p99: number };
}

export async function measureTails(ms: number): Promise<Measured> {
  await using surroundings = await startSurroundings(fastProviderMs);
  await using cambio = await serveCambio(surroundings);
  const load = await createFramesLoad(cambio.url, validatePath, headersOf("gRPC", surroundings.caller));
  const known = (await surroundings.mint("corporate", hitTokens)).map((token) => validation("gRPC", token));
  const hits = await play({ cambio, load }, { ms, burst: hitBurst, of: async (count) => repeat(known, count) });

  let shown: readonly string[] = [];
  const unseen = async (count: number) => {
    shown = await surroundings.mint("corporate", count);
    // What it took for those before is of no interest.
    await surroundings.answerMs("corporate");
    return shown.map((token) => validation("gRPC", token, true));
  };
  const misses = await play({ cambio, load }, { ms, burst: missBurst, of: unseen });
  const providerMs = await surroundings.answerMs("corporate");
  const ofProvider = shown.map((token) => providerMs[subjectOf(token)] ?? Number.NaN);
  const added = misses.sinceDueMs.map((total, index) => total - (ofProvider[index] ?? Number.NaN));
  load.close();

  const [hitMs, addedMs] = [quantile(hits.sinceDueMs, 0.99), quantile(added, 0.99)];
  const verdicts: Bar[] = [
    { text: `hit: p99 under ${bars.hitMs} ms (${inMs(hitMs)})`, holds: hitMs < bars.hitMs },
    { text: `exchange: p99 of what is added under ${bars.addedMs} ms (${inMs(addedMs)})`, holds: addedMs < bars.addedMs },
    noneFailed(load.failures() === 0 ? "" : String(load.failures())),
  ];
  const busy = [hits, misses].some(({ lateMs }) => quantile(lateMs, 0.99) > tooLateMs);
  return {
    title: `7. Latency at half of the highest rate, ${ms / 1_000} s each: p50 / p95 / p99 in ms`,
    lines: [
      ...aligned([
        ["", "highest, calls/s", "offered", "from due", "generator late", "event loop p50 / p99"],
        rowOf("hit", hits),
        rowOf("miss, with exchange", misses),
      ]),
      `the provider itself ${quantilesInMs(ofProvider)}; added to it ${quantilesInMs(added)}`,
      "event loop: between two turns of a timer of 10 ms, by /metrics",
      ...(busy ? ["the generator was late itself: this machine is too busy to judge by"] : []),
    ],
    bars: verdicts,
  };
}

async function play(
  { cambio, load }: { readonly cambio: ServedCambio; readonly load: FramesLoad },
  { ms, burst, of }: { readonly ms: number; readonly burst: number; readonly of: (count: number) => Promise<readonly Buffer[]> },
): Promise<Played> {
  const rates: number[] = [];
  for (let turn = 0; turn <= bursts; turn += 1) rates.push((burst * 1_000) / (await load.closedLoop(await of(burst))));
  const highest = median(rates.slice(1));
  const perSecond = highest / 2;
  const messages = await of(Math.ceil((perSecond * ms) / 1_000));
  // Its delays are told since the last time that somebody asked.
  await cambio.metrics();
  const timings = await load.openLoop({ perSecond, random: createRandom(seed) }, messages);
  const { loopDelayMs } = await cambio.metrics();
  return { highest, perSecond, loopDelayMs, ...timings };
}

function rowOf(name: string, { highest, perSecond, sinceDueMs, lateMs, loopDelayMs }: Played): readonly string[] {
  const loop = `${inMs(loopDelayMs.p50)} / ${inMs(loopDelayMs.p99)}`;
  return [name, highest.toFixed(0), perSecond.toFixed(0), quantilesInMs(sinceDueMs), quantilesInMs(lateMs), loop];
}

function repeat(known: readonly Buffer[], count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_one, index) => known[index % known.length] ?? Buffer.alloc(0));
}

function subjectOf(token: string): string {
  const claims: { sub: string } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  return claims.sub;
}
