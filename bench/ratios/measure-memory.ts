// What the process takes of memory: at rest, when it remembers 100,000 tokens, and while ever more go through it that it has not seen. By
// what it says itself (/metrics, resident memory).

import { setTimeout as sleep } from "node:timers/promises";
import { aligned, type Bar, type Measured, noneFailed } from "../report.ts";
import { startSurroundings, type Surroundings } from "../surroundings.ts";
import { createFramesLoad } from "./frames-load.ts";
import { headersOf, validatePath, validation } from "./protocols.ts";
import { fastProviderMs, serveCambio } from "./served-cambio.ts";

/** As many as it remembers at most. */
const remembered = 100_000;
/** Minted while those before are shown. */
const batch = 5_000;
const lookEvery = 20_000;
const quietMs = 1_000;
const mebibyte = 2 ** 20;
const bars = { restMiB: 120, rememberedMiB: 250, growth: 1.1 } as const;

/** @param distinct tokens in all; three times as many as it remembers, or what becomes of memory after that is not seen */
export async function measureMemory(distinct: number): Promise<Measured> {
  await using surroundings = await startSurroundings(fastProviderMs);
  await using cambio = await serveCambio(surroundings);
  const load = await createFramesLoad(cambio.url, validatePath, headersOf("gRPC", surroundings.caller));
  const residentMiB = async () => (await cambio.metrics()).residentBytes / mebibyte;
  await sleep(quietMs);
  const rest = await residentMiB();
  const seen: { readonly tokens: number; readonly miB: number }[] = [];
  const beganMs = performance.now();
  let full = Number.NaN;
  let shown = 0;
  for await (const messages of batches(surroundings, distinct)) {
    await load.closedLoop(messages);
    shown += messages.length;
    if (shown % lookEvery === 0) seen.push({ tokens: shown, miB: await residentMiB() });
    if (shown === remembered) {
      await sleep(quietMs);
      full = await residentMiB();
    }
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  load.close();
  const highestBetween = (from: number, to: number) =>
    Math.max(...seen.filter(({ tokens }) => tokens > from && tokens <= to).map(({ miB }) => miB));
  const [middle, last] = [highestBetween(distinct / 3, (distinct * 2) / 3), highestBetween((distinct * 2) / 3, distinct)];
  const verdicts: Bar[] = [
    { text: `at rest under ${bars.restMiB} MiB (${rest.toFixed(0)})`, holds: rest < bars.restMiB },
    { text: `with ${remembered} tokens under ${bars.rememberedMiB} MiB (${full.toFixed(0)})`, holds: full < bars.rememberedMiB },
    {
      text: `the last third takes no more than ${bars.growth} times the middle third (${last.toFixed(0)}, ${middle.toFixed(0)} MiB)`,
      holds: last <= middle * bars.growth,
    },
    noneFailed(load.failures() === 0 ? "" : String(load.failures())),
  ];
  return {
    title: `8. Resident memory over ${distinct} distinct tokens, which took ${seconds.toFixed(0)} s`,
    lines: aligned([
      ["", "MiB"],
      ["at rest", rest.toFixed(0)],
      [`${remembered} tokens remembered`, full.toFixed(0)],
      ["highest, middle third", middle.toFixed(0)],
      ["highest, last third", last.toFixed(0)],
      ["at the end", (seen.at(-1)?.miB ?? Number.NaN).toFixed(0)],
    ]),
    bars: verdicts,
  };
}

/** Of ES256, which an issuer signs fastest. */
async function* batches(surroundings: Surroundings, distinct: number): AsyncGenerator<readonly Buffer[]> {
  const next = (from: number) => surroundings.mint("corporate", Math.min(batch, distinct - from), "ES256");
  let coming = next(0);
  for (let from = 0; from < distinct; from += batch) {
    const tokens = await coming;
    if (from + batch < distinct) coming = next(from + batch);
    yield tokens.map((token) => validation("gRPC", token));
  }
}
