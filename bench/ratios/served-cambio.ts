// `cambio serve` itself, as production runs it (the one program of `make service`, by the command line of the image): started with
// bench.yaml, waited for until it is ready, read by its own /metrics, and ended by a signal.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { serviceCommand } from "../../test/deploy/dockerfile.ts";
import { repository } from "../../test/deploy/files.ts";
import { readMetric } from "../../test/support/metrics-text.ts";
import { endWithUs } from "../../test/support/orphans.ts";
import { freePorts } from "../../test/support/redis-process.ts";
import { configurationPath, type Surroundings } from "../surroundings.ts";
import { cpuMicrosOf } from "./cpu-time.ts";

const { engine, program: built } = serviceCommand();
const programs = { built: join(repository, built), source: join(repository, "src/cli/cambio.mjs") } as const;
/** Of every answer of a provider's token endpoint, where what Cambio adds to it is looked at. */
export const fastProviderMs = 5;
const startLimitMs = 30_000;
/** How finely the time from start to ready is seen. */
const lookEveryMs = 2;

export interface ServedCambio extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to the first answer that it is ready. */
  readonly readyMs: number;
  /** CPU time of all its threads until then. NaN: the system does not tell. */
  readonly readyCpuMs: number;
  metrics(): Promise<ProcessMetrics>;
}

/** What it says of itself. */
export interface ProcessMetrics {
  readonly calls: number;
  readonly failedCalls: number;
  readonly residentBytes: number;
  /** Milliseconds, since the last time that somebody asked. */
  readonly loopDelayMs: { readonly p50: number; readonly p99: number };
  /** Verifications that were found in process, and in Redis. */
  readonly lookups: Readonly<Record<"memory" | "redis", number>>;
}

export interface ServeOptions {
  /** Its audit trail is its own. */
  readonly replica?: string;
  /** Before the command. */
  readonly nodeArguments?: readonly string[];
  /** By default what was built; what is looked at function by function runs from `src/`. */
  readonly program?: keyof typeof programs;
}

export async function serveCambio(
  surroundings: Pick<Surroundings, "env" | "log">,
  { replica = "audit", nodeArguments = [], program = "built" }: ServeOptions = {},
): Promise<ServedCambio> {
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const beganMs = performance.now();
  const child = spawn(process.execPath, [...engine, ...nodeArguments, programs[program], "serve", configurationPath], {
    env: { ...process.env, ...surroundings.env, PORT: String(port), REPLICA: replica },
    stdio: ["ignore", surroundings.log, "inherit"],
  });
  endWithUs(child);
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error("cambio serve ended before it was ready");
    if (performance.now() - beganMs > startLimitMs) throw new Error("cambio serve was not ready in time");
    await sleep(lookEveryMs);
  }
  // One that has answered has a process.
  const { pid = 0 } = child;
  const readyMs = performance.now() - beganMs;
  return {
    url,
    pid,
    readyMs,
    readyCpuMs: cpuMicrosOf(pid) / 1_000,
    metrics: async () => readMetrics(await (await fetch(`${url}/metrics`)).text()),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  const request = get(`${url}/readyz`, { agent: false });
  try {
    const [response] = await once(request, "response");
    await text(response);
    return response.statusCode === 200;
  } catch {
    return false;
  }
}

function readMetrics(exposed: string): ProcessMetrics {
  const delay = (quantile: string) => readMetric(exposed, "cambio_event_loop_delay_seconds", { quantile }) * 1_000;
  const lookups = (tier: string) => readMetric(exposed, "cambio_cache_lookups_total", { of: "verification", tier });
  const calls = readMetric(exposed, "cambio_calls_total");
  return {
    calls,
    failedCalls: calls - readMetric(exposed, "cambio_calls_total", { reason: "OK" }),
    residentBytes: readMetric(exposed, "cambio_resident_memory_bytes"),
    loopDelayMs: { p50: delay("0.5"), p99: delay("0.99") },
    lookups: { memory: lookups("memory"), redis: lookups("redis") },
  };
}
