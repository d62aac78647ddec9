// What it means for whoever asked that a provider did not answer, or not what it was asked for: the one place that decides it. May a
// one-time credential have been used up? If it may, nothing here says that asking again is safe. What a token endpoint says when it
// refuses such a credential is token-refusals.ts.

import { type Circumstance, ExchangeError, type Reason } from "../exchange/errors.ts";
import type { Endpoint } from "../net/http-call.ts";
import { HttpFailure, type HttpFailureKind } from "../net/http-failure.ts";
import { retryAfterOf } from "../net/retry-after.ts";

/** No answer to a call that spends something one-time. */
export function failureOfSpending(failure: unknown): ExchangeError {
  if (!(failure instanceof HttpFailure)) return new ExchangeError("OUTCOME_UNKNOWN", { cause: failure });
  const cause: Circumstance = { kind: "upstream", endpoint: "token", code: failure.code };
  if (failure.retryAfterMs !== undefined) return notAsked(failure, cause);
  if (failure.sent) return new ExchangeError("OUTCOME_UNKNOWN", { cause });
  return new ExchangeError(failure.kind === "timeout" ? "UPSTREAM_TIMEOUT" : "UPSTREAM_UNAVAILABLE", { cause });
}

/** No answer to a call that only reads. */
export function failureOfReading(endpoint: Endpoint, failure: unknown, signal: AbortSignal | undefined): ExchangeError {
  if (!(failure instanceof HttpFailure)) return new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause: failure });
  const cause: Circumstance = { kind: "upstream", endpoint, code: failure.code };
  if (signal?.aborted === true) return new ExchangeError("DEADLINE_EXCEEDED", { cause });
  if (failure.retryAfterMs !== undefined) return notAsked(failure, cause);
  return new ExchangeError(reasonsOfReading[failure.kind], { cause });
}

const reasonsOfReading: Readonly<Record<HttpFailureKind, Reason>> = {
  unavailable: "UPSTREAM_UNAVAILABLE",
  rate_limited: "UPSTREAM_RATE_LIMITED",
  timeout: "UPSTREAM_TIMEOUT",
  invalid: "UPSTREAM_INVALID_RESPONSE",
};

/** This service leaves the endpoint alone for now. A one-time credential has not been sent, so asking again then is safe. */
function notAsked({ kind, retryAfterMs }: HttpFailure, cause: Circumstance): ExchangeError {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new ExchangeError(reasonsOfReading[kind], { cause, unasked: true, ...wait });
}

/** An answer to a call that only reads, and it is not what was asked for. */
export function refusalOfReading(endpoint: Endpoint, response: Response, nowMs: number): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint, status: response.status };
  if (response.status === 429) return rateLimited(response, nowMs, cause);
  if (response.status < 500) return new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause });
  return new ExchangeError("UPSTREAM_UNAVAILABLE", { cause, ...waitAskedFor(response, nowMs) });
}

/** It refuses this service's own credentials: a matter for its operator. */
export function rejectedClient(endpoint: Endpoint, { status }: Response): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint, status };
  return new ExchangeError("UPSTREAM_REJECTED_CLIENT", { cause });
}

/** The provider wants fewer questions (RFC 6585 §4). */
export function rateLimited(response: Response, nowMs: number, cause: Circumstance): ExchangeError {
  return new ExchangeError("UPSTREAM_RATE_LIMITED", { cause, ...waitAskedFor(response, nowMs) });
}

function waitAskedFor(response: Response, nowMs: number): { readonly retryAfterMs?: number } {
  const retryAfterMs = retryAfterOf(response, nowMs);
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}
