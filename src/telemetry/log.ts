// The process's log: pino, JSON lines. Fields are allow-listed by who logs: nothing here takes a request, an error or a header
// wholesale, because what they hold is not ours to write down.

import { pino } from "pino";

/** Names of what may stand in a log line, and their plain values. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error";
  /** Where lines go; default: standard output. */
  readonly destination?: { write(line: string): unknown };
}

export function createLog({ level, destination }: LogOptions): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination === undefined ? pino(options) : pino(options, { write: (line) => void destination.write(line) });
}

/** More frames than this say nothing more. */
const maxFrames = 12;

/**
 * What may be told of an unexpected error: its name, its code and where it was thrown. Messages are left out: parsers and
 * sockets quote what they were given.
 */
export function causeFields(cause: unknown): Fields {
  if (!(cause instanceof Error)) return { cause: typeof cause };
  const frames = framesOf(cause)
    .split("\n")
    .filter((line) => line.startsWith("    at "));
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  const inner = cause.cause instanceof Error ? cause.cause.name : undefined;
  return { cause: cause.name, cause_code: code, cause_inner: inner, cause_stack: frames.slice(0, maxFrames).map((line) => line.trim()) };
}

/** The message stands in front of the frames and may have lines that look like one; where it is not found, there are none. */
function framesOf({ stack = "", message }: Error): string {
  const at = stack.indexOf(message);
  return at < 0 ? "" : stack.slice(at + message.length);
}
