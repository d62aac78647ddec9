// What a provider's refusal of a token exchange means for whoever asked: the one place that decides it. OAuth has few names for many
// causes here, and Keycloak uses one name for opposite ones; where a provider is known to tell them apart by its descriptions, its
// definition lists those (RefusalWords), whole and never as parts.

import { type Circumstance, ExchangeError, type Reason } from "../exchange/errors.ts";
import type { RefusalWords } from "./definition.ts";
import type { JsonAnswer } from "./json-answer.ts";
import { refusalOfReading } from "./upstream-errors.ts";

/** RFC 8693 §2.2.2, RFC 6749 §5.2, RFC 8707 §2. */
const byName: ReadonlyMap<string, Reason> = new Map<string, Reason>([
  ["invalid_client", "UPSTREAM_REJECTED_CLIENT"],
  ["unauthorized_client", "UPSTREAM_REJECTED_CLIENT"],
  ["unsupported_grant_type", "UPSTREAM_REJECTED_CLIENT"],
  ["invalid_target", "TARGET_NOT_ALLOWED"],
  ["access_denied", "TARGET_NOT_ALLOWED"],
  ["invalid_scope", "SCOPE_NOT_ALLOWED"],
  // Some providers name a bad subject token as they would a bad code.
  ["invalid_grant", "TOKEN_REVOKED"],
  ["server_error", "UPSTREAM_UNAVAILABLE"],
  ["temporarily_unavailable", "UPSTREAM_UNAVAILABLE"],
  // Also what a subject token is refused with that the provider does not take, for whatever reason.
  ["invalid_request", "TOKEN_INVALID"],
]);

/** Refusals of the subject token itself. */
const aboutSubject: readonly Reason[] = ["TOKEN_INVALID", "TOKEN_REVOKED"];

/** @param answer undefined: not the JSON object that it must be */
export function refusalOfExchange(
  response: Response,
  answer: JsonAnswer | undefined,
  { words, nowMs }: { readonly words: RefusalWords; readonly nowMs: number },
): ExchangeError {
  const { status } = response;
  const error = answer?.["error"];
  const wellFormed = typeof error === "string" && (status === 200 || (status >= 400 && status < 500 && status !== 429));
  if (!wellFormed) return refusalOfReading("token", response, nowMs);
  const known = words.known.find((word) => word.error === error && word.description.test(textOf(answer?.["error_description"])));
  const reason = known?.reason ?? byName.get(error) ?? "UPSTREAM_INVALID_RESPONSE";
  const cause: Circumstance = { kind: "upstream", endpoint: "token", status, ...(byName.has(error) ? { oauthError: error } : {}) };
  return new ExchangeError(reason, { cause, ...(aboutSubject.includes(reason) ? { field: "SUBJECT_TOKEN" as const } : {}) });
}

function textOf(description: unknown): string {
  return typeof description === "string" ? description : "";
}
