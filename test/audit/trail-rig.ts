// A trail in a folder of its own: real files under a disk that can be told to fail, a clock that stands still, keys that are known.

import { createSecretKey } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type AuditEvent, type AuditTrail, createAudit } from "../../src/audit/audit.ts";
import { type Disk, pieces, readSideFile, realDisk, type TrailHandle } from "../../src/audit/disk.ts";
import type { Report } from "../../src/audit/findings.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import { createTrailFile, type TrailFileOptions } from "../../src/audit/trail-file.ts";
import { verifyTrail } from "../../src/audit/verify.ts";
import type { TrailReader } from "../../src/audit/verify-file.ts";
import type { AuditEntry } from "../../src/exchange/ports.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";

export const keyBytes = (first: number): Buffer => Buffer.from(Array.from({ length: 32 }, (_, at) => first + at));
export const masterKey = (id: string, first = 7): MasterKey => ({ id, key: createSecretKey(keyBytes(first)) });
export const ourKey = masterKey("1");
export const ourPublicKey = createSigningKey(ourKey).publicKey;
export const startMs = Date.parse("2026-11-20T10:00:00.000Z");

export const reader: TrailReader = { pieces, sideFile: readSideFile, exists: (path) => Promise.resolve(existsSync(path)) };

export const entry = (requestId: string, given: Partial<AuditEntry> = {}): AuditEntry => ({
  kind: "outcome",
  requestId,
  method: "Exchange",
  protocol: "connect",
  caller: "orders",
  address: "192.0.2.1",
  provider: "main",
  scopes: ["openid", "profile"],
  reason: "OK",
  ...given,
});
export const intent = (requestId: string): AuditEntry => entry(requestId, { kind: "intent" });

/** Gone when the test is. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "cambio-audit-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type Step = "append" | "sync" | "truncate" | "create" | "rename" | "folder" | "head";
type Fault = { readonly code: string; readonly afterBytes?: number } | "hang";

export interface FaultyDisk extends Disk {
  /** From now on; undefined: works again. */
  fail(step: Step, fault: Fault | undefined): void;
  /** Lets everything that hangs go on, as if nothing had been. */
  wake(): void;
  readonly counts: { syncs: number; folderSyncs: number };
}

function createFaultyDisk(): FaultyDisk {
  const faults = new Map<Step, Fault>();
  const counts = { syncs: 0, folderSyncs: 0 };
  let awake = Promise.withResolvers<void>();

  async function meet(step: Step): Promise<void> {
    const fault = faults.get(step);
    if (fault === "hang") await awake.promise;
    else if (fault !== undefined) throw Object.assign(new Error(`a disk that says ${fault.code}`), { code: fault.code });
  }
  const faulty = (handle: TrailHandle): TrailHandle => ({
    async append(bytes) {
      const fault = faults.get("append");
      if (typeof fault === "object" && fault.afterBytes !== undefined) await handle.append(bytes.subarray(0, fault.afterBytes));
      await meet("append");
      await handle.append(bytes);
    },
    async sync() {
      counts.syncs += 1;
      await meet("sync");
      await handle.sync();
    },
    async truncate(bytes) {
      await meet("truncate");
      await handle.truncate(bytes);
    },
    close: () => handle.close(),
  });

  return {
    ...realDisk,
    trail: {
      ...realDisk.trail,
      async create(path) {
        await meet("create");
        return faulty(await realDisk.trail.create(path));
      },
      async rename(from, to) {
        await meet("rename");
        await realDisk.trail.rename(from, to);
      },
      async syncFolder(path) {
        counts.folderSyncs += 1;
        await meet("folder");
        await realDisk.trail.syncFolder(path);
      },
    },
    side: {
      ...realDisk.side,
      async stage(path, text, fresh) {
        if (path.endsWith(".head")) await meet("head");
        return realDisk.side.stage(path, text, fresh);
      },
    },
    fail(step, fault) {
      if (fault === undefined) faults.delete(step);
      else faults.set(step, fault);
    },
    wake() {
      faults.clear();
      awake.resolve();
      awake = Promise.withResolvers<void>();
    },
    counts,
  };
}

export interface TrailRig {
  readonly folder: string;
  readonly path: string;
  readonly disk: FaultyDisk;
  readonly clock: { nowMs: number };
  readonly events: AuditEvent[];
  /** Another run of the service over the same file. */
  start(given?: Partial<TrailFileOptions>): Promise<AuditTrail>;
  /** Trail files in the order of their records. */
  files(): string[];
  /** Parsed, of all files. */
  records(): Record<string, unknown>[];
  verify(given?: { readonly live?: boolean; readonly trusted?: ReadonlySet<string>; readonly files?: readonly string[] }): Promise<Report>;
}

export function createTrailRig(): TrailRig {
  const folder = emptyFolder();
  const path = join(folder, "audit.jsonl");
  const disk = createFaultyDisk();
  const clock = { nowMs: startMs };
  const events: AuditEvent[] = [];
  let drawn = 0;

  function files(): string[] {
    const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
    return names
      .toSorted((one, other) => (one === "audit.jsonl" ? 1 : other === "audit.jsonl" ? -1 : one < other ? -1 : 1))
      .map((name) => join(folder, name));
  }

  return {
    folder,
    path,
    disk,
    clock,
    events,
    async start(given = {}) {
      const sink = createTrailFile({
        path,
        rotateBytes: 1_000_000,
        keys: [ourKey],
        clock: () => clock.nowMs,
        random: (size) => Buffer.alloc(size, (drawn += 1)),
        disk,
        ...given,
      });
      const audit = createAudit({ sink, clock: () => clock.nowMs, onState: (event) => events.push(event) });
      await audit.open();
      onTestFinished(async () => {
        disk.wake();
        await audit.close();
      });
      return audit;
    },
    files,
    records: () => files().flatMap((file) => linesIn(file).map((line) => JSON.parse(line) as Record<string, unknown>)),
    verify: ({ live = false, trusted = new Set([ourPublicKey]), files: given = files() } = {}) =>
      verifyTrail({ files: given, trusted, live }, reader),
  };
}

export function linesIn(file: string): string[] {
  return readFileSync(file, "utf8").split("\n").slice(0, -1);
}

export function writeLines(file: string, lines: readonly string[]): void {
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
}

/** What a report says, one problem per line. */
export function problemsOf(report: Report): string[] {
  return report.findings.map(({ line, problem }) => `${line ?? "-"}: ${problem}`);
}

/** Cuts a file behind so many lines. */
export function keep(file: string, lines: number): void {
  writeLines(file, linesIn(file).slice(0, lines));
}

/** A record of a file, for lines that follow it. */
export function pointIn(file: string, line: number): { seq: number; hash: string; chain: string } {
  const { seq, hash, chain } = JSON.parse(linesIn(file)[line - 1] ?? "") as ReturnType<typeof pointIn>;
  return { seq, hash, chain };
}
