// What a provider's failure means for whoever asked: the one place that decides it. The question behind every row: may a
// one-time credential have been used up? If it may, nothing here says that asking again is safe.

import { type Circumstance, ExchangeError, type Reason } from "../exchange/errors.ts";
import type { Endpoint } from "../net/http-client.ts";
import { HttpFailure } from "../net/http-failure.ts";
import type { JsonObject } from "./json-answer.ts";

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
  if (failure.sent) return new ExchangeError("OUTCOME_UNKNOWN", { cause });
  return new ExchangeError(failure.kind === "timeout" ? "UPSTREAM_TIMEOUT" : "UPSTREAM_UNAVAILABLE", { cause });
}

/** An answer to a call that spends something one-time, and it is not tokens. */
export function refusalOf(credential: OneTimeCredential, response: Response, answer: JsonObject | undefined, nowMs: number): ExchangeError {
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
  const reasons = { unavailable: "UPSTREAM_UNAVAILABLE", timeout: "UPSTREAM_TIMEOUT", invalid: "UPSTREAM_INVALID_RESPONSE" } as const;
  return new ExchangeError(reasons[failure.kind], { cause });
}

/** An answer to a call that only reads, and it is not what was asked for. */
export function refusalOfReading(endpoint: Endpoint, response: Response, nowMs: number): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint, status: response.status };
  if (response.status === 429) return rateLimited(response, nowMs, cause);
  return new ExchangeError(response.status >= 500 ? "UPSTREAM_UNAVAILABLE" : "UPSTREAM_INVALID_RESPONSE", { cause });
}

/** It refuses this service's own credentials: a matter for its operator. */
export function rejectedClient(endpoint: Endpoint, { status }: Response): ExchangeError {
  const cause: Circumstance = { kind: "upstream", endpoint, status };
  return new ExchangeError("UPSTREAM_REJECTED_CLIENT", { cause });
}

function rateLimited(response: Response, nowMs: number, cause: Circumstance): ExchangeError {
  const retryAfterMs = retryAfterOf(response.headers.get("retry-after"), nowMs);
  return new ExchangeError("UPSTREAM_RATE_LIMITED", { cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

// At once is how a limit is hit again; what lies further ahead than an hour is not worth promising.
const minRetryAfterMs = 1_000;
const maxRetryAfterMs = 3_600_000;

/** Seconds or an HTTP date (RFC 9110 §10.2.3). Undefined: it says neither. */
function retryAfterOf(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const waitMs = /^[0-9]{1,10}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, minRetryAfterMs), maxRetryAfterMs);
}
