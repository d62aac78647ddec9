// One log line and one count per call, whatever became of it: answered, refused, malformed, or broken off.

import { Code } from "@connectrpc/connect";
import type { Call } from "../rpc/call.ts";
import { causeFields, type Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface CallEnd {
  /** HTTP status of the answer; 0: the peer was gone before there was one. */
  readonly status: number;
  /** gRPC and Connect code; undefined: success, or not an RPC. */
  readonly code: Code | undefined;
  readonly durationMs: number;
}

export function createAccessLog(log: Log, metrics: Metrics) {
  return function onEnd(call: Call, end: CallEnd): void {
    const reason = call.failure?.reason ?? (end.code === undefined && end.status < 400 ? "OK" : "FRAMING");
    metrics.call({ method: call.method, protocol: call.protocol, reason }, end.durationMs);
    const fields = {
      request_id: call.requestId,
      method: call.method,
      protocol: call.protocol,
      caller: call.caller === "" ? undefined : call.caller,
      provider: call.provider === "" ? undefined : call.provider,
      code: end.code === undefined ? undefined : Code[end.code],
      status: end.status,
      reason,
      duration_ms: Math.round(end.durationMs * 1000) / 1000,
    };
    if (reason === "INTERNAL") log.error({ ...fields, ...causeFields(call.failure?.cause) }, "call failed unexpectedly");
    else if (reason === "UPSTREAM_REJECTED_CLIENT") log.error(fields, "provider refuses this service's credentials");
    else if (securityReasons.has(reason)) log.warn({ ...fields, security: true }, "call refused");
    else log.info(fields, "call");
  };
}

/** Worth a look even when they are refused as they should be. */
const securityReasons: ReadonlySet<string> = new Set(["ISSUER_NOT_TRUSTED", "CALLER_UNAUTHENTICATED", "ORIGIN_NOT_ALLOWED"]);
