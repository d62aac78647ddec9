// The way into the OpenTelemetry SDK, imported only where traces are configured: spans, their queue, and the collector behind it.

import type { Clock } from "../../exchange/ports.ts";
import type { Traces } from "../traces.ts";
import { type CollectorDeps, type CollectorOptions, createCollector } from "./collector.ts";
import { createExportQueue, type ExportQueueDeps } from "./export-queue.ts";
import { createOpenTelemetry } from "./open-telemetry.ts";

export interface StartDeps extends CollectorDeps, Pick<ExportQueueDeps, "onSent"> {
  readonly clock: Clock;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

export interface StartOptions extends CollectorOptions {
  readonly sampleRatio: number;
}

export interface StartedTraces extends Traces {
  /** Sends what waits, for no longer than this many milliseconds. */
  close(limitMs: number): Promise<void>;
}

export function startTraces(deps: StartDeps, options: StartOptions): StartedTraces {
  const queue = createExportQueue({ send: createCollector(deps, options), onSent: deps.onSent });
  const traces = createOpenTelemetry({ ...deps, processor: queue }, options.sampleRatio);
  return { ...traces, close: (limitMs) => queue.close(limitMs) };
}
