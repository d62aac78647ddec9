// h2load (of nghttp2), the load generator for one call over and over: its command line, and what it prints.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Headers } from "./frames.ts";

export interface RepeatedCall {
  /** With the path. */
  readonly url: string;
  readonly http: "1.1" | "2";
  readonly headers: Headers;
  /** File whose bytes are each call's body. */
  readonly bodyFile: string;
}

export interface H2loadRun {
  readonly perSecond: number;
  readonly succeeded: number;
  /** With another status, or without an answer. */
  readonly failed: number;
}

type Length = { readonly ms: number } | { readonly calls: number };

/** As many calls are under way over either HTTP: with 1.1 each has a connection of its own. */
const shapes = { "1.1": ["--h1", "-c", "64"], "2": ["-c", "4", "-m", "16"] } as const;

export async function h2load({ url, http, headers, bodyFile }: RepeatedCall, length: Length): Promise<H2loadRun> {
  const given = headers.flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const { stdout } = await promisify(execFile)("h2load", [...shapes[http], ...lengthOf(length), "-d", bodyFile, ...given, url]);
  return readH2load(stdout);
}

function lengthOf(length: Length): readonly string[] {
  return "ms" in length ? ["-D", `${length.ms}ms`] : ["-n", String(length.calls)];
}

/** @throws Error where it says something else than usual */
export function readH2load(printed: string): H2loadRun {
  const rate = /^finished in [^,]+, ([\d.]+) req\/s/m.exec(printed);
  const counts = /^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/m.exec(printed);
  const statuses = /^status codes: (\d+) 2xx/m.exec(printed);
  if (rate === null || counts === null || statuses === null) throw new Error("h2load printed something else than its results");
  const [succeeded = 0, failed = 0, errored = 0, timedOut = 0] = counts.slice(1).map(Number);
  const other = succeeded - Math.min(succeeded, Number(statuses[1]));
  return { perSecond: Number(rate[1]), succeeded: succeeded - other, failed: failed + errored + timedOut + other };
}
