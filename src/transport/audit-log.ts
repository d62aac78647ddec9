// One outcome record on the audit trail per call of the contract, whatever became of it, and a record of its own for what a
// security team wants to see at once. Intents were written on the way (rpc/trail.ts); those who send too much are on record
// together (refusal-counts.ts).

import type { Audit } from "../exchange/ports.ts";
import { auditEntry } from "../rpc/trail.ts";
import { countedRefusal } from "./refusal-counts.ts";
import { securityEvent } from "./security-event.ts";
import { type Hooks, outcomeOf } from "./visit.ts";

export function createAuditLog(audit: Pick<Audit, "record">): Hooks {
  return {
    onEnd(call, end) {
      if (call.audited === undefined || countedRefusal(call) !== undefined) return;
      const reason = outcomeOf(call, end);
      audit.record(auditEntry("outcome", call, { reason }));
      const event = securityEvent(call.failure);
      if (event !== undefined) audit.record(auditEntry("security", call, { reason, event }));
    },
  };
}
