// Part of the composition root: the audit trail, where it is written and under which key.

import { randomBytes } from "node:crypto";
import { type AuditTrail, createAudit } from "./audit/audit.ts";
import type { Sink } from "./audit/sink.ts";
import { createStandardOutput } from "./audit/standard-output.ts";
import { createTokenHash } from "./audit/token-hash.ts";
import { createTrailFile } from "./audit/trail-file.ts";
import type { Configuration } from "./config/schema.ts";
import type { Clock } from "./exchange/ports.ts";
import type { Recorder } from "./rpc/trail.ts";
import type { Log } from "./telemetry/log.ts";
import type { Keys } from "./wire-parts.ts";

export interface WiredAudit extends Recorder {
  readonly audit: AuditTrail;
  readonly status: () => "ready" | "away";
  close(): Promise<void>;
}

export interface AuditParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: Keys;
  /** Where lines go if no file is configured. */
  readonly destination: { write(line: string): unknown };
}

/** @throws Error where the trail cannot be kept as configured */
export async function wireAudit(configuration: Configuration, parts: AuditParts): Promise<WiredAudit> {
  const { clock, log, keys } = parts;
  const audit = createAudit({
    sink: sinkOf(configuration, parts),
    clock,
    onState(event) {
      if (event.kind === "audit_ready") log.info({}, "the audit trail can be written");
      else if (event.kind === "audit_away")
        log.error({ code: event.code }, "the audit trail cannot be written: nothing is issued until it can");
      else log.error({ count: event.count }, "records of the audit trail were lost");
    },
  });
  await audit.open();
  return { audit, tokenHash: createTokenHash(keys[0]), status: () => audit.status, close: () => audit.close() };
}

function sinkOf({ audit }: Configuration, { clock, keys, destination }: AuditParts): Sink {
  if (audit.file === undefined) return createStandardOutput({ destination, key: keys[0], clock, random: randomBytes });
  return createTrailFile({ path: audit.file, rotateBytes: audit.rotate_bytes, keys, clock, random: randomBytes });
}
