// The trail of one call: what the operation notes is kept in the call for its log line and its audit record; the intent is
// written at once. How entries are chained and kept is audit/; when the outcome is written is transport/audit-log.ts.

import type { Audit, AuditEntry } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { Payer, Trail, TrailNotes } from "../exchange/trail.ts";
import type { Call, CallNotes } from "./call.ts";

/** What trails are written with. */
export interface Recorder {
  readonly audit: Audit;
  /** A keyed hash: the same credential has the same, and nobody finds the credential from it. */
  readonly tokenHash: (credential: Secret) => string;
}

/** A class, because calls have two of them each: what they can do is made once. */
class CallTrail implements Trail {
  readonly #call: Call;
  readonly #recorder: Recorder;

  constructor(call: Call, recorder: Recorder) {
    this.#call = call;
    this.#recorder = recorder;
  }

  get payer(): Payer {
    const { service, caller, address } = this.#call;
    return { client: caller, address: service === undefined ? address : undefined };
  }

  note(notes: TrailNotes): void {
    add(this.#call.notes, notes.credential === undefined ? notes : named(notes, this.#recorder.tokenHash));
  }

  intent(): Promise<void> {
    return this.#recorder.audit.intend(auditEntry("intent", this.#call));
  }
}

export function createTrail(call: Call, recorder: Recorder): Trail {
  return new CallTrail(call, recorder);
}

/** How a call ended, and what of it a security team wants to see. */
type AuditEnd = Pick<AuditEntry, "reason" | "event">;

/** What a call is known as on the audit trail, so far. */
export function auditEntry(kind: AuditEntry["kind"], call: Call, end?: AuditEnd): AuditEntry {
  const { requestId, protocol, address } = call;
  const caller = call.caller === "" ? undefined : call.caller;
  return { ...call.notes, ...end, kind, requestId, method: call.audited ?? call.method, protocol, address, caller };
}

/** The credential itself goes no further than this. */
function named({ credential, ...notes }: TrailNotes, tokenHash: Recorder["tokenHash"]): CallNotes {
  return credential === undefined ? notes : { ...notes, token: tokenHash(credential) };
}

/** One object takes all notes of a call; what is told of them is a copy. */
function add(all: CallNotes, notes: CallNotes): void {
  // Rules that only report add up over a call.
  const reported = all.reported === undefined || notes.reported === undefined ? undefined : new Set([...all.reported, ...notes.reported]);
  Object.assign(all, notes);
  if (reported !== undefined) Object.assign(all, { reported: [...reported] });
}
