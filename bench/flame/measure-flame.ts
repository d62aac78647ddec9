// Where the time of a hit goes in `cambio serve`: a CPU profile of its main thread under the load of "gRPC hit", once it is warm, and the
// flame graph of it. Shares of one profile count, not its rate: taking it costs something itself.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { aligned, type Measured, noneFailed, percent } from "../report.ts";
import { cpuMicrosOf } from "../ratios/cpu-time.ts";
import { createFramesLoad } from "../ratios/frames-load.ts";
import { headersOf, validatePath, validation } from "../ratios/protocols.ts";
import { repeatedSeries } from "../ratios/repeated.ts";
import { fastProviderMs, type ServedCambio, serveCambio } from "../ratios/served-cambio.ts";
import { watched } from "../ratios/watched.ts";
import { startSurroundings } from "../surroundings.ts";
import { sharesOf } from "./areas.ts";
import { type CpuProfile, framesOf } from "./cpu-profile.ts";
import { flameGraphOf } from "./flame-graph.ts";

const profiledMs = 4_000;
const writtenLimitMs = 30_000;
const lookEveryMs = 20;
const profiler = join(import.meta.dirname, "profiler.ts");

export interface MeasuredFlame extends Measured {
  readonly svg: string;
}

export async function measureFlame(): Promise<MeasuredFlame> {
  await using surroundings = await startSurroundings(fastProviderMs);
  const { caller, folder } = surroundings;
  const path = join(folder, "main.cpuprofile");
  const profiled = { ...surroundings, env: { ...surroundings.env, PROFILE: path } };
  // Rooms are told by the files that functions are from.
  await using cambio = await serveCambio(profiled, { program: "source", nodeArguments: ["--import", profiler] });
  const headers = headersOf("gRPC", caller);
  const grpc = await createFramesLoad(cambio.url, validatePath, headers);
  const [token = ""] = await surroundings.mint("corporate", 1);
  const call = {
    name: "gRPC hit",
    pid: cambio.pid,
    url: cambio.url + validatePath,
    http: "2",
    headers,
    body: validation("gRPC", token),
    grpc,
  } as const;
  const hits = watched(cambio, "memory", repeatedSeries(call, folder, profiledMs));
  await hits.warmUp?.();
  // The compiler goes on for longer than the warm-up of a series.
  await hits.play();
  const began = cpuMicrosOf(cambio.pid);
  const { calls } = await hits.play();
  const each = `${((cpuMicrosOf(cambio.pid) - began) / calls).toFixed(0)} µs`;
  const profile = await profileOf(cambio, path, () => hits.play());
  grpc.close();
  const { failedCalls } = await cambio.metrics();
  return {
    title: `10. Where the time of a gRPC hit goes: the main thread over ${profiledMs / 1_000} s; each area by its own share`,
    lines: [
      ...aligned(sharesOf(framesOf(profile)).map(({ area, share }) => [area, percent(share)])),
      `CPU time of a call, without the profiler and over all threads: ${each}`,
    ],
    bars: [noneFailed(failedCalls === 0 ? "" : String(failedCalls))],
    svg: flameGraphOf(profile, `A gRPC hit (${each} of CPU time): what the main thread is busy with`),
  };
}

async function profileOf({ pid }: ServedCambio, path: string, load: () => Promise<unknown>): Promise<CpuProfile> {
  process.kill(pid, "SIGUSR2");
  await load();
  process.kill(pid, "SIGUSR2");
  const askedMs = performance.now();
  while (!existsSync(path)) {
    if (performance.now() - askedMs > writtenLimitMs) throw new Error("the profile was not written in time");
    await sleep(lookEveryMs);
  }
  const profile: CpuProfile = JSON.parse(readFileSync(path, "utf8"));
  return profile;
}
