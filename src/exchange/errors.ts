// The closed list of reasons for which a call fails, the one error that carries them through the core, and how it is read again.
// What a reason looks like on a wire (code, status, sentence) is not known here: see rpc/error-table.ts.

export const reasons = [
  "MALFORMED_REQUEST",
  "MESSAGE_TOO_LARGE",
  "CALLER_UNAUTHENTICATED",
  "CALLER_NOT_ALLOWED",
  "ORIGIN_NOT_ALLOWED",
  "REDIRECT_URI_NOT_ALLOWED",
  "PROVIDER_UNKNOWN",
  "TOKEN_MALFORMED",
  "TOKEN_INVALID",
  "TOKEN_NOT_YET_VALID",
  "TOKEN_TYPE_MISMATCH",
  "TOKEN_EXPIRED",
  "ISSUER_NOT_TRUSTED",
  "PROOF_REQUIRED",
  "AUDIENCE_MISMATCH",
  "CLIENT_NOT_TRUSTED",
  "SCOPE_NOT_ALLOWED",
  "SCOPE_INSUFFICIENT",
  "TARGET_NOT_ALLOWED",
  "GRANT_INVALID",
  "REAUTHENTICATION_REQUIRED",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_INVALID_RESPONSE",
  "STORE_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "DEADLINE_EXCEEDED",
  "OUTCOME_UNKNOWN",
  "UPSTREAM_REJECTED_CLIENT",
  "INTERNAL",
  "TOKEN_REVOKED",
  "RATE_LIMITED",
  "OVERLOADED",
  "AUDIT_UNAVAILABLE",
  "DELEGATION_NOT_ALLOWED",
  "SESSION_INVALID",
  "ACCOUNT_DISABLED",
  "ACCOUNT_NOT_FOUND",
  "CONNECTION_NOT_FOUND",
] as const;

export type Reason = (typeof reasons)[number];

/** Which credential an error is about. */
export type CredentialField = "CALLER" | "SUBJECT_TOKEN" | "ACTOR_TOKEN" | "SESSION" | "USER_TOKEN";

/** What was met, for the log: allow-listed words and numbers, never a value, a description or a body. */
export type Circumstance =
  /** A provider's endpoint; `oauthError` only where it is a registered word. */
  | {
      readonly kind: "upstream";
      readonly endpoint: string;
      readonly status?: number;
      readonly oauthError?: string;
      readonly code?: string;
    }
  /** The store or the audit trail; `unknown`: the command may have been carried out. */
  | { readonly kind: "store"; readonly code: string; readonly outcome: "refused" | "unknown" }
  /** The field of the request, or the claim of the token, whose rule was broken. */
  | { readonly kind: "rule"; readonly field: string }
  /** A rule of the configuration, by its path there. */
  | { readonly kind: "policy"; readonly rule: string }
  /** A one-time thing is shown again: a code that was redeemed, a handle that was replaced. One of its holders is a thief. */
  | { readonly kind: "code" | "handle"; readonly problem: "reused" }
  /** How a caller's proof failed: a word of ours, for the log and the audit trail; the caller is not told. */
  | { readonly kind: "proof"; readonly proof: "basic" | "assertion" | "workload" | "certificate"; readonly problem: string };

export interface FailureFacts {
  readonly field?: CredentialField;
  /** The token's `exp`, in seconds since the epoch; with TOKEN_EXPIRED. */
  readonly expiredAt?: number;
  /** How long to wait before asking again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The provider was not asked: nothing has left this process, and it will be asked again once `retryAfterMs` is over. */
  readonly unasked?: boolean;
  /** What happened, for the log: a Circumstance where it was foreseen, else whatever was thrown. It never leaves the process. */
  readonly cause?: unknown;
}

/** A decided failure. Its message is the reason's name, so that nothing else can slip into a log line. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly reason: Reason;
  readonly field: CredentialField | undefined;
  readonly expiredAt: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly unasked: boolean;

  constructor(reason: Reason, facts: FailureFacts = {}) {
    super(reason, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.reason = reason;
    this.field = facts.field;
    this.expiredAt = facts.expiredAt;
    this.retryAfterMs = facts.retryAfterMs;
    this.unasked = facts.unasked ?? false;
  }
}

/** @param field name of the field in the proto, for the log; the caller is not told */
export function malformed(field: string): ExchangeError {
  const cause: Circumstance = { kind: "rule", field };
  return new ExchangeError("MALFORMED_REQUEST", { cause });
}

/** What was found about a token that was verified as a subject's is, said of the credential that it is. */
export function aboutField(failure: unknown, field: CredentialField): unknown {
  if (!(failure instanceof ExchangeError) || failure.field !== "SUBJECT_TOKEN") return failure;
  const { reason, expiredAt, retryAfterMs, cause } = failure;
  return new ExchangeError(reason, {
    field,
    ...(expiredAt === undefined ? {} : { expiredAt }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause,
  });
}

/** True for a decided failure with one of these reasons. */
export function hasReason(failure: unknown, ...among: readonly Reason[]): failure is ExchangeError {
  return failure instanceof ExchangeError && among.includes(failure.reason);
}

/** A failure may carry another one, such as a key set's last attempt. */
const maxDepth = 3;

const kinds: ReadonlySet<unknown> = new Set<Circumstance["kind"]>(["upstream", "store", "rule", "policy", "code", "handle", "proof"]);

/** What was met, told by the failure itself or by one that it carries. Undefined: nothing that was foreseen. */
export function circumstanceOf(failure: unknown): Circumstance | undefined {
  let cause: unknown = failure instanceof ExchangeError ? failure.cause : undefined;
  for (let depth = 0; depth < maxDepth && cause instanceof ExchangeError; depth += 1) ({ cause } = cause);
  return isCircumstance(cause) ? cause : undefined;
}

function isCircumstance(cause: unknown): cause is Circumstance {
  return typeof cause === "object" && cause !== null && "kind" in cause && kinds.has(cause.kind);
}
