// The trail of one call: what the operation notes is kept in the call for its log line and its audit record; the intent is
// written at once. How entries are chained and kept is audit/; when the outcome is written is transport/audit-log.ts.

import type { Audit, AuditEntry } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { Trail, TrailNotes } from "../exchange/trail.ts";
import type { Call } from "./call.ts";

/** What trails are written with. */
export interface Recorder {
  readonly audit: Audit;
  /** A keyed hash: the same credential has the same, and nobody finds the credential from it. */
  readonly tokenHash: (credential: Secret) => string;
}

export function createTrail(call: Call, { audit, tokenHash }: Recorder): Trail {
  const isPublic = call.service === undefined;
  return {
    payer: { client: call.caller, address: isPublic ? call.address : undefined },
    note(notes) {
      call.notes = { ...call.notes, ...notes, ...mergedReports(call.notes, notes) };
    },
    intent: () => audit.intend(auditEntry("intent", call, tokenHash)),
  };
}

/** What a call is known as on the audit trail, so far. */
export function auditEntry(kind: AuditEntry["kind"], call: Call, tokenHash: Recorder["tokenHash"]): AuditEntry {
  const { credential, ...notes } = call.notes;
  return {
    kind,
    requestId: call.requestId,
    method: call.audited ?? call.method,
    protocol: call.protocol,
    address: call.address,
    ...(call.caller === "" ? {} : { caller: call.caller }),
    ...notes,
    ...(credential === undefined ? {} : { token: tokenHash(credential) }),
  };
}

/** Rules that only report add up over a call. */
function mergedReports(before: TrailNotes, now: TrailNotes): Pick<TrailNotes, "reported"> {
  if (before.reported === undefined || now.reported === undefined) return {};
  return { reported: [...new Set([...before.reported, ...now.reported])] };
}
