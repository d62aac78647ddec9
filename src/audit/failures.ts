// How the trail fails: while it is written, and at start. Messages name codes and paths of the configuration, never a record.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";

/** A disk that is full or away is rarely back sooner. */
const retryAfterMs = 1_000;

/**
 * What became of the batch. `refused`: nothing of it is in the file. `unknown`: it may be, outside of the trail. `written`: all
 * of it is in the trail, but what should vouch for its end could not be written.
 */
export type BatchOutcome = "refused" | "unknown" | "written";

export class TrailFailure extends Error {
  override readonly name = "TrailFailure";
  readonly code: string;
  readonly outcome: BatchOutcome;

  constructor(code: string, outcome: BatchOutcome) {
    super(code);
    this.code = code;
    this.outcome = outcome;
  }
}

/** The configuration names a place where the trail cannot be kept. */
export class TrailStartError extends Error {
  override readonly name = "TrailStartError";
}

export function auditUnavailable({ code, outcome }: TrailFailure): ExchangeError {
  const cause: Circumstance = { kind: "store", code, outcome: outcome === "refused" ? "refused" : "unknown" };
  return new ExchangeError("AUDIT_UNAVAILABLE", { retryAfterMs, cause });
}

/** @param outcome for what is not a TrailFailure already */
export function asTrailFailure(failure: unknown, outcome: BatchOutcome): TrailFailure {
  return failure instanceof TrailFailure ? failure : new TrailFailure(codeOf(failure), outcome);
}

/** Such as `ENOSPC`. */
export function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure && typeof failure.code === "string" ? failure.code : "UNEXPECTED";
}
