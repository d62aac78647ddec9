// The one error of this client: a call that was answered with a failure, or not usefully at all. Its message is a fixed sentence;
// the token and what the exchange answered beside a failure are never part of it.

export interface ApiErrorFacts {
  /** Who failed: the exchange that hands out tokens, or the API that was called. */
  readonly source: "exchange" | "api";
  /** The failure's body: parsed where it is JSON, else its text. */
  readonly body?: unknown;
  readonly retryAfterMs?: number | undefined;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0: there was no usable answer (no connection, out of time, or nonsense). */
  readonly status: number;
  /** What came with the failure. Undefined: nothing, or more than is read of a failure. */
  readonly body: unknown;
  readonly source: "exchange" | "api";
  /** Asking again within so many milliseconds is in vain. Undefined: not known. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, { source, body, retryAfterMs }: ApiErrorFacts) {
    super(messageFor(status, source));
    this.status = status;
    this.source = source;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }
}

function messageFor(status: number, source: ApiErrorFacts["source"]): string {
  const who = source === "exchange" ? "The token exchange" : "The API";
  return status === 0 ? `${who} gave no usable answer.` : `${who} answered with status ${status}.`;
}
