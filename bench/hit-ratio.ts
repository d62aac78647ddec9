// How much the cache spares the provider: 100,000 validations in two simulated minutes, from an empty cache on. Time passes with the
// calls, 1.2 ms each, and not with the machine. What is counted is what each answer says of itself, held against /metrics.

import { readMetric } from "../test/support/metrics-text.ts";
import type { Caller, Outcome } from "./caller.ts";
import { createRandom } from "./random.ts";
import { type Bar, type Measured, noneFailed, percent } from "./report.ts";
import { createTokenStream, tokensFor } from "./token-stream.ts";
import type { Cambio, World } from "./world.ts";

const seed = 1;
const msPerCall = 1.2;
const callsUnderWay = 32;
/** Simulated time that a message to the service's process may be behind. */
const clockStepCalls = 8;
/** How long anything is remembered at most. */
const rememberedMs = 60_000;
const bar = 0.8;

interface Counted {
  readonly hits: number;
  readonly misses: number;
  /** Calls that a cache could answer that forgets nothing before its time. */
  readonly possible: number;
}

export function tokensForHitRatio(calls: number): number {
  return tokensFor(calls * msPerCall);
}

export async function measureHitRatio(world: World, tokens: readonly string[], calls: number): Promise<Measured> {
  const bars: Bar[] = [];
  const lines: string[] = [];
  for (const exchange of [true, false]) {
    await using cambio = await world.startCambio("simulated");
    const caller = cambio.connect();
    const counted = await play({ cambio, caller }, tokens, { calls, exchange });
    const asked = await metricsOf(cambio.url, exchange ? "exchange" : "verification");
    const ratio = counted.hits / calls;
    const name = exchange ? "validated and exchanged" : "validated only";
    lines.push(`${name}: ${percent(ratio)} hits; at most ${percent(counted.possible / calls)} are possible; ${asked.text}`);
    bars.push({ text: `${name}: more than ${percent(bar)} hits`, holds: ratio > bar });
    bars.push({
      text: `${name}: /metrics counts what the answers say (${asked.hits} hits, ${asked.misses} misses)`,
      holds: asked.hits === counted.hits && asked.misses === counted.misses,
    });
    bars.push(noneFailed(caller.failures()));
  }
  const minutes = ((calls * msPerCall) / 60_000).toFixed(1);
  return {
    title: `1. Cache: ${calls} calls in ${minutes} simulated minutes, 10,000 tokens by Zipf's law, a fifth replaced each minute`,
    lines,
    bars,
  };
}

async function play(
  { cambio, caller }: { readonly cambio: Cambio; readonly caller: Caller },
  tokens: readonly string[],
  { calls, exchange }: { readonly calls: number; readonly exchange: boolean },
): Promise<Counted> {
  const stream = createTokenStream(tokens, createRandom(seed));
  const startMs = Date.now();
  const counts: Record<Outcome, number> = { hit: 0, miss: 0, failed: 0 };
  const rememberedUntil = new Map<string, number>();
  let possible = 0;
  let begun = 0;

  async function oneAfterTheOther(): Promise<void> {
    while (begun < calls) {
      const elapsedMs = begun * msPerCall;
      if (begun % clockStepCalls === 0) cambio.setClock(startMs + elapsedMs);
      begun += 1;
      const token = stream.next(elapsedMs);
      if (elapsedMs < (rememberedUntil.get(token) ?? 0)) possible += 1;
      else rememberedUntil.set(token, elapsedMs + rememberedMs);
      counts[await caller.validate(token, exchange)] += 1;
    }
  }

  await Promise.all(Array.from({ length: callsUnderWay }, () => oneAfterTheOther()));
  return { hits: counts.hit, misses: counts.miss, possible };
}

async function metricsOf(url: string, of: "exchange" | "verification") {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lookups = (tier: string) => readMetric(text, "cambio_cache_lookups_total", { of, tier });
  const exchanges = readMetric(text, "cambio_upstream_calls_total", { provider: "corporate", endpoint: "token" });
  return {
    hits: lookups("memory") + lookups("redis"),
    misses: lookups("none"),
    text: `${exchanges} calls to the token endpoint`,
  };
}
