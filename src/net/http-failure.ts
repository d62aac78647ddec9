// How an outbound call fails, in four kinds. What a failure means for the caller (may it ask again?) is decided in
// providers/upstream-errors.ts; here stands only what is known about the bytes.

export type HttpFailureKind =
  /** No answer came: refused, unresolved, reset, untrusted certificate, too many calls; or the endpoint is not asked now. */
  | "unavailable"
  /** The endpoint asked for a pause (429) that is not over: it was not asked. */
  | "rate_limited"
  /** The total time ran out, or whoever asked gave up. */
  | "timeout"
  /** An answer came that breaks a bound or the protocol, or the address itself is not allowed. */
  | "invalid";

/** Its message holds a kind and a code of ours, Node's or undici's: no address, no header, no body. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
  readonly kind: HttpFailureKind;
  /** True: a byte of the request may have left this process. */
  readonly sent: boolean;
  readonly code: string;
  /** Milliseconds. Given where this process did not ask, and will not before; undefined with every other failure. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: HttpFailureKind, facts: { readonly sent: boolean; readonly code: string; readonly retryAfterMs?: number }) {
    super(`${kind} (${facts.code})`);
    this.kind = kind;
    this.sent = facts.sent;
    this.code = facts.code;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
