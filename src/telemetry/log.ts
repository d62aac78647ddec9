// The process's log: pino, JSON lines. Fields are allow-listed by who logs: nothing here takes a request, an error or a header
// wholesale, because what they hold is not ours to write down.

import { pino } from "pino";
import { instantText } from "../exchange/instant-text.ts";
import { codeOf, framesOf } from "./cause.ts";
import { gatherLines, type Output } from "./standard-output.ts";

/** Names of what may stand in a log line, and their plain values. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Log {
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export type LogLevel = "info" | "warn" | "error";

export interface LogOptions {
  readonly level: LogLevel;
  /** Its number, where several processes write to one place: stands in every line. */
  readonly worker?: number | undefined;
  /** Where lines go; default: standard output. */
  readonly destination?: Output;
}

export function createLog({ level, worker, destination }: LogOptions): Log {
  const options = {
    level,
    base: worker === undefined ? null : { worker },
    timestamp: () => `,"time":"${instantText(Date.now())}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const output = destination ?? standardOutput();
  return pino(options, { write: (line) => void output.write(line) });
}

let ofProcess: Output | undefined;

/** One for all logs of the process. */
function standardOutput(): Output {
  if (ofProcess !== undefined) return ofProcess;
  const lines = gatherLines(pino.destination({ fd: process.stdout.fd, sync: true }), setImmediate);
  process.once("exit", () => lines.flush());
  ofProcess = lines;
  return lines;
}

/** What may be told of an unexpected error: its name, its code and where it was thrown. */
export function causeFields(cause: unknown): Fields {
  if (!(cause instanceof Error)) return { cause: typeof cause };
  const inner = cause.cause instanceof Error ? cause.cause.name : undefined;
  return { cause: cause.name, cause_code: codeOf(cause), cause_inner: inner, cause_stack: framesOf(cause) };
}
