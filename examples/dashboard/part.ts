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
  /** Default: 30,000; a loaded machine takes seconds to load the modules. */
  readonly healthyWithinMs?: number;
}

export interface Part {
  readonly name: string;
  /** As the part says in its log; undefined while it is stopped. */
  url(): string | undefined;
  /** @returns its address @throws Error with a sentence for whoever started it */
  start(): Promise<string>;
  stop(): Promise<void>;
}

const askEveryMs = 50;
const stopWithinMs = 5_000;
/** A configuration with many mistakes names each in a line. */
const lastWords = 20;

export function createPart({ name, command, env, healthPath, onLine, healthyWithinMs = 30_000 }: PartOptions): Part {
  let child: ChildProcess | undefined;
  let port = "0";
  let url: string | undefined;

  /** Resolves with what it last wrote as errors, and why it ended. */
  function run(onAddress: (address: string) => void): { ended: Promise<string>; errors: readonly string[] } {
    const errors: string[] = [];
    const started = spawn(process.execPath, [...command], {
      env: { PATH: process.env["PATH"] ?? "", ...env, PORT: port },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C reaches the one who started it, who stops the parts one after the other.
      detached: true,
    });
    child = started;
    const killAtExit = () => started.kill("SIGKILL");
    process.once("exit", killAtExit);
    createInterface({ input: started.stdout }).on("line", (line) => {
      onLine(line);
      const address = addressIn(line);
      if (address !== undefined) onAddress(address);
    });
    createInterface({ input: started.stderr }).on("line", (line) => {
      onLine(line);
      errors.push(line);
      errors.splice(0, errors.length - lastWords);
    });
    const ended = new Promise<string>((resolve) => {
      started.once("error", (error) => resolve(error.message));
      started.once("close", (status, signal) => {
        process.off("exit", killAtExit);
        if (child === started) child = url = undefined;
        resolve(signal === null ? `it ended with status ${status}` : `${signal} ended it`);
      });
    });
    return { ended, errors };
  }

  async function start(): Promise<string> {
    const limit = new AbortController();
    const said = Promise.withResolvers<string>();
    let seen = "it did not say where it listens";
    const { ended, errors } = run(said.resolve);
    const late = wait(healthyWithinMs, undefined, { signal: limit.signal }).then(
      () => `${seen} within ${healthyWithinMs / 1000} s`,
      () => "",
    );
    const failed = Promise.race([ended, late]).then((why) => ({ why }));
    const healthy = async (): Promise<string> => {
      const address = await said.promise;
      while (!limit.signal.aborted) {
        const status = await fetch(`${address}${healthPath}`, { signal: limit.signal }).then(statusOf, () => "nothing");
        if (status === "200") break;
        seen = `${healthPath} answered ${status}`;
        await wait(askEveryMs);
      }
      return address;
    };
    const outcome = await Promise.race([healthy(), failed]);
    limit.abort();
    if (typeof outcome === "string") {
      port = new URL(outcome).port;
      url = outcome;
      return outcome;
    }
    await stop();
    throw new Error([`${name} did not become healthy: ${outcome.why}.`, ...errors.map((line) => `  ${line}`)].join("\n"));
  }

  async function stop(): Promise<void> {
    const running = child;
    if (running === undefined) return;
    const ended = new Promise((resolve) => running.once("close", resolve));
    running.kill("SIGTERM");
    const kill = setTimeout(() => running.kill("SIGKILL"), stopWithinMs);
    await ended;
    clearTimeout(kill);
  }

  return { name, url: () => url, start, stop };
}

async function statusOf(answer: Response): Promise<string> {
  await answer.body?.cancel();
  return String(answer.status);
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
