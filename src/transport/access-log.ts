// One log line and one count per call, whatever became of it: answered, refused, malformed, or broken off; and for what was too
// broken to become one. Lines of those who send too much are refusal-counts.ts.

import type { Call } from "../rpc/call.ts";
import { circumstanceFields } from "../telemetry/circumstances.ts";
import { causeFields, type Log } from "../telemetry/log.ts";
import type { Metrics, Outcome } from "../telemetry/metrics.ts";
import { countedRefusal } from "./refusal-counts.ts";
import { securityEvent } from "./security-event.ts";
import { type Hooks, outcomeOf, unmatched } from "./visit.ts";

/** Somebody who runs this service, or the provider's, has something to mend. */
const operatorReasons: ReadonlySet<Outcome> = new Set([
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_INVALID_RESPONSE",
  "UPSTREAM_TIMEOUT",
  "STORE_UNAVAILABLE",
  "OUTCOME_UNKNOWN",
  "OVERLOADED",
  "AUDIT_UNAVAILABLE",
]);

export interface AccessLog extends Hooks {
  /** With the status that it was refused with. There is no more to tell: nothing in it was understood. */
  onUnreadable(status: number): void;
}

export function createAccessLog(log: Log, metrics: Metrics): AccessLog {
  return {
    onEnd(call, end) {
      const reason = outcomeOf(call, end);
      metrics.call({ method: call.method, protocol: call.protocol, reason }, end.durationMs);
      if (countedRefusal(call) !== undefined) return;
      const fields = {
        request_id: call.requestId,
        trace_id: call.traceId,
        method: call.method,
        protocol: call.protocol,
        caller: named(call.caller),
        provider: call.notes.provider,
        code: end.code,
        status: end.status,
        reason,
        duration_ms: Math.round(end.durationMs * 1000) / 1000,
        ...circumstanceFields(call.failure),
      };
      if (reason === "INTERNAL") log.error({ ...fields, ...causeFields(call.failure?.cause) }, "call failed unexpectedly");
      else if (reason === "UPSTREAM_REJECTED_CLIENT") log.error(fields, "provider refuses this service's own credentials");
      else if (call.notes.reported !== undefined)
        log.warn({ ...fields, would_refuse: call.notes.reported }, "call, allowed by rules that only report");
      else if (operatorReasons.has(reason)) log.warn(fields, "call could not be decided");
      else if (securityEvent(call.failure) !== undefined) log.warn({ ...fields, security: true }, "call refused");
      else log.info(fields, "call");
    },
    onUnreadable(status) {
      const labels = { method: unmatched, protocol: "http", reason: "FRAMING" } as const;
      metrics.call(labels, 0);
      log.info({ ...labels, status }, "unreadable request");
    },
  };
}

function named(name: Call["caller"]): string | undefined {
  return name === "" ? undefined : name;
}
