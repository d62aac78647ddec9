// What both one-time stores have in common: how long a mark lives and the answer when the authority cannot tell.

import { ExchangeError } from "../exchange/errors.ts";

/** Codes live 10 minutes at most (RFC 6749 §4.1.2), and a sign-in that takes longer is started over. */
export const oneTimeLifeMs = 600_000;
/** Redis is back within about a second of being reachable; a full store loses marks all the time. */
const retryAfterMs = 1_000;

export function storeUnavailable(cause?: unknown): ExchangeError {
  return new ExchangeError("STORE_UNAVAILABLE", { retryAfterMs, cause });
}
