// `cambio serve --workers N`: the process above the workers. It starts them, accepts connections for them, passes on their output and
// signals, and ends with the status that a single process would have. It reads no configuration, no request and no secret.

import { writeSync } from "node:fs";
import { crashLine } from "../telemetry/crash-line.ts";
import { createLog, type Log, type LogLevel } from "../telemetry/log.ts";
import { type Crew, createCrew, type Failure } from "./crew.ts";
import { createOutputLines } from "./output-lines.ts";
import { createScrapes } from "./scrapes.ts";
import { launchWorker, type WorkerProcess } from "./worker-process.ts";

export interface SuperviseOptions {
  /** The configuration, which the workers read. */
  readonly file: string;
  /** More than one. */
  readonly workers: number;
}

const standardError = 2;
const done = 0;
const failed = 1;
const exitStatus = { SIGINT: 130, SIGTERM: 143 } as const;

/** Runs until a signal ends it. The result is the process's exit status. */
export async function superviseWorkers({ file, workers }: SuperviseOptions): Promise<number> {
  const output = createOutputLines(process.stdout);
  /** Of each worker that may still have something to say. */
  const heard = new Set<Promise<void>>();
  let level: LogLevel = "info";
  let log: Log = createLog({ level, destination: output });
  const scrapes = createScrapes(() => crew.serving());
  const crew: Crew = createCrew({ launch, log: () => log }, workers);

  function launch(number: number, isFirst: boolean): WorkerProcess {
    const worker = launchWorker(
      { file, number, workers, isFirst },
      {
        output,
        onMessage(from, message) {
          if (message.kind === "scrape") scrapes.ask(from);
          else scrapes.tell(from, message.scrape, message.text);
        },
      },
    );
    void follow(worker);
    return worker;
  }

  async function follow({ ready, silent }: WorkerProcess): Promise<void> {
    heard.add(silent);
    // Told by whoever has read the configuration.
    const { logLevel = level } = (await ready) ?? {};
    if (logLevel !== level) log = createLog({ level: (level = logLevel), destination: output });
    await silent;
    heard.delete(silent);
  }

  const stopped = Promise.withResolvers<void>();
  let stopping = false;
  const onSignal = (signal: "SIGINT" | "SIGTERM") => () => {
    if (stopping || crew.serving().length === 0) {
      crew.kill();
      process.exit(exitStatus[signal]);
    }
    stopping = true;
    stopped.resolve();
  };
  const crash = (error: unknown) => {
    writeSync(standardError, `${crashLine(error)}\n`);
    crew.kill();
    process.exit(failed);
  };
  const listeners = [
    ["uncaughtException", crash],
    ["unhandledRejection", crash],
    ["SIGINT", onSignal("SIGINT")],
    ["SIGTERM", onSignal("SIGTERM")],
    ["SIGHUP", () => crew.reload()],
    ["SIGUSR2", () => void crew.replaceAll()],
  ] as const;
  for (const [event, listener] of listeners) process.on(event, listener);

  async function run(): Promise<number> {
    const failure = await Promise.race([crew.begin(), stopped.promise]);
    if (failure !== undefined) return giveUp(failure);
    if (!stopping) log.info({ workers }, "all workers are ready");
    const loss = await Promise.race([crew.lost, stopped.promise]);
    if (loss !== undefined) return giveUp(loss);
    return (await crew.stop()) ? done : failed;
  }

  async function giveUp(failure: Failure): Promise<number> {
    writeSync(standardError, lastWords(failure));
    // What the others have taken meanwhile is finished.
    await crew.stop();
    return failed;
  }

  try {
    return await run();
  } finally {
    await Promise.all(heard);
    for (const [event, listener] of listeners) process.off(event, listener);
  }
}

function lastWords({ ending, hadServed, worker }: Failure): string {
  if (hadServed)
    return `cambio ends: its workers die as soon as they serve, the last one with ${ending.status}. Standard error and the log say of what.\n`;
  return ending.failure ?? `cambio did not start: worker ${worker} ended with ${ending.status} before it was ready.\n`;
}
