// What both one-time stores have in common: the answer when the authority cannot tell.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";

/** Redis is back within about a second of being reachable; a full store loses marks all the time. */
const retryAfterMs = 1_000;

export function storeUnavailable({ code, outcome }: { readonly code: string; readonly outcome: "refused" | "unknown" }): ExchangeError {
  const cause: Circumstance = { kind: "store", code, outcome };
  return new ExchangeError("STORE_UNAVAILABLE", { retryAfterMs, cause });
}
