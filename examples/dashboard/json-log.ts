// One JSON object a line on standard output, for the dashboard's own servers: what a request was, how it ended, and whose it was.
// Only the fields named here can be written, so that no token or cookie gets there by way of an object that carries one along.

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface LogFields {
  readonly msg: string;
  readonly level?: "info" | "warn" | "error";
  readonly url?: string;
  readonly request_id?: string;
  /** Absent: nobody proved who they are. */
  readonly user_id?: string | undefined;
  readonly method?: string | undefined;
  /** Without the query. */
  readonly path?: string;
  readonly status?: number;
  readonly duration_ms?: number;
  /** A word or a code of ours. */
  readonly reason?: string | undefined;
}

export type Log = (fields: LogFields) => void;

export function createJsonLog(service: string, write: (line: string) => void = (line) => process.stdout.write(line)): Log {
  return ({ msg, level = "info", ...fields }) => {
    write(`${JSON.stringify({ time: new Date().toISOString(), level, service, msg, ...fields })}\n`);
  };
}

/** The caller's `X-Request-Id` where it is one that a log can take; otherwise a fresh one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
