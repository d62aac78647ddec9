// `make bench`: five measurements, each with its bars. Exit status 0 means that all of them hold. This process generates the load;
// Cambio, the providers and Redis are processes of their own (world.ts).
//
//   BENCH_CALLS    calls of the first measurement (100,000)
//   BENCH_SECONDS  of each rate in the second (20); of a round in the third and an algorithm in the fourth, a quarter of it
//   BENCH_ROUNDS   of the third (5)
//   BENCH_ROWS     connections in the fifth (1,000,000)

import { measureConnections } from "./connections.ts";
import { measureHitRatio, tokensForHitRatio } from "./hit-ratio.ts";
import { measureLatency, tokensForLatency } from "./latency.ts";
import { measureOwnTokens, tokensForOwnTokens } from "./own-tokens.ts";
import { measureMinting, tokensForMinting } from "./minting.ts";
import { machine, type Measured, textOf } from "./report.ts";
import { startWorld } from "./world.ts";

const calls = setting("BENCH_CALLS", 100_000);
const ms = setting("BENCH_SECONDS", 20) * 1_000;
const rows = setting("BENCH_ROWS", 1_000_000);
const rounds = { count: setting("BENCH_ROUNDS", 5), ms: ms / 4 };

function setting(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0`);
  return value;
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`);
}

print(machine());
await using world = await startWorld();
const needed = tokensForOwnTokens(rounds);
const corporate = await world.mint("corporate", Math.max(tokensForHitRatio(calls), tokensForLatency(ms), needed.corporate));
const house = await world.mint("house", Math.max(needed.house, tokensForMinting(rounds.ms)));

const measurements: readonly (() => Promise<Measured>)[] = [
  () => measureHitRatio(world, corporate, calls),
  () => measureLatency(world, corporate, ms),
  () => measureOwnTokens(world, { house: house.slice(0, needed.house), corporate }, rounds),
  () => measureMinting(world, house, rounds.ms),
  () => measureConnections(rows),
];
for (const measure of measurements) {
  const measured = await measure();
  print(textOf(measured));
  if (!measured.bars.every(({ holds }) => holds)) process.exitCode = 1;
}
