// The trail of one call: what the operation notes is kept in the call for its log line and its audit record; the intent is
// written at once. How entries are chained and kept is audit/; when the outcome is written is transport/audit-log.ts.

import type { Audit, AuditEntry } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { Trail, TrailNotes } from "../exchange/trail.ts";
import type { Call, CallNotes } from "./call.ts";

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
      call.notes = added(call.notes, notes.credential === undefined ? notes : named(notes, tokenHash));
    },
    intent: () => audit.intend(auditEntry("intent", call)),
  };
}

/** What a call is known as on the audit trail, so far. */
export function auditEntry(kind: AuditEntry["kind"], call: Call): AuditEntry {
  return {
    kind,
    requestId: call.requestId,
    method: call.audited ?? call.method,
    protocol: call.protocol,
    address: call.address,
    ...(call.caller === "" ? {} : { caller: call.caller }),
    ...call.notes,
  };
}

/** The credential itself goes no further than this. */
function named({ credential, ...notes }: TrailNotes, tokenHash: Recorder["tokenHash"]): CallNotes {
  return credential === undefined ? notes : { ...notes, token: tokenHash(credential) };
}

function added(before: CallNotes, now: CallNotes): CallNotes {
  const notes = { ...before, ...now };
  // Rules that only report add up over a call.
  if (before.reported === undefined || now.reported === undefined) return notes;
  return { ...notes, reported: [...new Set([...before.reported, ...now.reported])] };
}
