// The one denial that may be remembered for a short while: this very token, checked under the key that it names, is forged.
// Every other TOKEN_INVALID looks the same from outside but may end by itself, when a key appears.

import { ExchangeError } from "../errors.ts";

/** Compared by identity: nothing that comes from outside can be it. */
const wrongSignature = Object.freeze({ kind: "wrong signature under the named key" });

export function cryptographicDenial(): ExchangeError {
  return new ExchangeError("TOKEN_INVALID", { field: "SUBJECT_TOKEN", cause: wrongSignature });
}

export function isCryptographicDenial(failure: unknown): boolean {
  return failure instanceof ExchangeError && failure.cause === wrongSignature;
}
