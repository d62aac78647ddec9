// What a token endpoint's refusal of a one-time credential means for whoever asked: the one place that decides it. The question behind
// every row: may the credential have been used up? If it may, nothing here says that asking again is safe. By which words and statuses a
// provider refuses beyond RFC 6749 stands in its definition.

import { type Circumstance, ExchangeError, type Reason } from "../exchange/errors.ts";
import type { ProviderDefinition } from "./definition.ts";
import { isObject, type JsonAnswer } from "./json-answer.ts";
import { rateLimited } from "./upstream-errors.ts";

/** What is spent by a call to the token endpoint. */
export type OneTimeCredential = "code" | "refresh_token";

/** An answer to a call that spends something one-time, and it is not tokens. */
export interface Refused {
  readonly credential: OneTimeCredential;
  readonly response: Response;
  /** Undefined: not the JSON object that it must be. */
  readonly answer: JsonAnswer | undefined;
  readonly nowMs: number;
}

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

export type RefusalReading = (refused: Refused) => ExchangeError;

export function createRefusalReading({ errors, refresh }: Pick<ProviderDefinition, "errors" | "refresh">): RefusalReading {
  const translated = new Map(Object.entries(errors.words));
  const terminalErrors = new Set(refresh.terminalErrors);

  return function refusalOf({ credential, response, answer, nowMs }) {
    const { status } = response;
    const said = wordIn(answer, errors.objects);
    const word = said === undefined ? undefined : (translated.get(said) ?? said);
    const isTerminalWord = said !== undefined && terminalErrors.has(said);
    const loggable = said !== undefined && word !== undefined && (refusals.has(word) || isTerminalWord);
    const cause: Circumstance = { kind: "upstream", endpoint: "token", status, ...(loggable ? { oauthError: said } : {}) };
    // With any body: the status itself says that the request was turned away before it was worked on (RFC 6585 §4).
    if (status === 429) return rateLimited(response, nowMs, cause);
    if (credential === "refresh_token" && refresh.terminalStatuses.includes(status)) return terminal(cause);
    // Providers are seen to refuse with 200 as well; a 5xx or a redirect that names an error still leaves open what happened.
    const wellFormed = word !== undefined && (status === 200 || (status >= 400 && status < 500));
    if (!wellFormed) return new ExchangeError("OUTCOME_UNKNOWN", { cause });
    if (credential === "refresh_token" && isTerminalWord) return terminal(cause);
    return new ExchangeError((refusals.get(word) ?? refusedWithoutSayingWhy)[credential], { cause });
  };
}

function terminal(cause: Circumstance): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED", { cause });
}

/** @param objects where the provider is known to name its error otherwise than RFC 6749 §5.2 does */
function wordIn(answer: JsonAnswer | undefined, objects: boolean): string | undefined {
  const error = answer?.["error"];
  const places = isObject(error) ? [error["code"], error["type"]] : [error ?? answer?.["code"]];
  return (objects ? places : [error]).find(isWord);
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
