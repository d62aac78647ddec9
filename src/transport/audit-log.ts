// One outcome record on the audit trail per call of the contract, whatever became of it, and a record of its own for what a
// security team wants to see at once. Intents were written on the way (rpc/trail.ts).

import type { ExchangeError } from "../exchange/errors.ts";
import { auditEntry, type Recorder } from "../rpc/trail.ts";
import { isReuse, outcomeOf } from "./access-log.ts";
import type { Hooks } from "./visit.ts";

export function createAuditLog({ audit, tokenHash }: Recorder): Hooks {
  return {
    onEnd(call, end) {
      if (call.audited === undefined) return;
      const reason = outcomeOf(call, end);
      audit.record({ ...auditEntry("outcome", call, tokenHash), reason });
      const event = call.failure === undefined ? undefined : securityEvent(call.failure);
      if (event !== undefined) audit.record({ ...auditEntry("security", call, tokenHash), reason, event });
    },
  };
}

function securityEvent(failure: ExchangeError): string | undefined {
  if (isReuse(failure)) return "one_time_credential_reused";
  switch (failure.reason) {
    case "ISSUER_NOT_TRUSTED":
      return "untrusted_issuer";
    case "TOKEN_REVOKED":
      return "revoked_token_shown";
    case "ORIGIN_NOT_ALLOWED":
      return "origin_refused";
    case "CALLER_UNAUTHENTICATED":
      // Nothing was shown: nobody pretended to be anybody.
      return proofOf(failure) === undefined ? undefined : `${proofOf(failure)}_failed`;
    default:
      return undefined;
  }
}

/** The kind of proof that did not hold. */
function proofOf({ cause }: ExchangeError): string | undefined {
  if (typeof cause !== "object" || cause === null || !("kind" in cause) || cause.kind !== "proof") return undefined;
  return "proof" in cause && typeof cause.proof === "string" && cause.proof !== "none" ? cause.proof : undefined;
}
