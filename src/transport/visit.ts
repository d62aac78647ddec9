// One request on the port from its headers to the end of its answer: the Call that everybody inward fills in, and what only the
// transport knows about it. It makes sure that every request ends in exactly one onEnd, also those whose client went away.

import { Code, createContextKey } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ExchangeError } from "../exchange/errors.ts";
import type { Call } from "../rpc/call.ts";
import { errorTable } from "../rpc/error-table.ts";
import type { Outcome } from "../telemetry/metrics.ts";
import type { PortRequest, PortResponse } from "./one-port.ts";

export interface CallEnd {
  /** HTTP status; 499 where the client went away before it had the answer. */
  readonly status: number;
  /** `ok`, or the gRPC code's name. */
  readonly code: string;
  readonly durationMs: number;
}

export interface Hooks {
  /** Once per request, before anything is done for it. */
  onBegin?(visit: Visit): void;
  /** Exactly once per request. */
  onEnd(call: Call, end: CallEnd): void;
}

export interface Visit {
  readonly req: PortRequest;
  readonly res: PortResponse;
  readonly call: Call;
  /** Code of a failure that has no reason: of framing, or of the services that are not ours (health, reflection). */
  bareCode: Code | undefined;
  /** The whole answer was handed to the connection. */
  answered: boolean;
  /** Nobody is there to answer any more: it was answered, or its client left. */
  closed: boolean;
}

/** The method of every call to what does not exist, so that nobody can make new metric series by asking. */
export const unmatched = "unmatched";

export const visitKey = createContextKey<Visit | undefined>(undefined, { description: "visit" });

const ignore = (): void => undefined;

export interface VisitDeps {
  readonly hooks: Hooks;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

export function beginVisit(req: PortRequest, res: PortResponse, { call, deps }: { call: Call; deps: VisitDeps }): Visit {
  const visit: Visit = { req, res, call, bareCode: undefined, answered: false, closed: false };
  deps.hooks.onBegin?.(visit);
  const begun = deps.now();
  res.on("close", () => {
    visit.closed = true;
    const code = codeOf(visit);
    deps.hooks.onEnd(call, { status: visit.answered ? res.statusCode : 499, code, durationMs: deps.now() - begun });
  });
  // Writing to a client that has left is no failure of ours; onEnd tells of it.
  res.on("error", ignore);
  return visit;
}

/**
 * Ends a request whose answer could not be written. A client that left is in the log as such; anything else is a defect of ours
 * and must not be silent.
 */
export function breakOff(visit: Visit, cause: unknown): void {
  const { req, res, call } = visit;
  const gone = "stream" in req ? req.stream.destroyed || req.stream.closed : req.socket.destroyed;
  if (gone) return;
  call.failure ??= new ExchangeError("INTERNAL", { cause });
  if (res.headersSent) {
    res.destroy();
    return;
  }
  visit.answered = true;
  res.statusCode = 500;
  try {
    res.end();
  } catch {
    // What could not be sent at all was noted above; nobody waits for what is thrown here, and it would end the process.
    res.destroy();
  }
}

/** Stands for the connection that a request came on, the same for all its requests. */
export function connectionOf({ req }: Visit): object {
  return "stream" in req ? (req.stream.session ?? req.stream) : req.socket;
}

/** What became of a call, in one word. */
export function outcomeOf({ failure }: Call, { code, status }: CallEnd): Outcome {
  if (failure !== undefined) return failure.reason;
  if (code === "canceled") return "CLIENT_LEFT";
  return code === "ok" && status < 400 ? "OK" : "FRAMING";
}

function codeOf({ call, bareCode, answered }: Visit): string {
  if (call.failure !== undefined) return codeToString(errorTable[call.failure.reason].code);
  if (bareCode !== undefined) return codeToString(bareCode);
  return answered ? "ok" : codeToString(Code.Canceled);
}
