// One admitted call: sent, and where that does no harm and may help, sent once more. It tells the guard how each request ended. How
// long all of it may take is given by a signal; how one request is sent is send-once.ts.

import { setTimeout as wait } from "node:timers/promises";
import type { Dispatcher } from "undici";
import { type ReadWait, withAskedWait } from "./asked-wait.ts";
import { HttpFailure } from "./http-failure.ts";
import type { HttpCall } from "./http-call.ts";
import type { Admission, ProviderGuard } from "./provider-guard.ts";
import { type OutboundRequest, sendOnce } from "./send-once.ts";

export interface AttemptsOptions {
  readonly guard: ProviderGuard;
  /** Undefined: nothing in a body says how long to wait. */
  readonly readWait: ReadWait | undefined;
}

export interface AttemptTerms {
  readonly admission: Admission;
  readonly signal: AbortSignal;
}

type Result = Response | HttpFailure;

/** Answers of what stands in front of a provider, and has nobody behind it. */
const gatewayStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

/** The result throws HttpFailure. */
export function createAttempts(dispatcher: Dispatcher, { guard, readWait }: AttemptsOptions) {
  return async function attempts(call: HttpCall, request: OutboundRequest, terms: AttemptTerms): Promise<Response> {
    const first = await attempt(call, request, terms);
    const result = mayRepeat(call, first) ? ((await repeat(call, request, terms.signal)) ?? first) : first;
    if (result instanceof HttpFailure) throw result;
    return result;
  };

  async function attempt(call: HttpCall, request: OutboundRequest, { admission, signal }: AttemptTerms): Promise<Result> {
    const result = await send(request, signal).catch(asFailure);
    const gaveUp = call.signal?.aborted === true && result instanceof HttpFailure && result.kind === "timeout";
    admission.end(result, gaveUp);
    return result;
  }

  async function send(request: OutboundRequest, signal: AbortSignal): Promise<Response> {
    const response = await sendOnce(dispatcher, request, signal);
    return readWait === undefined ? response : withAskedWait(response, readWait);
  }

  /** Undefined: it was not sent again. */
  async function repeat(call: HttpCall, request: OutboundRequest, signal: AbortSignal): Promise<Result | undefined> {
    const pauseMs = guard.pauseBeforeRepeat(call.endpoint);
    if (pauseMs === undefined) return undefined;
    await wait(pauseMs, undefined, { signal }).catch(() => undefined);
    const admission = signal.aborted ? undefined : guard.repeat(call.endpoint);
    return admission === undefined ? undefined : attempt(call, request, { admission, signal });
  }
}

/** What spends something may have been acted on: never again. */
function mayRepeat(call: HttpCall, first: Result): boolean {
  const onlyAsks = call.method === "GET" || call.idempotent === true;
  return onlyAsks && mayFareBetter(first);
}

/** A connection broke, as an idle one does that the other side was just closing, or could not be made. */
function mayFareBetter(first: Result): boolean {
  if (first instanceof HttpFailure) return first.kind === "unavailable";
  return gatewayStatuses.has(first.status) && !first.headers.has("retry-after");
}

/** A mistake of ours counts as an end, too: a probe without one would keep its circuit open for good. */
function asFailure(thrown: unknown): HttpFailure {
  return thrown instanceof HttpFailure ? thrown : new HttpFailure("invalid", { sent: true, code: "UNKNOWN" });
}
