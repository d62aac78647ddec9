// Part of the composition root: the audit trail, where it is written and under which key.

import { randomBytes } from "node:crypto";
import { type AuditTrail, createAudit } from "../audit/audit.ts";
import type { Sink } from "../audit/sink.ts";
import { createStandardOutput } from "../audit/standard-output.ts";
import { createTokenHash } from "../audit/token-hash.ts";
import { createTrailFile } from "../audit/trail-file.ts";
import { workerTrailPath } from "../audit/trail-names.ts";
import type { Configuration } from "../config/schema.ts";
import type { Clock } from "../exchange/ports.ts";
import type { Recorder } from "../rpc/trail.ts";
import type { Log } from "../telemetry/log.ts";
import type { Keys } from "./parts.ts";

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
  /** Undefined: this process is the only one that writes this trail. */
  readonly worker: TrailWriter | undefined;
  /** See createAudit. */
  readonly gatherMs: number | undefined;
}

/** One of several processes, each with a trail of its own. */
export interface TrailWriter {
  readonly number: number;
  /** Id of the process in whose name files are locked. */
  readonly lockHolder: number;
}

/** @throws Error where the trail cannot be kept as configured */
export async function wireAudit(configuration: Configuration, parts: AuditParts): Promise<WiredAudit> {
  const { clock, log, keys } = parts;
  const audit = createAudit({
    sink: sinkOf(configuration, parts),
    clock,
    gatherMs: parts.gatherMs,
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

function sinkOf({ audit }: Configuration, { clock, keys, destination, worker }: AuditParts): Sink {
  if (audit.file === undefined) return createStandardOutput({ destination, key: keys[0], clock, random: randomBytes });
  const common = { rotateBytes: audit.rotate_bytes, keys, clock, random: randomBytes };
  if (worker === undefined) return createTrailFile({ path: audit.file, ...common });
  return createTrailFile({ path: workerTrailPath(audit.file, worker.number), lockHolder: worker.lockHolder, ...common });
}
