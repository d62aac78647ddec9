// One part of the dashboard as a process of its own: started, waited for until it reports healthy, stopped, and started again at
// the same port. Where a part does not come up, the error says which one and why, in the part's own last words.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

export interface PartOptions {
  readonly name: string;
  /** What this Node runs. */
  readonly command: readonly [string, ...string[]];
  /** PORT is added. Beside it a part gets this and nothing of ours: a DATABASE_URL that happens to be set is not meant. */
  readonly env: Readonly<Record<string, string>>;
  readonly healthPath: string;
  /** Each line that it writes. */
  onLine(line: string): void;
}

export interface Part {
  readonly name: string;
  /** As the part says in its log; undefined while it is stopped. */
  url(): string | undefined;
  /** @returns its address @throws Error with a sentence for whoever started it */
  start(): Promise<string>;
  stop(): Promise<void>;
}

const healthyWithinMs = 30_000;
const askEveryMs = 50;
const stopWithinMs = 5_000;
/** A configuration with many mistakes names each in a line. */
const lastWords = 20;

export function createPart({ name, command, env, healthPath, onLine }: PartOptions): Part {
  let child: ChildProcess | undefined;
  let port = "0";
  let url: string | undefined;

  async function start(): Promise<string> {
    const errors: string[] = [];
    const started = spawn(process.execPath, [...command], {
      env: { PATH: process.env["PATH"] ?? "", ...env, PORT: port },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    const ended = new Promise<string>((resolve) => {
      started.once("error", (error) => resolve(error.message));
      started.once("close", (status, signal) => resolve(signal === null ? `it ended with status ${status}` : `${signal} ended it`));
    });
    started.once("close", () => {
      if (child === started) child = url = undefined;
    });
    const address = Promise.withResolvers<string>();
    createInterface({ input: started.stdout }).on("line", (line) => {
      onLine(line);
      const said = addressIn(line);
      if (said !== undefined) address.resolve(said);
    });
    createInterface({ input: started.stderr }).on("line", (line) => {
      onLine(line);
      errors.push(line);
      errors.splice(0, errors.length - lastWords);
    });
    const healthy = await firstOf(address.promise, ended);
    if (typeof healthy === "string") {
      url = healthy;
      port = new URL(healthy).port;
      return healthy;
    }
    await stop();
    throw new Error([`${name} did not become healthy: ${healthy.why}.`, ...errors.map((line) => `  ${line}`)].join("\n"));
  }

  async function firstOf(address: Promise<string>, ended: Promise<string>): Promise<string | { why: string }> {
    const limit = new AbortController();
    const failed = ended.then((why) => ({ why }));
    const late = wait(healthyWithinMs, { why: `it did not say so within ${healthyWithinMs / 1000} seconds` }, { signal: limit.signal });
    late.catch(() => undefined);
    try {
      const said = await Promise.race([address, failed, late]);
      return typeof said === "string" ? await Promise.race([untilHealthy(said, limit.signal), failed, late]) : said;
    } finally {
      limit.abort();
    }
  }

  async function untilHealthy(address: string, signal: AbortSignal): Promise<string> {
    while (!signal.aborted) {
      const answer = await fetch(`${address}${healthPath}`, { signal }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok === true) return address;
      await wait(askEveryMs);
    }
    return address;
  }

  async function stop(): Promise<void> {
    const running = child;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("close", resolve));
    running.kill("SIGTERM");
    const kill = setTimeout(() => running.kill("SIGKILL"), stopWithinMs);
    await ended;
    clearTimeout(kill);
  }

  return { name, url: () => url, start, stop };
}

/** Every part says `{"msg":"listening","url":…}` once. */
function addressIn(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const { msg, url } = JSON.parse(line) as { msg?: unknown; url?: unknown };
    return msg === "listening" && typeof url === "string" ? url : undefined;
  } catch {
    return undefined;
  }
}
