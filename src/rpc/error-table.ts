// The one table that says what a reason looks like from outside: code, status, OAuth name and a fixed sentence.
// A reason without a row does not compile. Nothing here may quote a token, a claim or a provider's answer.

import { Code } from "@connectrpc/connect";
import type { Reason } from "../exchange/errors.ts";

/** How a reason leaves on one kind of surface. */
export interface ErrorRow {
  /** gRPC and Connect code; Connect derives the HTTP status of RPCs from it. */
  readonly code: Code;
  /** Status on plain HTTP routes. */
  readonly status: number;
  /** Name in OAuth (RFC 6749 §5.2, RFC 6750 §3.1, RFC 8693 §2.2.2, RFC 8707 §2). */
  readonly oauth: string;
  /** The whole public message. */
  readonly sentence: string;
  /** Only a new sign-in of the user helps. */
  readonly reauthenticate?: true;
  /** Wait at least this long, in milliseconds, where nothing better is known. */
  readonly retryAfterMs?: number;
  /** What differs on routes that answer like a token endpoint (RFC 6749 §5.2). */
  readonly tokenRoute?: { readonly status?: number; readonly oauth?: string };
  /** What differs on routes that turn a session into a token: running out of time is 503 there, as other outages are. */
  readonly sessionRoute?: { readonly status: number };
}

const invalidToken = {
  code: Code.Unauthenticated,
  status: 401,
  oauth: "invalid_token",
  tokenRoute: { oauth: "invalid_request" },
} as const;

const missing = { code: Code.NotFound, status: 404, oauth: "invalid_request" } as const;

const denied = { code: Code.PermissionDenied, status: 403 } as const;

/** An outage of ours or of a provider is usually over within seconds. */
const unavailable = { code: Code.Unavailable, status: 503, oauth: "temporarily_unavailable", retryAfterMs: 1_000 } as const;

const paused = { code: Code.ResourceExhausted, status: 429, oauth: "temporarily_unavailable" } as const;

const tooLate = {
  code: Code.DeadlineExceeded,
  status: 504,
  oauth: "temporarily_unavailable",
  sessionRoute: { status: 503 },
} as const;

export const errorTable: Readonly<Record<Reason, ErrorRow>> = {
  MALFORMED_REQUEST: {
    code: Code.InvalidArgument,
    status: 400,
    oauth: "invalid_request",
    sentence: "The request breaks a rule of its message.",
  },
  MESSAGE_TOO_LARGE: {
    code: Code.ResourceExhausted,
    status: 413,
    oauth: "invalid_request",
    sentence: "The message is larger than 64 KiB.",
  },
  CALLER_UNAUTHENTICATED: {
    code: Code.Unauthenticated,
    status: 401,
    oauth: "invalid_client",
    sentence: "The caller did not prove who it is.",
  },
  CALLER_NOT_ALLOWED: { ...denied, oauth: "unauthorized_client", sentence: "The caller may not do this." },
  ORIGIN_NOT_ALLOWED: { ...denied, oauth: "unauthorized_client", sentence: "The calling page's origin is not listed for this client." },
  REDIRECT_URI_NOT_ALLOWED: { ...denied, oauth: "unauthorized_client", sentence: "The redirect URI is not registered for this client." },
  PROVIDER_UNKNOWN: { ...missing, sentence: "There is no provider of that name." },
  TOKEN_MALFORMED: { ...invalidToken, sentence: "The token is not a compact JWT as accepted here." },
  TOKEN_INVALID: { ...invalidToken, sentence: "The token is not valid." },
  TOKEN_NOT_YET_VALID: { ...invalidToken, sentence: "The token is not valid yet." },
  TOKEN_TYPE_MISMATCH: { ...invalidToken, sentence: "The token is of another type than asked for." },
  TOKEN_EXPIRED: { ...invalidToken, sentence: "The token is expired." },
  ISSUER_NOT_TRUSTED: { ...invalidToken, sentence: "The token's issuer is not trusted here." },
  PROOF_REQUIRED: { ...invalidToken, sentence: "The token is bound to a key, and that proof is not accepted here." },
  AUDIENCE_MISMATCH: { ...denied, oauth: "access_denied", sentence: "The token is not meant for this audience." },
  CLIENT_NOT_TRUSTED: { ...denied, oauth: "access_denied", sentence: "The audience does not accept tokens of that client." },
  SCOPE_NOT_ALLOWED: { ...denied, oauth: "invalid_scope", sentence: "More scope than allowed." },
  SCOPE_INSUFFICIENT: { ...denied, oauth: "insufficient_scope", sentence: "The token lacks a required scope." },
  TARGET_NOT_ALLOWED: { ...denied, oauth: "invalid_target", sentence: "The caller may not ask for this audience." },
  GRANT_INVALID: {
    code: Code.FailedPrecondition,
    status: 400,
    oauth: "invalid_grant",
    sentence: "The code, its verifier or its state is wrong, used or expired.",
  },
  REAUTHENTICATION_REQUIRED: {
    code: Code.Unauthenticated,
    status: 401,
    oauth: "invalid_grant",
    sentence: "The refresh token no longer works; the user must sign in again.",
    reauthenticate: true,
    tokenRoute: { status: 400 },
  },
  UPSTREAM_RATE_LIMITED: {
    code: Code.ResourceExhausted,
    status: 429,
    oauth: "temporarily_unavailable",
    sentence: "The provider asks for a pause.",
    retryAfterMs: 5_000,
  },
  UPSTREAM_UNAVAILABLE: { ...unavailable, sentence: "The provider does not answer; asking again is safe." },
  UPSTREAM_INVALID_RESPONSE: { ...unavailable, sentence: "The provider's answer makes no sense." },
  STORE_UNAVAILABLE: { ...unavailable, sentence: "What must be remembered for this cannot be; asking again is safe." },
  UPSTREAM_TIMEOUT: { ...tooLate, sentence: "The provider took too long; asking again is safe." },
  DEADLINE_EXCEEDED: { ...tooLate, sentence: "The time for this call is over." },
  OUTCOME_UNKNOWN: {
    code: Code.Aborted,
    status: 409,
    oauth: "invalid_grant",
    sentence: "The credential may have reached the provider and no usable answer came; start over.",
  },
  UPSTREAM_REJECTED_CLIENT: {
    code: Code.Internal,
    status: 500,
    oauth: "server_error",
    sentence: "The provider refuses this service's own credentials.",
  },
  TOKEN_REVOKED: { ...invalidToken, sentence: "The token was revoked." },
  RATE_LIMITED: { ...paused, sentence: "Too many calls, or too many that failed; ask again later.", retryAfterMs: 1_000 },
  OVERLOADED: { ...paused, sentence: "More to do than this service can; ask again later.", retryAfterMs: 1_000 },
  AUDIT_UNAVAILABLE: { ...unavailable, sentence: "What is issued cannot be put on record; asking again is safe." },
  DELEGATION_NOT_ALLOWED: { ...denied, oauth: "access_denied", sentence: "That actor may not act for that subject here." },
  SESSION_INVALID: {
    code: Code.Unauthenticated,
    status: 401,
    oauth: "invalid_grant",
    sentence: "There is no session; the user must sign in.",
    reauthenticate: true,
  },
  ACCOUNT_DISABLED: { ...denied, oauth: "access_denied", sentence: "The account was disabled here." },
  ACCOUNT_NOT_FOUND: { ...missing, sentence: "There is no such account." },
  CONNECTION_NOT_FOUND: { ...missing, sentence: "There is no such connection." },
  INTERNAL: { code: Code.Internal, status: 500, oauth: "server_error", sentence: "An error in this service." },
};
