// A program of ours as a child process: what it wrote so far, waiting for a line, its end. Every wait has a limit.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { sawInTheRun } from "./run-canary.ts";

export interface Child {
  readonly process: ChildProcess;
  output(): string;
  errors(): string;
  /** Resolves as soon as the output matches. */
  untilOutput(pattern: RegExp): Promise<void>;
  /** The exit status; null: a signal ended it. */
  readonly ended: Promise<number | null>;
}

export const repository = join(import.meta.dirname, "../..");

/** A loaded machine takes seconds to load the modules; more means that it hangs. */
const limitMs = 60_000;

/** @param command its first word is run by this very Node if it is a file of ours @param lifeMs after it the child is ended */
export function startChild(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
  lifeMs: number = limitMs,
): Child {
  const [program, ...args] = /\.m?[jt]s$/.test(command[0]) ? [process.execPath, ...command] : command;
  const child = spawn(program, args, {
    cwd: repository,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: lifeMs,
  });
  const written = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (written.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (written.err += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      sawInTheRun(`the output of ${command.join(" ")}`, written.out);
      sawInTheRun(`the errors of ${command.join(" ")}`, written.err);
      resolve(status);
    });
  });
  return {
    process: child,
    output: () => written.out,
    errors: () => written.err,
    ended,
    untilOutput: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(written.out)) return;
          child.stdout.off("data", look);
          resolve();
        };
        child.stdout.on("data", look);
        child.once("close", () => reject(new Error(`it ended before it wrote ${pattern}: ${written.err}`)));
        look();
      }),
  };
}
