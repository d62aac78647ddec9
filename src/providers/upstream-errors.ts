// What a provider's failure means for whoever asked: the one place that decides it. The question behind every row: may a
// one-time credential have been used up? If it may, nothing here says that asking again is safe.

import { type Circumstance, ExchangeError, type Reason } from "../exchange/errors.ts";
import type { Endpoint } from "../net/http-call.ts";
import { HttpFailure, type HttpFailureKind } from "../net/http-failure.ts";
import { retryAfterOf } from "../net/retry-after.ts";
import type { JsonAnswer } from "./json-answer.ts";

/** What is spent by a call to the token endpoint. */
export type OneTimeCredential = "code" | "refresh_token";

type Refusal = Readonly<Record<OneTimeCredential, Reason>>;

const sameForBoth = (reason: Reason): Refusal => ({ code: reason, refresh_token: reason });
const userMustActAgain: Refusal = { code: "GRANT_INVALID", refresh_token: "REAUTHENTICATION_REQUIRED" };
// A refused code is of no use to anyone. A refused refresh token may still be good (the request was not), so the user does
// not lose it over a word that does not say so.
const refusedWithoutSayingWhy: Refusal = { code: "GRANT_INVALID", refresh_token: "UPSTREAM_INVALID_RESPONSE" };

// RFC 6749 §5.2, RFC 8707 §2, OpenID Connect Core §3.1.2.6, RFC 6749 §4.1.2.1.
const refusals: ReadonlyMap<string, Refusal> = new Map([
  ["invalid_grant", userMustActAgain],
  ["invalid_client", sameForBoth("UPSTREAM_REJECTED_CLIENT")],
  ["unauthorized_client", sameForBoth("UPSTREAM_REJECTED_CLIENT")],
  ["unsupported_grant_type", sameForBoth("UPSTREAM_REJECTED_CLIENT")],
  ["invalid_scope", sameForBoth("SCOPE_NOT_ALLOWED")],
  ["invalid_target", sameForBoth("TARGET_NOT_ALLOWED")],
  ["access_denied", userMustActAgain],
  ["interaction_required", userMustActAgain],
  ["login_required", userMustActAgain],
  ["consent_required", userMustActAgain],
  ["account_selection_required", userMustActAgain],
  ["invalid_request", refusedWithoutSayingWhy],
  // It tried and failed: how far it came, only the provider knows.
  ["server_error", sameForBoth("OUTCOME_UNKNOWN")],
  ["temporarily_unavailable", sameForBoth("OUTCOME_UNKNOWN")],
]);

/** No answer to a call that spends something one-time. */
export function failureOfSpending(failure: unknown): ExchangeError {
  if (!(failure instanceof HttpFailure)) return new ExchangeError("OUTCOME_UNKNOWN", { cause: failure });
  const cause: Circumstance = { kind: "upstream", endpoint: "token", code: failure.code };
  if (failure.retryAfterMs !== undefined) return notAsked(failure, cause);
  if (failure.sent) return new ExchangeError("OUTCOME_UNKNOWN", { cause });
  return new ExchangeError(failure.kind === "timeout" ? "UPSTREAM_TIMEOUT" : "UPSTREAM_UNAVAILABLE", { cause });
}

/** An answer to a call that spends something one-time, and it is not tokens. */
export function refusalOf(credential: OneTimeCredential, response: Response, answer: JsonAnswer | undefined, nowMs: number): ExchangeError {
  const { status } = response;
  const word = answer?.["error"];
  const known = typeof word === "string" && refusals.has(word);
  const cause: Circumstance = { kind: "upstream", endpoint: "token", status, ...(known ? { oauthError: word } : {}) };
  // With any body: the status itself says that the request was turned away before it was worked on (RFC 6585 §4).
  if (status === 429) return rateLimited(response, nowMs, cause);
  // Providers are seen to refuse with 200 as well; a 5xx or a redirect that names an error still leaves open what happened.
  const wellFormed = typeof word === "string" && word !== "" && (status === 200 || (status >= 400 && status < 500));
  if (!wellFormed) return new ExchangeError("OUTCOME_UNKNOWN", { cause });
  return new ExchangeError((refusals.get(word) ?? refusedWithoutSayingWhy)[credential], { cause });
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

function rateLimited(response: Response, nowMs: number, cause: Circumstance): ExchangeError {
  return new ExchangeError("UPSTREAM_RATE_LIMITED", { cause, ...waitAskedFor(response, nowMs) });
}

function waitAskedFor(response: Response, nowMs: number): { readonly retryAfterMs?: number } {
  const retryAfterMs = retryAfterOf(response, nowMs);
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}
