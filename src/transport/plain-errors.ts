// Failures on plain HTTP routes, as JSON in the terms of OAuth (RFC 6749 §5.2, RFC 6750 §3) with what Cambio adds. Codes, names and
// sentences stand in rpc/error-table.ts; failures of framing, which have no reason, stand here.

import type { ExchangeError } from "../exchange/errors.ts";
import { type ErrorRow, errorTable } from "../rpc/error-table.ts";
import { jsonResponse, type PlainResponse } from "./plain-response.ts";

export interface PlainErrorOptions {
  readonly requestId: string;
  readonly surface: PlainSurface;
}

/** token: it answers like a token endpoint. session: it turns a session into a token. */
export type PlainSurface = "plain" | "token" | "session";

export function plainError(failure: ExchangeError, { requestId, surface }: PlainErrorOptions): PlainResponse {
  const row = errorTable[failure.reason];
  const override = overrideOf(row, surface);
  const status = override?.status ?? row.status;
  const error = override?.oauth ?? row.oauth;
  const body = {
    error,
    error_description: row.sentence,
    reason: failure.reason,
    request_id: requestId,
    ...(failure.expiredAt === undefined ? {} : { expired_at: new Date(failure.expiredAt * 1000).toISOString() }),
  };
  return jsonResponse(status, body, {
    ...retryAfter(status, failure.retryAfterMs ?? row.retryAfterMs),
    ...challenge(status, failure, row.oauth),
  });
}

function overrideOf(row: ErrorRow, surface: PlainSurface): ErrorRow["tokenRoute"] {
  switch (surface) {
    case "plain":
      return undefined;
    case "token":
      return row.tokenRoute;
    case "session":
      return row.sessionRoute;
  }
}

const framing = {
  404: "There is nothing at this path.",
  405: "This path does not take that method.",
  415: "The body's type or encoding is not accepted here.",
  431: "There are too many headers.",
  501: "There are no tunnels here.",
} as const;

export type FramingStatus = keyof typeof framing;

export function framingError(status: FramingStatus, requestId: string): PlainResponse {
  return jsonResponse(status, { error: "invalid_request", error_description: framing[status], request_id: requestId });
}

/** Whole seconds, rounded up: waiting less would fail again (RFC 9110 §10.2.3). */
function retryAfter(status: number, ms: number | undefined): Readonly<Record<string, string>> {
  if (ms === undefined || (status !== 429 && status !== 503)) return {};
  return { "retry-after": String(Math.ceil(ms / 1000)) };
}

/** A 401 says how to do better (RFC 9110 §11.6.1): callers prove themselves by Basic, tokens are bearer tokens. */
function challenge(status: number, failure: ExchangeError, oauth: string): Readonly<Record<string, string>> {
  if (status !== 401) return {};
  const basic = failure.reason === "CALLER_UNAUTHENTICATED";
  return { "www-authenticate": basic ? 'Basic realm="cambio"' : `Bearer error="${oauth}"` };
}
