// The three outcomes of a check: allowed, denied, and no decision. What Cambio's errors mean is said here by a list of denials:
// whatever is not on it is no decision, and no decision lets nobody through.

import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../../gen/cambio/v1/error_pb.ts";
import type { TokenClaims } from "./claims.ts";

export interface Denied {
  readonly kind: "denied";
  /** 400: the request shows several tokens. 401: no token, or none that is good. 403: a good token, but not for this. */
  readonly status: 400 | 401 | 403;
  /** Name in OAuth (RFC 6750 §3.1); `missing_token` has none there. */
  readonly error: "missing_token" | "invalid_request" | "invalid_token" | "insufficient_scope" | "access_denied";
  /** Cambio's name for it, such as `TOKEN_EXPIRED`, or `TOKEN_MISSING`. */
  readonly reason: string;
  readonly description: string;
  /** With `TOKEN_EXPIRED`. */
  readonly expiredAt?: Date;
  /** Id of the call in Cambio's logs. */
  readonly requestId?: string;
}

export interface Undecided {
  readonly kind: "undecided";
  /** Cambio's reason, or else the code of the call's failure: for logs. */
  readonly reason: string;
  readonly retryAfterMs: number;
}

export type Decision = { readonly kind: "allowed"; readonly claims: TokenClaims } | Denied | Undecided;

export type Refusal = Exclude<Decision, { kind: "allowed" }>;

const defaultRetryMs = 1_000;
/** No answer of Cambio's says more; what does is a mistake, and would not fit a Duration in the end. */
const longestRetryMs = 3_600_000;

const invalid = { status: 401, error: "invalid_token", description: "The token is not accepted." } as const;
const forbidden = { status: 403, error: "access_denied", description: "The token is not for this service." } as const;

const denials: Partial<Record<ErrorReason, Pick<Denied, "status" | "error" | "description">>> = {
  [ErrorReason.TOKEN_MALFORMED]: invalid,
  [ErrorReason.TOKEN_INVALID]: invalid,
  [ErrorReason.TOKEN_NOT_YET_VALID]: invalid,
  [ErrorReason.TOKEN_TYPE_MISMATCH]: invalid,
  [ErrorReason.TOKEN_EXPIRED]: { ...invalid, description: "The token expired." },
  [ErrorReason.TOKEN_REVOKED]: { ...invalid, description: "The token was revoked." },
  [ErrorReason.ISSUER_NOT_TRUSTED]: invalid,
  [ErrorReason.PROOF_REQUIRED]: invalid,
  [ErrorReason.AUDIENCE_MISMATCH]: forbidden,
  [ErrorReason.CLIENT_NOT_TRUSTED]: forbidden,
  [ErrorReason.ACCOUNT_DISABLED]: { ...forbidden, description: "The account is disabled." },
  [ErrorReason.DELEGATION_NOT_ALLOWED]: forbidden,
  [ErrorReason.SCOPE_INSUFFICIENT]: { status: 403, error: "insufficient_scope", description: "The token lacks a scope." },
};

export const missing: Denied = {
  kind: "denied",
  status: 401,
  error: "missing_token",
  reason: "TOKEN_MISSING",
  description: "This needs an access token.",
};

export const malformed: Denied = { kind: "denied", ...invalid, reason: "TOKEN_MALFORMED" };

export const repeated: Denied = {
  kind: "denied",
  status: 400,
  error: "invalid_request",
  reason: "MALFORMED_REQUEST",
  description: "There is more than one authorization header.",
};

export function undecided(reason: string, retryAfterMs = defaultRetryMs): Undecided {
  const inBounds = retryAfterMs > 0 && retryAfterMs <= longestRetryMs;
  return { kind: "undecided", reason, retryAfterMs: inBounds ? retryAfterMs : defaultRetryMs };
}

/** What the failure of a call to Cambio means for the token that it was about. */
export function decisionOf(failure: unknown): Refusal {
  const error = ConnectError.from(failure);
  const [detail, ...more] = error.findDetails(ErrorDetailSchema);
  if (detail === undefined || more.length > 0) return undecided(Code[error.code]);
  const reason = nameOf(detail.reason);
  const denial = denials[detail.reason];
  // The same reason about the credential of this service itself says nothing of the token.
  if (denial === undefined || detail.field === ErrorField.CALLER) {
    return undecided(reason, detail.retryAfter && durationMs(detail.retryAfter));
  }
  const requestId = detail.requestId === "" ? {} : { requestId: detail.requestId };
  if (detail.reason !== ErrorReason.TOKEN_EXPIRED || detail.expiredAt === undefined)
    return { kind: "denied", ...denial, reason, ...requestId };
  const expiredAt = timestampDate(detail.expiredAt);
  if (Number.isNaN(expiredAt.getTime())) return undecided(reason);
  const description = `The token expired at ${expiredAt.toISOString()}`;
  return { kind: "denied", ...denial, reason, description, expiredAt, ...requestId };
}

function nameOf(reason: ErrorReason): string {
  return Object.entries(ErrorReason).find(([, value]) => value === reason)?.[0] ?? "UNKNOWN";
}
