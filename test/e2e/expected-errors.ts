// What each reason looks like from outside, as the contract's table says it: written down once more here, so that a change of the
// service's own table does not go unseen.

import { Code } from "@connectrpc/connect";
import type { CredentialField, Reason } from "../../src/exchange/errors.ts";

export interface ExpectedError {
  readonly code: Code;
  /** HTTP status of an RPC over Connect. */
  readonly http: number;
  readonly oauth: string;
  readonly field?: CredentialField;
  /** Status on the plain route, where it differs. */
  readonly plain?: number;
  readonly reauthenticate?: true;
  /** How long to wait is part of the answer: always, or where it is known because the provider was asked before. */
  readonly retryAfter?: "always" | "sometimes";
}

const token = { code: Code.Unauthenticated, http: 401, oauth: "invalid_token", field: "SUBJECT_TOKEN" } as const;
const callerDenied = { code: Code.PermissionDenied, http: 403, oauth: "unauthorized_client", field: "CALLER" } as const;
const tokenDenied = { code: Code.PermissionDenied, http: 403, oauth: "access_denied", field: "SUBJECT_TOKEN" } as const;
const unavailable = { code: Code.Unavailable, http: 503, oauth: "temporarily_unavailable", retryAfter: "always" } as const;
const paused = { code: Code.ResourceExhausted, http: 429, oauth: "temporarily_unavailable", retryAfter: "always" } as const;
const late = { code: Code.DeadlineExceeded, http: 504, oauth: "temporarily_unavailable" } as const;

export const expectedErrors: Readonly<Record<Reason, ExpectedError>> = {
  SESSION_INVALID: { code: Code.Unauthenticated, http: 401, oauth: "invalid_grant", field: "SESSION", reauthenticate: true },
  ACCOUNT_DISABLED: { code: Code.PermissionDenied, http: 403, oauth: "access_denied" },
  ACCOUNT_NOT_FOUND: { code: Code.NotFound, http: 404, oauth: "invalid_request" },
  CONNECTION_NOT_FOUND: { code: Code.NotFound, http: 404, oauth: "invalid_request" },
  DELEGATION_NOT_ALLOWED: { code: Code.PermissionDenied, http: 403, oauth: "access_denied", field: "ACTOR_TOKEN" },
  MALFORMED_REQUEST: { code: Code.InvalidArgument, http: 400, oauth: "invalid_request" },
  MESSAGE_TOO_LARGE: { code: Code.ResourceExhausted, http: 429, oauth: "invalid_request", plain: 413 },
  CALLER_UNAUTHENTICATED: { code: Code.Unauthenticated, http: 401, oauth: "invalid_client", field: "CALLER" },
  CALLER_NOT_ALLOWED: callerDenied,
  ORIGIN_NOT_ALLOWED: callerDenied,
  REDIRECT_URI_NOT_ALLOWED: { code: Code.PermissionDenied, http: 403, oauth: "unauthorized_client" },
  PROVIDER_UNKNOWN: { code: Code.NotFound, http: 404, oauth: "invalid_request" },
  TOKEN_MALFORMED: token,
  TOKEN_INVALID: token,
  TOKEN_NOT_YET_VALID: token,
  TOKEN_TYPE_MISMATCH: token,
  TOKEN_EXPIRED: token,
  ISSUER_NOT_TRUSTED: token,
  PROOF_REQUIRED: token,
  AUDIENCE_MISMATCH: tokenDenied,
  CLIENT_NOT_TRUSTED: tokenDenied,
  SCOPE_NOT_ALLOWED: { code: Code.PermissionDenied, http: 403, oauth: "invalid_scope" },
  SCOPE_INSUFFICIENT: { ...tokenDenied, oauth: "insufficient_scope" },
  TARGET_NOT_ALLOWED: { code: Code.PermissionDenied, http: 403, oauth: "invalid_target" },
  GRANT_INVALID: { code: Code.FailedPrecondition, http: 400, oauth: "invalid_grant" },
  REAUTHENTICATION_REQUIRED: { code: Code.Unauthenticated, http: 401, oauth: "invalid_grant", reauthenticate: true },
  UPSTREAM_RATE_LIMITED: paused,
  UPSTREAM_UNAVAILABLE: unavailable,
  UPSTREAM_INVALID_RESPONSE: unavailable,
  STORE_UNAVAILABLE: unavailable,
  UPSTREAM_TIMEOUT: { ...late, retryAfter: "sometimes" },
  DEADLINE_EXCEEDED: late,
  OUTCOME_UNKNOWN: { code: Code.Aborted, http: 409, oauth: "invalid_grant" },
  UPSTREAM_REJECTED_CLIENT: { code: Code.Internal, http: 500, oauth: "server_error" },
  INTERNAL: { code: Code.Internal, http: 500, oauth: "server_error" },
  TOKEN_REVOKED: token,
  RATE_LIMITED: paused,
  OVERLOADED: paused,
  AUDIT_UNAVAILABLE: unavailable,
};

/** Reasons that no case of the protocol tables can provoke from outside, and the tests that do: file and name. */
export const provokedElsewhere: Partial<Record<Reason, { readonly why: string; readonly file: string; readonly test: string }>> = {
  INTERNAL: {
    why: "it stands for a defect, so nothing that a client sends may cause it",
    file: "test/transport/rpc-adapter.test.ts",
    test: "says nothing of what an unexpected exception says",
  },
};
