// The last line of a process that met what nobody expected: JSON as in the log, and nothing of the error's own words.

import { codeOf, framesOf } from "./cause.ts";

/** @param fields which process it is, where there are several */
export function crashLine(error: unknown, fields: Readonly<Record<string, number>> = {}): string {
  const time = new Date().toISOString();
  return JSON.stringify({
    level: "fatal",
    time,
    ...fields,
    msg: "unexpected exception, the process ends",
    error: nameOf(error),
    stack: framesOf(error),
  });
}

/** Its kind and its code, which say nothing of what it was about. */
export function nameOf(error: unknown): string {
  const code = codeOf(error);
  return `${error instanceof Error ? error.name : typeof error}${code === undefined ? "" : ` (${code})`}`;
}
