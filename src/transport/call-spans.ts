// The SERVER span of each call of the contract, whichever protocol it came in: begun when its caller was looked at, ended with its
// answer. Whose trace it belongs to can only be said then: that of a service that proved itself goes on here, a stranger's is
// pointed at (docs/decisions/0015). Health, reflection, probes and what does not exist have no spans.

import type { Clock } from "../exchange/ports.ts";
import type { Call } from "../rpc/call.ts";
import { readTraceparent } from "../tracing/trace-parent.ts";
import type { CallSpan, SpanAttributes, Traces } from "../tracing/traces.ts";
import type { Around } from "./interceptors.ts";
import { countedRefusal } from "./refusal-counts.ts";
import { type CallEnd, type Hooks, outcomeOf, type Visit } from "./visit.ts";

export interface CallSpansDeps {
  readonly traces: Traces;
  readonly clock: Clock;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

export interface CallSpans extends Required<Hooks> {
  /** Runs what comes after the gate; what it waits for is part of the call's span. */
  readonly within: Around;
}

interface Beginning {
  readonly visit: Visit;
  readonly startMs: number;
  readonly begun: number;
  span: CallSpan | undefined;
}

/** gRPC's own rule for servers: these are failures of ours, the others the caller's. */
const serverCodes: ReadonlySet<string> = new Set(["unknown", "deadline_exceeded", "unimplemented", "internal", "unavailable", "data_loss"]);

export function createCallSpans({ traces, clock, now }: CallSpansDeps): CallSpans {
  const beginnings = new WeakMap<Call, Beginning>();

  function spanOf(call: Call, beginning: Beginning): CallSpan {
    const { headers } = beginning.visit.req;
    beginning.span ??= traces.call({
      name: nameOf(call, beginning.visit),
      startMs: beginning.startMs,
      remote: readTraceparent(headers["traceparent"], headers["tracestate"]),
      trusted: call.service !== undefined,
    });
    call.traceId = beginning.span.traceId;
    return beginning.span;
  }

  async function within<T>(call: Call, work: () => Promise<T>): Promise<T> {
    const beginning = beginnings.get(call);
    return beginning === undefined || call.audited === undefined ? work() : spanOf(call, beginning).within(work);
  }

  return {
    onBegin(visit) {
      beginnings.set(visit.call, { visit, startMs: clock(), begun: now(), span: undefined });
    },
    onEnd(call, end) {
      const beginning = beginnings.get(call);
      // Whoever sends too much would fill the collector as well; as log and trail, it hears of such calls by their number.
      if (beginning === undefined || call.audited === undefined || countedRefusal(call) !== undefined) return;
      const endMs = beginning.startMs + (now() - beginning.begun);
      spanOf(call, beginning).end({ attributes: attributesOf(call, end, beginning.visit), failed: serverCodes.has(end.code), endMs });
    },
    within,
  };
}

function nameOf({ protocol, method }: Call, { req }: Visit): string {
  return protocol === "http" ? `${req.method} ${method}` : method;
}

function attributesOf(call: Call, end: CallEnd, visit: Visit): SpanAttributes {
  const { req } = visit;
  const reason = outcomeOf(call, end);
  const { protocol } = call;
  const { provider } = call.notes;
  return {
    ...(protocol === "http" ? routeAttributes(call, end, visit) : rpcAttributes(call, end)),
    "network.protocol.version": "stream" in req ? "2" : "1.1",
    "cambio.reason": reason,
    "cambio.protocol": protocol,
    "cambio.request_id": call.requestId,
    ...(reason === "OK" ? {} : { "error.type": reason }),
    ...(call.caller === "" ? {} : { "cambio.client": call.caller }),
    ...(provider === undefined ? {} : { "cambio.provider": provider }),
  };
}

/** gRPC writes its codes large, Connect small. */
function rpcAttributes({ protocol, method }: Call, { code }: CallEnd): SpanAttributes {
  const grpc = protocol !== "connect";
  return {
    "rpc.system.name": grpc ? "grpc" : "connectrpc",
    "rpc.method": method,
    "rpc.response.status_code": grpc ? code.toUpperCase() : code,
  };
}

/** Only what is a call gets here: its method is one that the route takes. */
function routeAttributes({ method }: Call, { status }: CallEnd, { req }: Visit): SpanAttributes {
  return { "http.request.method": req.method === "GET" ? "GET" : "POST", "http.route": method, "http.response.status_code": status };
}
