// What it takes to issue a token of Cambio's own in exchange for a provider's, by each algorithm: how many a second one process
// issues, and how long one takes at a rate that leaves the process idle most of the time. Each subject token is shown once, so that
// verifying it, and looking for it in Redis before, are part of the figures. They have no bar: they are there to be known.

import { type SigningAlgorithm, signingAlgorithms } from "../src/exchange/minting-ports.ts";
import type { Caller } from "./caller.ts";
import { callsUnderWay, closedLoop } from "./closed-loop.ts";
import { mostArrivals, openLoop } from "./open-loop.ts";
import { createRandom } from "./random.ts";
import { inMs, type Measured, noneFailed } from "./report.ts";
import { quantile } from "./statistics.ts";
import { eachOnce } from "./token-stream.ts";
import type { Cambio, World } from "./world.ts";

const seed = 6;
/** As many as the probes of own-tokens.ts, so that issuing and validating can be held against each other. */
const perSecond = 100;
const warmUpCalls = 1_000;
/** Issued as fast as it goes, for each second at that rate: a machine of two cores needs about half as long for them. */
const busyCallsPerSecond = 400;
/** As bench.yaml names them. */
const audiences: Readonly<Record<SigningAlgorithm, string>> = { ES256: "orders", EdDSA: "orders-eddsa", RS256: "orders-rs256" };

export function tokensForMinting(ms: number): number {
  return signingAlgorithms.length * tokensOfEach(ms);
}

function tokensOfEach(ms: number): number {
  return warmUpCalls + busyCalls(ms) + mostArrivals(perSecond, ms);
}

function busyCalls(ms: number): number {
  return Math.ceil((ms / 1_000) * busyCallsPerSecond);
}

/** @param house as many as `tokensForMinting` says */
export async function measureMinting(world: World, house: readonly string[], ms: number): Promise<Measured> {
  await using cambio = await world.startCambio("real");
  const caller = cambio.connect();
  const lines = [
    `${callsUnderWay} calls under way; then ${perSecond} calls/s for ${ms / 1_000} s: p50 / p95 in ms, from the instant a call was due`,
  ];
  for (const [index, algorithm] of signingAlgorithms.entries()) {
    const tokens = house.slice(index * tokensOfEach(ms), (index + 1) * tokensOfEach(ms));
    lines.push(`${algorithm}: ${await measureOne({ cambio, caller, audience: audiences[algorithm] }, tokens, ms)}`);
  }
  return { title: "4. Exchange of a token into one that Cambio issues", lines, bars: [noneFailed(caller.failures())] };
}

interface Issuing {
  readonly cambio: Cambio;
  readonly caller: Caller;
  readonly audience: string;
}

async function measureOne({ cambio, caller, audience }: Issuing, tokens: readonly string[], ms: number): Promise<string> {
  const mint = (token: string) => caller.mint(token, audience);
  const quietFrom = warmUpCalls + busyCalls(ms);
  await closedLoop(tokens.slice(0, warmUpCalls), mint);

  const cpuMs = await cambio.cpuMs();
  const busyMs = await closedLoop(tokens.slice(warmUpCalls, quietFrom), mint);
  const cpuMsOfEach = ((await cambio.cpuMs()) - cpuMs) / busyCalls(ms);

  const unseen = eachOnce(tokens.slice(quietFrom));
  const timings = await openLoop({ perSecond, ms, random: createRandom(seed) }, async () =>
    (await mint(unseen())) === undefined ? "failed" : "miss",
  );
  const sinceDue = timings.map(({ sinceDueMs }) => sinceDueMs);
  const rate = Math.round((busyCalls(ms) * 1_000) / busyMs);
  return `${rate} calls/s, ${inMs(cpuMsOfEach)} ms of CPU time each; ${inMs(quantile(sinceDue, 0.5))} / ${inMs(quantile(sinceDue, 0.95))}`;
}
