// What is counted and timed, in Prometheus form. Labels come from closed sets (configured names, reasons), so that no caller
// can make a series of his own.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Reason } from "../exchange/errors.ts";
import type { Protocol } from "../rpc/call.ts";
import { createVaultMetrics, type VaultMetrics } from "./vault-metrics.ts";

type Tier = "memory" | "redis";

/** What is remembered. */
export type Remembered = "verification" | "exchange";

/** FRAMING: what never became a call. CLIENT_LEFT: it went away before there was an answer. */
export type Outcome = Reason | "OK" | "FRAMING" | "CLIENT_LEFT";

export interface Metrics extends VaultMetrics {
  call(labels: { method: string; protocol: Protocol; reason: Outcome }, durationMs: number): void;
  readonly cacheHit: (of: Remembered, tier: Tier) => void;
  readonly cacheMiss: (of: Remembered) => void;
  /** A stored value that nobody here wrote. */
  cacheAlarm(): void;
  upstream(labels: { provider: string; endpoint: string; outcome: string }, durationMs: number): void;
  /** Spans that the collector took, and those that it did not or that were too many. */
  readonly spans: (counts: { readonly exported: number; readonly dropped: number }) => void;
  upstreamRetry(labels: { provider: string; endpoint: string }): void;
  upstreamRefusal(labels: { provider: string; endpoint: string; by: string }): void;
  /**
   * Asked at every scrape: which endpoints' circuits are open. The latest to watch a provider is the one that is asked.
   * @returns watches no longer
   */
  watchCircuits(provider: string, circuitsOf: () => readonly (readonly [endpoint: string, open: boolean])[]): () => void;
  /** Asked at every scrape: how the parts are that may be away. What is not configured has no series. */
  watchParts(statusOf: () => Readonly<Record<string, string>>): void;
  /** The whole exposition. */
  expose(): Promise<{ contentType: string; text: string }>;
  close(): void;
}

/** Seconds. A hit is well under a millisecond; the upper end is the deadline. */
const callBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];
const upstreamBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const calls = new Counter({
    name: "cambio_calls_total",
    help: "Calls, by outcome.",
    labelNames: ["method", "protocol", "reason"],
    registers,
  });
  const durations = new Histogram({
    name: "cambio_call_duration_seconds",
    help: "Time from the first byte understood to the answer.",
    labelNames: ["method", "protocol"],
    buckets: callBuckets,
    registers,
  });
  const lookups = new Counter({
    name: "cambio_cache_lookups_total",
    help: "Verifications and exchanges looked up: found in process (memory), in Redis (redis), or not at all (none).",
    labelNames: ["of", "tier"],
    registers,
  });
  const alarms = new Counter({
    name: "cambio_cache_alarms_total",
    help: "Stored values that this service did not write.",
    registers,
  });
  const upstreamCalls = new Counter({
    name: "cambio_upstream_calls_total",
    help: "Requests to providers and workload issuers, by outcome.",
    labelNames: ["provider", "endpoint", "outcome"],
    registers,
  });
  const upstreamDurations = new Histogram({
    name: "cambio_upstream_duration_seconds",
    help: "Time of requests to providers and workload issuers.",
    labelNames: ["provider", "endpoint"],
    buckets: upstreamBuckets,
    registers,
  });
  const spans = new Counter({
    name: "cambio_trace_spans_total",
    help: "Spans, by what became of them: exported, or dropped as the collector did not take them or there were too many.",
    labelNames: ["outcome"],
    registers,
  });
  const retries = new Counter({
    name: "cambio_upstream_retries_total",
    help: "Requests to providers that were sent a second time.",
    labelNames: ["provider", "endpoint"],
    registers,
  });
  const refusals = new Counter({
    name: "cambio_upstream_refusals_total",
    help: "Requests that were not sent: the endpoint's circuit is open (circuit), or it asked for a pause (pause).",
    labelNames: ["provider", "endpoint", "by"],
    registers,
  });
  const watchCircuits = watchingCircuits(registers);
  const stopObserving = observeProcess(registers);

  return {
    ...createVaultMetrics(registers),
    call(labels, durationMs) {
      calls.inc(labels);
      durations.observe({ method: labels.method, protocol: labels.protocol }, durationMs / 1000);
    },
    cacheHit: (of, tier) => lookups.inc({ of, tier }),
    cacheMiss: (of) => lookups.inc({ of, tier: "none" }),
    cacheAlarm: () => alarms.inc(),
    upstream(labels, durationMs) {
      upstreamCalls.inc(labels);
      upstreamDurations.observe({ provider: labels.provider, endpoint: labels.endpoint }, durationMs / 1000);
    },
    spans({ exported, dropped }) {
      spans.inc({ outcome: "exported" }, exported);
      spans.inc({ outcome: "dropped" }, dropped);
    },
    upstreamRetry: (labels) => retries.inc(labels),
    upstreamRefusal: (labels) => refusals.inc(labels),
    watchCircuits,
    watchParts(statusOf) {
      void new Gauge({
        name: "cambio_part_ready",
        help: "1 where a part that this process needs can be used (redis, database, audit), else 0.",
        labelNames: ["part"],
        registers,
        collect() {
          for (const [part, status] of Object.entries(statusOf())) {
            if (status === "ready" || status === "away") this.set({ part }, status === "ready" ? 1 : 0);
          }
        },
      });
    },
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    close: stopObserving,
  };
}

function watchingCircuits(registers: Registry[]): Metrics["watchCircuits"] {
  const watched = new Map<string, Parameters<Metrics["watchCircuits"]>[1]>();
  void new Gauge({
    name: "cambio_upstream_circuit_open",
    help: "1 where a provider's endpoint is not asked because it failed too often, else 0.",
    labelNames: ["provider", "endpoint"],
    registers,
    collect() {
      this.reset();
      for (const [provider, circuitsOf] of watched)
        for (const [endpoint, open] of circuitsOf()) this.set({ provider, endpoint }, open ? 1 : 0);
    },
  });
  return (provider, circuitsOf) => {
    watched.set(provider, circuitsOf);
    return () => {
      // After a reload there is a later one of the same name.
      if (watched.get(provider) === circuitsOf) watched.delete(provider);
    };
  };
}

/** Event-loop delay and memory; the delay is that since the last scrape. */
function observeProcess(registers: Registry[]): () => void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  void new Gauge({
    name: "cambio_event_loop_delay_seconds",
    help: "Event-loop delay since the last scrape.",
    labelNames: ["quantile"],
    registers,
    collect() {
      for (const quantile of [0.5, 0.99]) this.set({ quantile: String(quantile) }, delay.percentile(quantile * 100) / 1e9);
      delay.reset();
    },
  });
  void new Gauge({
    name: "cambio_resident_memory_bytes",
    help: "Resident memory of the process.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return () => delay.disable();
}
