// How long an answer asks to be left alone (Retry-After, RFC 9110 §10.2.3), within reason. What is done about it is decided where
// it is read: this room pauses an endpoint, providers/ tells the caller.

/** At once is how a limit is hit again, and how all who were refused come back in the same instant. */
export const minRetryAfterMs = 1_000;
/** What lies further ahead than an hour is not worth promising. */
const maxRetryAfterMs = 3_600_000;

/** By which Better Auth's own limit says it. */
const otherName = "x-retry-after";

/** Milliseconds from now. Undefined: it says neither seconds nor a date. */
export function retryAfterOf({ headers }: Pick<Response, "headers">, nowMs: number): number | undefined {
  const value = headers.get("retry-after") ?? headers.get(otherName);
  if (value === null) return undefined;
  const waitMs = /^[0-9]{1,10}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, minRetryAfterMs), maxRetryAfterMs);
}
