// The one way in which a caller's proof fails. What was wrong with it is for the log and the audit trail; the caller is told the
// same for every way to be wrong, so that nobody learns which ids, keys and names exist.

import { type Circumstance, ExchangeError } from "../exchange/errors.ts";

export type ProofKind = Extract<Circumstance, { kind: "proof" }>["proof"];

/** @param problem a word of ours or of OpenSSL's, never something that was shown */
export function refusedProof(proof: ProofKind, problem: string): ExchangeError {
  const cause: Circumstance = { kind: "proof", proof, problem };
  return new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER", cause });
}
