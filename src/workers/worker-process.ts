// One worker as the supervisor sees it: a process that is started, says that it is ready, hears what it shall do, and ends. Its
// connections come from the supervisor, which accepts them for all and gives each away unread, one worker after the other.

import { getCompileCacheDir } from "node:module";
import cluster from "node:cluster";
import { extname, join } from "node:path";
import type { LogLevel } from "../telemetry/log.ts";
import { readToSupervisor, type ToSupervisor, type ToWorker } from "./messages.ts";
import type { OutputLines } from "./output-lines.ts";

export interface WorkerProcess {
  /** Of its place: names its log lines, its series and its audit trail. No two that live have the same. */
  readonly number: number;
  readonly pid: number | undefined;
  /** Undefined: it ended before. */
  readonly ready: Promise<{ readonly logLevel: LogLevel } | undefined>;
  readonly ended: Promise<Ending>;
  /** Whatever it wrote was passed on. */
  readonly silent: Promise<void>;
  send(message: ToWorker): void;
  kill(): void;
}

export interface Ending {
  /** Its exit status, or the signal that ended it. */
  readonly status: number | string;
  /** Milliseconds from its start. */
  readonly lifeMs: number;
  /** What it said of a start that failed. */
  readonly failure: string | undefined;
}

export interface Launch {
  readonly file: string;
  readonly number: number;
  /** Of all of them. */
  readonly workers: number;
  /** It says for all what is to be said of the configuration at start. */
  readonly isFirst: boolean;
}

/** What a worker is told at its start, beside the file: its command line, where an operator sees it as well. */
export function workerWords({ file, number, workers, isFirst }: Launch): readonly string[] {
  return [file, String(number), String(workers), isFirst ? "first" : "further"];
}

/** Beside this file, and of its kind: TypeScript, or what was built of it. */
const workerFile = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);

export interface LaunchParts {
  readonly output: OutputLines;
  readonly onMessage: (from: WorkerProcess, message: Extract<ToSupervisor, { kind: "scrape" | "exposition" }>) => void;
}

export function launchWorker(launch: Launch, { output, onMessage }: LaunchParts): WorkerProcess {
  // Connections last: each is given to the worker whose turn it is, instead of whichever wakes up first.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: workerFile, args: [...workerWords(launch)], stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const begunMs = performance.now();
  // What this process has compiled need not be compiled by each of them.
  const compiled = getCompileCacheDir();
  const worker = cluster.fork(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled });
  const { process: child } = worker;
  const ready = Promise.withResolvers<{ readonly logLevel: LogLevel } | undefined>();
  const ended = Promise.withResolvers<Ending>();
  const silent = Promise.withResolvers<void>();
  let failure: string | undefined;
  const self: WorkerProcess = {
    number: launch.number,
    pid: child.pid,
    ready: ready.promise,
    ended: ended.promise,
    silent: silent.promise,
    send(message) {
      // One that has just ended hears nothing, which its end will tell.
      if (worker.isConnected()) worker.send(message, () => undefined);
    },
    kill: () => void child.kill("SIGKILL"),
  };

  let status: number | string | undefined;
  let disconnected = false;
  /** What it said last may arrive after its end. */
  function end(): void {
    if (status === undefined || !disconnected) return;
    ended.resolve({ status, lifeMs: performance.now() - begunMs, failure });
    ready.resolve(undefined);
  }
  worker.on("message", (value: unknown) => {
    const message = readToSupervisor(value);
    if (message?.kind === "ready") ready.resolve(message);
    else if (message?.kind === "failed") failure ??= message.text;
    else if (message !== undefined) onMessage(self, message);
  });
  child.once("exit", (code, signal) => {
    status = code ?? signal ?? "unknown";
    end();
  });
  child.once("disconnect", () => {
    disconnected = true;
    end();
  });
  worker.on("error", (error: Error & { readonly code?: unknown }) => {
    if (child.pid !== undefined) return;
    // The system made no process: there is nothing that could exit.
    status = typeof error.code === "string" ? error.code : error.name;
    disconnected = true;
    end();
    silent.resolve();
  });
  child.once("close", () => silent.resolve());
  if (child.stdout !== null) output.follow(child.stdout);
  return self;
}
