import { rmSync, statSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type AuditTrail, batchLimitMs, closeLimitMs, usualGatherMs, retryMs } from "../../src/audit/audit.ts";
import { maxWaitingBytes, maxWaitingRecords } from "../../src/audit/backlog.ts";
import { refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { createTrailRig, entry, intent, problemsOf, type Step, type TrailRig } from "./trail-rig.ts";

const unavailable = (code: string, outcome: "refused" | "unknown") =>
  refusal("AUDIT_UNAVAILABLE", { retryAfterMs: 1_000, cause: { kind: "store", code, outcome } });

const requestsIn = (rig: TrailRig, kind: string) =>
  rig
    .records()
    .filter((record) => record["kind"] === kind)
    .map((record) => record["request_id"]);

describe("while the disk works", () => {
  it("an intent that was answered is in the file, signed", async () => {
    const rig = createTrailRig();
    const audit = await rig.start();
    await audit.intend(intent("request-1"));
    expect(rig.records().map(({ kind }) => kind)).toEqual(["open", "checkpoint", "intent", "checkpoint"]);
    expect((await rig.verify()).intact).toBe(true);
    expect(audit.status).toBe("ready");
  });

  it("10,000 intents at once are all on the disk after few syncs, in their order", async () => {
    const rig = createTrailRig();
    const audit = await rig.start({ rotateBytes: 100_000_000 });
    const before = rig.disk.counts.syncs;
    const names = Array.from({ length: 10_000 }, (_, at) => `request-${at}`);
    await Promise.all(names.map((name) => audit.intend(intent(name))));
    expect(rig.disk.counts.syncs - before).toBeLessThanOrEqual(20);
    expect(requestsIn(rig, "intent")).toEqual(names);
    const signed = rig.records().flatMap(({ kind, seq }) => (kind === "checkpoint" ? [Number(seq)] : []));
    expect(Math.max(...signed.map((seq, at) => seq - (signed[at - 1] ?? 0)))).toBeLessThanOrEqual(1_001);
    expect((await rig.verify()).intact).toBe(true);
  });

  it("a record says when it happened, not when it was written", async () => {
    const rig = createTrailRig();
    const audit = await rig.start();
    audit.record(entry("request-1"));
    rig.clock.nowMs += 1_000;
    await audit.close();
    const [record] = rig.records().filter(({ kind }) => kind === "outcome");
    expect(record?.["time"]).toBe("2026-11-20T10:00:00.000Z");
  });

  it("closing tries once more to write what waits, also while the disk is away", async () => {
    const rig = createTrailRig();
    const audit = await rig.start();
    rig.disk.fail("append", { code: "ENOSPC" });
    await expect(audit.intend(intent("refused"))).rejects.toThrow("AUDIT_UNAVAILABLE");
    audit.record(entry("kept"));
    rig.disk.wake();
    await audit.close();
    expect(requestsIn(rig, "outcome")).toEqual(["kept"]);
    expect(rig.records().at(-1)).toMatchObject({ kind: "close" });
  });

  it("closing writes what waits, and nothing is taken afterwards", async () => {
    const rig = createTrailRig();
    const audit = await rig.start();
    for (let at = 0; at < 2_500; at += 1) audit.record(entry(`request-${at}`));
    await audit.close();
    await audit.close();
    expect(requestsIn(rig, "outcome")).toHaveLength(2_500);
    expect(rig.records().at(-1)).toMatchObject({ kind: "close", why: "stopped" });
    await expect(audit.intend(intent("late"))).rejects.toThrow(unavailable("CLOSED", "refused"));
    expect(audit.status).toBe("away");
  });
});

interface FailureRow {
  readonly name: string;
  readonly fail: (rig: TrailRig) => void;
  readonly code: string;
  readonly outcome: "refused" | "unknown";
  /** By verification, afterwards. */
  readonly found?: readonly string[];
  /** Default: 1, the file is written to again. */
  readonly files?: number;
  /** What was written may be there twice, once outside of the trail. */
  readonly leftOver?: boolean;
}
const failing = (step: Step, code: string) => (rig: TrailRig) => rig.disk.fail(step, { code });

const failures: readonly FailureRow[] = [
  { name: "is full", fail: failing("append", "ENOSPC"), code: "ENOSPC", outcome: "refused" },
  {
    name: "is full in the middle of a line",
    fail: (rig) => rig.disk.fail("append", { code: "ENOSPC", afterBytes: 100 }),
    code: "ENOSPC",
    outcome: "refused",
  },
  { name: "fails in a line, which stays torn", fail: tear, code: "EIO", outcome: "unknown", files: 2 },
  { name: "cannot sync", fail: failing("sync", "EIO"), code: "EIO", outcome: "unknown", files: 2, leftOver: true },
  { name: "cannot write the head", fail: failing("head", "ENOSPC"), code: "ENOSPC", outcome: "unknown" },
  { name: "lost the file, and takes no new one", fail: lose("create", "EROFS"), code: "EROFS", outcome: "refused" },
  { name: "lost the file, and cannot name a new one", fail: lose("rename", "EACCES"), code: "EACCES", outcome: "refused" },
];

function tear(rig: TrailRig): void {
  rig.disk.fail("append", { code: "EIO", afterBytes: 100 });
  rig.disk.fail("truncate", { code: "EIO" });
}
function lose(step: Step, code: string) {
  return (rig: TrailRig) => {
    rmSync(rig.path);
    rig.disk.fail(step, { code });
  };
}

/** Lets the time between attempts pass at once; the disk takes the time that it takes. */
const untilReady = (audit: AuditTrail) =>
  eventually("writing", () => {
    vi.advanceTimersByTime(retryMs);
    return audit.status === "ready";
  });

afterEach(() => {
  vi.useRealTimers();
});

describe.each(failures)("a disk that $name", ({ fail, code, outcome, found = [], files = 1, leftOver = false }) => {
  it("refuses intents, keeps all other records, and writes them when it works again", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const rig = createTrailRig();
    const audit = await rig.start();
    await audit.intend(intent("before"));
    fail(rig);
    audit.record(entry("with it"));
    const queued = audit.intend(intent("with it"));
    await expect(queued).rejects.toThrow(unavailable(code, outcome));
    await expect(audit.intend(intent("while away"))).rejects.toThrow(unavailable("AWAY", "refused"));
    audit.record(entry("while away"));
    expect(audit.status).toBe("away");

    rig.disk.wake();
    await untilReady(audit);
    await audit.intend(intent("after"));
    expect(rig.events).toEqual([{ kind: "audit_ready" }, { kind: "audit_away", code }, { kind: "audit_ready" }]);
    const outcomes = requestsIn(rig, "outcome");
    expect(leftOver ? [...new Set(outcomes)] : outcomes).toEqual(["with it", "while away"]);
    expect(rig.files()).toHaveLength(files);
    expect(requestsIn(rig, "intent")).not.toContain("while away");
    expect(requestsIn(rig, "intent")).toContain("after");
    expect(problemsOf(await rig.verify())).toEqual(found);
  });
});

const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((failure: unknown) => failure);

describe("a disk that hangs", () => {
  it("refuses intents after two seconds, takes no second write, and loses nothing when it goes on", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const rig = createTrailRig();
    const audit = await rig.start();
    const { syncs } = rig.disk.counts;
    rig.disk.fail("sync", "hang");
    audit.record(entry("with it"));
    const first = failureOf(audit.intend(intent("with it")));
    await eventually("the sync", () => rig.disk.counts.syncs === syncs + 1);
    const second = failureOf(audit.intend(intent("behind it")));
    vi.advanceTimersByTime(batchLimitMs - 1);
    expect(audit.status).toBe("ready");
    vi.advanceTimersByTime(1);
    expect(await Promise.all([first, second])).toEqual([unavailable("TIMEOUT", "unknown"), unavailable("TIMEOUT", "unknown")]);
    expect(audit.status).toBe("away");
    audit.record(entry("behind it"));
    vi.advanceTimersByTime(10 * retryMs);
    expect(rig.disk.counts.syncs).toBe(syncs + 1);

    rig.disk.wake();
    await eventually("writing", () => {
      vi.advanceTimersByTime(usualGatherMs);
      return audit.status === "ready" && requestsIn(rig, "outcome").length === 2;
    });
    await audit.intend(intent("after"));
    expect(requestsIn(rig, "intent")).toEqual(["with it", "after"]);
    expect(requestsIn(rig, "outcome")).toEqual(["with it", "behind it"]);
    expect((await rig.verify()).intact).toBe(true);
  });

  it("does not keep the process from ending, which says what was lost", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const rig = createTrailRig();
    const audit = await rig.start();
    const { syncs } = rig.disk.counts;
    rig.disk.fail("sync", "hang");
    audit.record(entry("under way"));
    await eventually("gathering", () => vi.getTimerCount() > 0);
    vi.advanceTimersByTime(usualGatherMs);
    await eventually("the sync", () => rig.disk.counts.syncs === syncs + 1);
    for (let at = 0; at < 3; at += 1) audit.record(entry("waiting"));
    const closed = audit.close();
    await vi.advanceTimersByTimeAsync(closeLimitMs);
    await closed;
    expect(rig.events).toContainEqual({ kind: "audit_lost", count: 3 });
  });
});

async function awayRig() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const rig = createTrailRig();
  const audit = await rig.start({ rotateBytes: 100_000_000 });
  rig.disk.fail("append", { code: "ENOSPC" });
  await expect(audit.intend(intent("first"))).rejects.toThrow("AUDIT_UNAVAILABLE");
  return { rig, audit };
}
const gaps = (rig: TrailRig) => rig.records().filter(({ kind }) => kind === "gap");

describe("what waits while the disk is away is bounded", () => {
  it("in number: what is beyond it is counted exactly, at its place", async () => {
    const { rig, audit } = await awayRig();
    for (let at = 0; at < maxWaitingRecords + 123; at += 1) audit.record(entry(`request-${at}`));
    rig.disk.wake();
    await untilReady(audit);
    audit.record(entry("after"));
    await audit.close();
    const kinds = rig.records().filter(({ kind }) => kind === "outcome" || kind === "gap");
    expect(kinds).toHaveLength(maxWaitingRecords + 2);
    expect(kinds.slice(-3).map((record) => record["request_id"] ?? record["count"])).toEqual([
      `request-${maxWaitingRecords - 1}`,
      123,
      "after",
    ]);
    expect((await rig.verify()).intact).toBe(true);
  });

  it("in bytes, each time alike", async () => {
    const { rig, audit } = await awayRig();
    const big = { subject: "x".repeat(2_000), issuer: "x".repeat(2_000), audience: "x".repeat(2_000), rule: "x".repeat(2_000) };
    const count = 2_500;
    for (let time = 0; time < 2; time += 1) {
      rig.disk.fail("append", { code: "ENOSPC" });
      await expect(audit.intend(intent("again"))).rejects.toThrow("AUDIT_UNAVAILABLE");
      for (let at = 0; at < count; at += 1) audit.record(entry("request", big));
      rig.disk.wake();
      await untilReady(audit);
      await audit.intend(intent("between"));
    }
    const kept = rig.records().filter(({ kind }) => kind === "outcome");
    expect(gaps(rig).map((gap) => gap["count"])).toEqual([count - kept.length / 2, count - kept.length / 2]);
    const bytes = (kept.length / 2) * JSON.stringify(kept[0]).length;
    expect(bytes).toBeGreaterThan(maxWaitingBytes * 0.95);
    expect(bytes).toBeLessThan(maxWaitingBytes * 1.05);
  });

  it("anew for each time away", async () => {
    const { rig, audit } = await awayRig();
    for (const dropped of [5, 7]) {
      rig.disk.fail("append", { code: "ENOSPC" });
      await expect(audit.intend(intent("again"))).rejects.toThrow("AUDIT_UNAVAILABLE");
      for (let at = 0; at < maxWaitingRecords + dropped; at += 1) audit.record(entry("request"));
      rig.disk.wake();
      await untilReady(audit);
      await audit.intend(intent("between"));
    }
    expect(gaps(rig).map((gap) => gap["count"])).toEqual([5, 7]);
  });

  it("for intents too: beyond it they are refused at once", async () => {
    const rig = createTrailRig();
    const audit = await rig.start({ rotateBytes: 100_000_000 });
    const all = Array.from({ length: maxWaitingRecords + 1 }, (_, at) => audit.intend(intent(`request-${at}`)));
    await expect(all.pop()).rejects.toThrow(unavailable("FULL", "refused"));
    await Promise.all(all);
    expect(statSync(rig.path).size).toBeGreaterThan(1_000_000);
  });
});
