// Which failures a security team wants to see at once, and by which word: decided once, for the log and for the audit trail.

import { type Circumstance, circumstanceOf, type ExchangeError } from "../exchange/errors.ts";

/** Undefined: refused or failed as calls do, and nothing to look into. */
export function securityEvent(failure: ExchangeError | undefined): string | undefined {
  const circumstance = circumstanceOf(failure);
  if (isReuse(circumstance)) return "one_time_credential_reused";
  switch (failure?.reason) {
    case "ISSUER_NOT_TRUSTED":
      return "untrusted_issuer";
    case "TOKEN_REVOKED":
      return "revoked_token_shown";
    case "ACCOUNT_DISABLED":
      return "disabled_account_shown";
    case "ORIGIN_NOT_ALLOWED":
      return "origin_refused";
    case "CALLER_UNAUTHENTICATED":
      // Without a proof that did not hold nothing was shown: nobody pretended to be anybody.
      return circumstance?.kind === "proof" ? `${circumstance.proof}_failed` : undefined;
    default:
      return undefined;
  }
}

/** A one-time thing shown again. */
function isReuse(circumstance: Circumstance | undefined): boolean {
  return circumstance?.kind === "code" || circumstance?.kind === "handle";
}
