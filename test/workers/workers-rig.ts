// `cambio serve --workers` as a process with real ones under it, over a Redis of its own: started, asked, signalled, read, ended.

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { basic } from "../../examples/clients.ts";
import type { Canary } from "../support/canary.ts";
import { type Child, startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { environmentFor, exampleFile, registerSecrets } from "../support/fake-stack.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { endWithUs } from "../support/orphans.ts";
import { createRunCanary } from "../support/run-canary.ts";

/** On a machine that is busy with other tests, each process takes seconds to load. */
export const patienceMs = 60_000;
/** Of a whole test: several starts, one after the other. */
export const testMs = 180_000;

export interface Served {
  readonly child: Child;
  readonly url: string;
  readonly pid: number;
  /** Process ids of those that live. */
  workers(): readonly number[];
  /** Lines of the log, parsed, without records of the audit trail. */
  lines(): readonly Readonly<Record<string, unknown>>[];
  untilSaid(message: string, times?: number): Promise<void>;
  said(message: string): number;
  validate(token: string): Promise<number>;
}

export interface Rig {
  readonly folder: string;
  readonly provider: FakeProvider;
  readonly redis: RedisServer;
  readonly canary: Canary;
  readonly env: Readonly<Record<string, string>>;
  /** The example, changed: written as a file that is the configuration. */
  configure(change?: (text: string) => string): Promise<string>;
  /** A program that ends with the test. */
  run(command: readonly [string, ...string[]], env?: Readonly<Record<string, string>>): Child;
  /** The same with `cambio serve`, without waiting for anything. */
  start(words: readonly string[], env?: Readonly<Record<string, string>>): Child;
  /** Waits until all are ready. */
  serve(file: string, words?: readonly string[]): Promise<Served>;
}

/** @param cambio its program, as startChild takes it; or Node, what Node is told, and the program */
export function useWorkers(cambio: readonly [string, ...string[]] = ["src/cli/cambio.mjs"]): Rig {
  let folder: string;
  let provider: FakeProvider;
  let redis: RedisServer;
  let files = 0;
  const canary = createRunCanary();
  const running: Child[] = [];

  beforeAll(async () => {
    [folder, provider, redis] = await Promise.all([mkdtemp(join(tmpdir(), "cambio-workers-")), startFakeProvider(), startRedisServer()]);
    registerSecrets(canary, provider);
  });
  afterEach(async () => {
    for (const child of running.splice(0)) {
      child.process.kill("SIGKILL");
      await child.ended;
      canary.saw("the output", child.output());
      canary.saw("the errors", child.errors());
    }
  });
  afterAll(async () => {
    await Promise.all([provider.close(), redis.stop()]);
    await rm(folder, { recursive: true });
    canary.assertSilence();
  });

  const env = (): Readonly<Record<string, string>> => ({ ...environmentFor(provider), REDIS_URL: redis.url.reveal() });
  const rig = {
    get folder() {
      return folder;
    },
    get provider() {
      return provider;
    },
    get redis() {
      return redis;
    },
    get env() {
      return env();
    },
    canary,
    async configure(change = (text: string) => text) {
      const file = join(folder, `${(files += 1)}.yaml`);
      await writeFile(file, change(await readFile(exampleFile, "utf8")));
      return file;
    },
    start(words: readonly string[], more = env()) {
      return rig.run([...cambio, "serve", ...words], more);
    },
    run(command: readonly [string, ...string[]], more = env()) {
      const child = startChild(command, more, testMs);
      endWithUs(child.process);
      running.push(child);
      return child;
    },
    async serve(file: string, words: readonly string[] = ["--workers", "2"]): Promise<Served> {
      const child = rig.start([file, ...words]);
      await child.untilOutput(/"msg":"all workers are ready"/);
      const pid = child.process.pid ?? 0;
      const url = /"url":"([^"]+)"/.exec(child.output())?.[1] ?? "";
      const said = (message: string) => child.output().split(`"msg":"${message}"`).length - 1;
      return {
        child,
        url,
        pid,
        workers: () => childrenOf(pid),
        lines: () => linesOf(child).filter((line) => !("seq" in line)),
        said,
        untilSaid: (message, times = 1) => eventually(message, () => said(message) >= times, patienceMs),
        async validate(token) {
          const response = await fetch(`${url}/cambio.v1.TokenExchangeService/ValidateCrossClient`, {
            method: "POST",
            // A connection of its own: the next call may be another worker's.
            headers: {
              connection: "close",
              "content-type": "application/json",
              authorization: basic("orders", env()["ORDERS_SECRET"] ?? ""),
            },
            body: JSON.stringify({ token: { value: token } }),
          });
          await response.arrayBuffer();
          return response.status;
        },
      };
    },
  };
  return rig;
}

/** Each line is whole, or this throws. */
export function linesOf(child: Pick<Child, "output">): readonly Readonly<Record<string, unknown>>[] {
  const text = child.output();
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

/** Living ones. */
export function childrenOf(pid: number): readonly number[] {
  const table = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" });
  return table
    .split("\n")
    .map((row) => row.trim().split(/\s+/))
    .filter(([, parent, state]) => Number(parent) === pid && state?.startsWith("Z") === false)
    .map(([child]) => Number(child));
}

export function isAlive(pid: number): boolean {
  const state = execFileSync("sh", ["-c", `ps -o stat= -p ${pid} || true`], { encoding: "utf8" }).trim();
  return state !== "" && !state.startsWith("Z");
}
