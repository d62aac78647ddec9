// Part of the composition root: traces, where they are configured, and the collector that they are sent to. Where they are not,
// nothing of OpenTelemetry is loaded.

import { randomUUID } from "node:crypto";
import type { Configuration } from "../config/schema.ts";
import type { Clock } from "../exchange/ports.ts";
import { createHttpClient } from "../net/http-client.ts";
import { createProviderGuard } from "../net/provider-guard.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Traces } from "../tracing/traces.ts";

/** What OTLP gives a request; a collector that hangs keeps one batch for so long, and no call. */
const exportLimitMs = 10_000;

export interface WiredTraces {
  readonly traces: Traces;
  /** Sends what waits, for no longer than this many milliseconds. */
  close(limitMs: number): Promise<void>;
}

export interface TracesParts {
  readonly clock: Clock;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

export async function wireTraces(settings: Configuration["traces"], parts: TracesParts): Promise<WiredTraces | undefined> {
  if (settings === undefined) return undefined;
  const { clock, log, metrics } = parts;
  const url = settings.otlp_url;
  const http = createHttpClient({
    allowedOrigins: new Set([new URL(url).origin]),
    allowHttp: settings.allow_http,
    provider: "traces",
    timeoutMs: exportLimitMs,
    clock,
    guard: createProviderGuard({ clock, random: Math.random }),
  });
  const { startTraces } = await import("../tracing/sdk/start-traces.ts");
  const traces = startTraces(
    {
      ...parts,
      http,
      onSent: metrics.spans,
      onState(state) {
        if (state.kind === "taken") log.info({}, "the collector takes traces");
        else log.warn({ code: state.code }, "the collector does not take traces: they are dropped until it does");
      },
    },
    {
      url,
      headers: settings.headers ?? [],
      resource: { "service.name": settings.service_name, "service.instance.id": randomUUID() },
      sampleRatio: settings.sample_ratio,
    },
  );
  return {
    traces,
    async close(limitMs) {
      await traces.close(limitMs);
      await http.close();
    },
  };
}
