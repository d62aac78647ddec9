// The answer when what must be remembered cannot be asked: the same for every authority, whatever it is kept in.

import { type Circumstance, ExchangeError } from "./errors.ts";

/** Redis and the database are back within about a second of being reachable; a full store loses marks all the time. */
const retryAfterMs = 1_000;

export function storeUnavailable({ code, outcome }: { readonly code: string; readonly outcome: "refused" | "unknown" }): ExchangeError {
  const cause: Circumstance = { kind: "store", code, outcome };
  return new ExchangeError("STORE_UNAVAILABLE", { retryAfterMs, cause });
}
