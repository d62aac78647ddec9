// How long calls take where the provider takes 20 ms for each exchange: at the rate of two minutes' workload, at half of it and, to see
// what happens beyond what is promised, at double. Each rate begins with an empty cache, so that there are more misses than later on.

import type { Outcome } from "./caller.ts";
import { openLoop, type Timing } from "./open-loop.ts";
import { createRandom } from "./random.ts";
import { type Bar, type Measured, noneFailed, percent, quantilesInMs } from "./report.ts";
import { quantile } from "./statistics.ts";
import { createTokenStream, tokensFor } from "./token-stream.ts";
import { warmUp, warmUpTokens } from "./warm-up.ts";
import { providerDelayMs, type World } from "./world.ts";

/** 100,000 calls in two minutes. */
export const usualRate = 100_000 / 120;
const rates = [usualRate / 2, usualRate, usualRate * 2];
const seed = 2;
const barMs = 100;
/** The timer's own grain is 1 ms; a generator that gets a core when it needs one stays well below. */
const tooLateMs = 10;

export function tokensForLatency(ms: number): number {
  return tokensFor(ms) + warmUpTokens;
}

export async function measureLatency(world: World, tokens: readonly string[], ms: number): Promise<Measured> {
  const bars: Bar[] = [];
  const lines: string[] = ["p50 / p95 / p99 in ms, from the instant a call was due"];
  for (const perSecond of rates) {
    await using cambio = await world.startCambio("real");
    const caller = cambio.connect();
    await warmUp(caller, tokens.slice(0, warmUpTokens), true);
    const random = createRandom(seed);
    const stream = createTokenStream(tokens.slice(warmUpTokens), random);
    const cpuMs = await cambio.cpuMs();
    const timings = await openLoop({ perSecond, ms, random }, (dueMs) => caller.validate(stream.next(dueMs), true));
    const cores = ((await cambio.cpuMs()) - cpuMs) / ms;
    const rate = `${Math.round(perSecond)} calls/s`;
    const late = timings.map(({ sinceDueMs, sinceSentMs }) => sinceDueMs - sinceSentMs);
    const all = timings.map(({ sinceDueMs }) => sinceDueMs);
    lines.push(`${rate} for ${ms / 1_000} s: all ${quantilesInMs(all)}; ${share("hit", timings)}; ${share("miss", timings)}`);
    lines.push(`  generator late by ${quantilesInMs(late)}; the service used ${cores.toFixed(2)} cores`);
    if (quantile(late, 0.95) > tooLateMs) lines.push("  the generator was late itself: this machine is too busy to judge by");
    const failures = caller.failures();
    if (perSecond <= usualRate) {
      bars.push({ text: `${rate}: p95 of all below ${barMs} ms`, holds: quantile(all, 0.95) < barMs }, noneFailed(failures));
    } else {
      lines.push(`  calls for which there was no place: ${failures === "" ? "none" : failures}`);
      bars.push({ text: `${rate}: no call failed but as unavailable`, holds: /^(?:unavailable \d+)?$/.test(failures) });
    }
  }
  return { title: `2. Latency where the provider takes ${providerDelayMs} ms for an exchange`, lines, bars };
}

function share(outcome: Outcome, timings: readonly Timing[]): string {
  const such = timings.filter((timing) => timing.outcome === outcome);
  const name = outcome === "hit" ? "hits" : "misses";
  return `${name} (${percent(such.length / timings.length)}) ${quantilesInMs(such.map(({ sinceDueMs }) => sinceDueMs))}`;
}
