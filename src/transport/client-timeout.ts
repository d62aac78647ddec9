// The time limit that a client names (grpc-timeout, connect-timeout-ms). One beyond our deadline is taken away: ours applies then.
// Left in, it could reach a timer as more milliseconds than a timer can count, which fires at once. A malformed one stays: the
// library refuses it.

import type { Protocol } from "../rpc/call.ts";

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

export function dropLongTimeout(header: Headers, protocol: Protocol, deadlineMs: number): void {
  const name = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
  const value = header.get(name);
  if (value === null) return;
  const parts = protocol === "connect" ? /^(\d{1,10})()$/.exec(value) : /^(\d{1,8})([HMSmun])$/.exec(value);
  if (parts === null) return;
  const ms = Number(parts[1]) * (unitMs[parts[2] ?? ""] ?? 1);
  if (ms >= deadlineMs) header.delete(name);
}
