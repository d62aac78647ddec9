// `make bench`: measurements, each with its bars. Exit status 0 means that all of them hold. This process generates load, or has h2load
// do it; Cambio, the providers, Redis and all baselines are processes of their own.
//
//   ONLY            names of parts with commas between them, such as `ratios,tails`; all
//   WRITE           1: what parts 6 to 10 say and draw goes into docs/, and the ratios become those that later runs are held against
//   BENCH_CALLS     calls of the first part (100,000)
//   BENCH_SECONDS   of each rate in the second and the seventh (20, and half of it); of a round in the third and an algorithm in the
//                   fourth, a quarter of it
//   BENCH_ROUNDS    of the third and the sixth (5)
//   BENCH_ROWS      connections in the fifth (1,000,000)
//   BENCH_BURST     seconds of a round in the sixth (1.5)
//   BENCH_DISTINCT  calls in a round of it where all calls differ (3,000)
//   BENCH_TOKENS    distinct tokens in the eighth (300,000)

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { measureConnections } from "./connections.ts";
import { measureFlame } from "./flame/measure-flame.ts";
import { measureHitRatio, tokensForHitRatio } from "./hit-ratio.ts";
import { measureLatency, tokensForLatency } from "./latency.ts";
import { measureMinting, tokensForMinting } from "./minting.ts";
import { measureOwnTokens, tokensForOwnTokens } from "./own-tokens.ts";
import { committedOf, readCommitted } from "./ratios/gate.ts";
import { measureMemory } from "./ratios/measure-memory.ts";
import { measureRatios } from "./ratios/measure-ratios.ts";
import { measureStart } from "./ratios/measure-start.ts";
import { measureTails } from "./ratios/measure-tails.ts";
import { pictureOf } from "./ratios/picture.ts";
import { withSection } from "./ratios/written.ts";
import { machine, type Measured, textOf } from "./report.ts";
import { startWorld, type World } from "./world.ts";

const calls = setting("BENCH_CALLS", 100_000);
const ms = setting("BENCH_SECONDS", 20) * 1_000;
const rows = setting("BENCH_ROWS", 1_000_000);
const rounds = { count: setting("BENCH_ROUNDS", 5), ms: ms / 4 };
const ratioRounds = { count: rounds.count, ms: setting("BENCH_BURST", 1.5) * 1_000, calls: setting("BENCH_DISTINCT", 3_000) };
const distinct = setting("BENCH_TOKENS", 300_000);
/** Before anything of this run loads it. */
const machineBefore = machine();
const write = process.env["WRITE"] === "1";
const documents = join(import.meta.dirname, "../docs");
const committedPath = join(import.meta.dirname, "ratios.json");

function setting(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0`);
  return value;
}

const parts: Readonly<Record<string, () => Promise<Measured>>> = {
  "hit-ratio": () => inWorld(async (world) => measureHitRatio(world, await world.mint("corporate", tokensForHitRatio(calls)), calls)),
  latency: () => inWorld(async (world) => measureLatency(world, await world.mint("corporate", tokensForLatency(ms)), ms)),
  "own-tokens": () =>
    inWorld(async (world) => {
      const needed = tokensForOwnTokens(rounds);
      const house = await world.mint("house", needed.house);
      return measureOwnTokens(world, { house, corporate: await world.mint("corporate", needed.corporate) }, rounds);
    }),
  minting: () => inWorld(async (world) => measureMinting(world, await world.mint("house", tokensForMinting(rounds.ms)), rounds.ms)),
  connections: () => measureConnections(rows),
  ratios: async () => {
    // Read before, so that nothing is measured that cannot be compared.
    const measured = await measureRatios(ratioRounds, write ? undefined : readCommitted(readFileSync(committedPath, "utf8")));
    if (write) {
      writeFileSync(committedPath, `${JSON.stringify(committedOf(measured.ratios), null, 2)}\n`);
      writeFileSync(join(documents, "performance.svg"), pictureOf(measured.ratios));
    }
    return written("ratios", measured);
  },
  tails: async () => written("tails", await measureTails(ms / 2)),
  memory: async () => written("memory", await measureMemory(distinct)),
  start: async () => written("start", await measureStart()),
  flame: async () => {
    const measured = await measureFlame();
    const path = write ? join(documents, "flame-after.svg") : join(import.meta.dirname, "../.cache/flame.svg");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, measured.svg);
    return written("flame", measured);
  },
};

async function inWorld(measure: (world: World) => Promise<Measured>): Promise<Measured> {
  await using world = await startWorld();
  // Waited for here: the world ends with this function.
  return await measure(world);
}

function written(section: string, measured: Measured): Measured {
  const path = join(documents, "performance.md");
  if (write) writeFileSync(path, withSection(readFileSync(path, "utf8"), section, `${machineBefore}\n\n${textOf(measured)}`));
  return measured;
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`);
}

const only = process.env["ONLY"] ?? "";
const wanted = only === "" ? Object.keys(parts) : only.split(",");
print(machineBefore);
for (const name of wanted) {
  const part = parts[name];
  if (part === undefined) throw new Error(`ONLY names no part "${name}"; there are ${Object.keys(parts).join(", ")}`);
  const measured = await part();
  print(textOf(measured));
  if (!measured.bars.every(({ holds }) => holds)) process.exitCode = 1;
}
