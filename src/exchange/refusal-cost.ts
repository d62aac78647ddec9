// What counts against a caller at a provider: everything that a provider may ban this service for, be it that caller's fault alone
// or not. Operations add what they know to be a refusal of what was sent.

import { circumstanceOf, hasReason } from "./errors.ts";

/** Statuses of a request that was understood and turned down (RFC 6749 §5.2). */
const turnedDown: readonly number[] = [400, 401, 403];

/**
 * The provider answered with one of the statuses that it counts (401, 403, 429), or said no in words that nobody here knows. A pause
 * that this service keeps by itself costs nobody anything.
 */
export function risksBan(failure: unknown): boolean {
  const met = circumstanceOf(failure);
  const upstream = met?.kind === "upstream" ? met : undefined;
  // Asked by this service for everybody, and no caller's doing.
  if (upstream?.endpoint === "jwks" || upstream?.endpoint === "discovery") return false;
  if (hasReason(failure, "UPSTREAM_REJECTED_CLIENT")) return true;
  if (hasReason(failure, "UPSTREAM_RATE_LIMITED")) return !failure.unasked;
  return hasReason(failure, "UPSTREAM_INVALID_RESPONSE") && turnedDown.includes(upstream?.status ?? 0);
}
