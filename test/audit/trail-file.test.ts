import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AuditTrail } from "../../src/audit/audit.ts";
import { type Disk, realDisk } from "../../src/audit/disk.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import { headPathOf, lockPathOf } from "../../src/audit/trail-names.ts";
import { eventually } from "../support/eventually.ts";
import { createTrailRig, entry, intent, linesIn, masterKey, ourKey, ourPublicKey, problemsOf, type TrailRig } from "./trail-rig.ts";

const namesIn = (rig: TrailRig) => rig.files().map((file) => basename(file));
const openings = (rig: TrailRig) => rig.records().filter(({ kind }) => kind === "open");

describe("a file that is begun", () => {
  it("is readable and writable by this user only, as is all that lies beside it", async () => {
    const rig = createTrailRig();
    await rig.start();
    for (const path of [rig.path, headPathOf(rig.path), `${rig.path}.lock`])
      expect({ path, mode: statSync(path).mode & 0o777 }).toEqual({ path, mode: 0o600 });
  });

  it("names trail, key and version, and is signed from its first moment on", async () => {
    const rig = createTrailRig();
    await rig.start();
    const [first, second] = rig.records();
    expect(first).toMatchObject({ seq: 1, kind: "open", version: 1, key_id: "1", chain: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(first).not.toHaveProperty("continues");
    expect(second).toMatchObject({ seq: 2, kind: "checkpoint", chain: first?.["chain"] });
    expect(readFileSync(headPathOf(rig.path), "utf8").trimEnd()).toBe(linesIn(rig.path)[1]);
  });

  it("takes the place of an empty one", async () => {
    const rig = createTrailRig();
    writeFileSync(rig.path, "");
    await rig.start();
    expect(namesIn(rig)).toEqual(["audit.jsonl"]);
    expect((await rig.verify()).intact).toBe(true);
  });
});

describe("a file that is full", () => {
  it("gets its end and is set aside, and the next one goes on from it", async () => {
    const rig = createTrailRig();
    const audit = await rig.start({ rotateBytes: 3_000 });
    for (let at = 0; at < 24; at += 1) await audit.intend(intent(`request-${at}`));
    await audit.close();
    const files = rig.files();
    expect(files.length).toBeGreaterThan(3);
    for (const file of files.slice(0, -1)) {
      const last = JSON.parse(linesIn(file).at(-1) ?? "") as unknown;
      expect(last).toMatchObject({ kind: "close", why: "rotated" });
      expect(statSync(file).size).toBeLessThan(3_000 + 1_500);
    }
    expect(
      openings(rig)
        .slice(1)
        .map(({ continues }) => (continues as { file: string }).file),
    ).toEqual(namesIn(rig).slice(0, -1));
    expect(await rig.verify()).toMatchObject({ intact: true, notes: [] });
    expect(new Set(openings(rig).map(({ chain }) => chain)).size).toBe(1);
  });
});

describe("a file that an earlier run has left", () => {
  it.each([
    ["is whole", () => {}],
    ["ends in the middle of a line", (path: string) => truncateSync(path, statSync(path).size - 40)],
  ])("and that %s is set aside as it is", async (_, act) => {
    const rig = createTrailRig();
    const killed = await rig.start();
    await killed.intend(intent("request-1"));
    act(rig.path);
    const left = readFileSync(rig.path, "utf8");
    await rig.start();
    expect(namesIn(rig)).toEqual(["audit.jsonl.000000000001.jsonl", "audit.jsonl"]);
    expect(readFileSync(rig.files()[0] ?? "", "utf8")).toBe(left);
  });

  it("with a torn write at its end is linked from the last whole batch, and says how much was torn", async () => {
    const rig = createTrailRig();
    const killed = await rig.start();
    await killed.intend(intent("request-1"));
    appendFileSync(rig.path, linesIn(rig.path)[2]?.slice(0, 100) ?? "");
    await rig.start();
    expect(openings(rig)[1]).toMatchObject({ seq: 5, continues: { seq: 4, proven: true, left_over: 100 } });
    expect(await rig.verify()).toMatchObject({
      intact: true,
      notes: expect.arrayContaining([expect.stringContaining("100 bytes behind record 4")]),
    });
  });

  it("is never written over, whatever name is taken", async () => {
    const rig = createTrailRig();
    await (await rig.start()).close();
    const taken = `${rig.path}.000000000001.jsonl`;
    writeFileSync(taken, "somebody else's");
    await rig.start();
    expect(readFileSync(taken, "utf8")).toBe("somebody else's");
    expect(existsSync(`${rig.path}.000000000001_0002.jsonl`)).toBe(true);
  });

  it("is gone on from also when it was begun and the process was killed before its head was there", async () => {
    const rig = createTrailRig();
    await (await rig.start()).close();
    const head = readFileSync(headPathOf(rig.path));
    const newKey = masterKey("2", 8);
    const trusted = new Set([ourPublicKey, createSigningKey(newKey).publicKey]);
    await rig.start({ keys: [newKey, ourKey] });
    writeFileSync(headPathOf(rig.path), head);
    expect((await rig.verify({ trusted })).intact).toBe(true);
  });

  it("is gone on from by its head where the process was killed between setting aside and beginning anew", async () => {
    const rig = createTrailRig();
    await (await rig.start()).close();
    renameSync(rig.path, `${rig.path}.000000000001.jsonl`);
    await rig.start();
    expect(await rig.verify()).toMatchObject({ intact: true, first: 1, last: 5 });
  });

  it("is gone on from where two in turn were killed, one before its head was there and one before it had begun anew", async () => {
    const rig = createTrailRig();
    const killed = await rig.start();
    const head = readFileSync(headPathOf(rig.path));
    await killed.intend(intent("request-1"));
    writeFileSync(headPathOf(rig.path), head);
    rig.disk.fail("create", { code: "KILLED" });
    await expect(rig.start()).rejects.toThrow("KILLED");
    rig.disk.fail("create", undefined);
    await rig.start();
    expect(problemsOf(await rig.verify())).toEqual([]);
  });
});

async function strangers() {
  const rig = createTrailRig();
  const theirs = await rig.start({ keys: [masterKey("1", 9)] });
  await theirs.intend(intent("request-1"));
  return rig;
}

describe("an attacker who leaves a trail of his own where ours was", () => {
  it("under the name of our key does not have its end called proven", async () => {
    const rig = await strangers();
    await rig.start();
    expect(openings(rig)[1]).toMatchObject({ continues: { seq: 4, proven: false } });
  });

  it("and only a head of it does not have it gone on from", async () => {
    const rig = await strangers();
    rmSync(rig.path);
    await rig.start();
    expect(openings(rig)).toEqual([expect.not.objectContaining({ continues: expect.anything() })]);
  });
});

it("a head is made ready only when that of a batch that failed is out of the way", async () => {
  const rig = createTrailRig();
  const held = Promise.withResolvers<void>();
  const staged: string[] = [];
  const stage = async (path: string, text: string, fresh: string) => {
    staged.push(text);
    // The first was the head of the file as it was begun.
    if (staged.length === 2) await held.promise;
    return rig.disk.side.stage(path, text, fresh);
  };
  const audit = await rig.start({ disk: { ...rig.disk, side: { ...rig.disk.side, stage } } });
  rig.disk.fail("append", { code: "ENOSPC" });
  await expect(audit.intend(intent("request-1"))).rejects.toThrow("AUDIT_UNAVAILABLE");
  rig.disk.fail("append", undefined);
  const closed = audit.close();
  await eventually("the end is written", () => rig.records().at(-1)?.["kind"] === "close");
  expect(staged).toHaveLength(2);
  held.resolve();
  await closed;
  expect(readFileSync(headPathOf(rig.path), "utf8")).toBe(staged.at(-1));
  expect((await rig.verify()).intact).toBe(true);
});

it("the lock is given back only when no head is being made ready, also after a batch that failed", async () => {
  const rig = createTrailRig();
  const held = Promise.withResolvers<void>();
  let staged = 0;
  const seen: string[] = [];
  const side: Disk["side"] = {
    ...rig.disk.side,
    async stage(path, text, fresh) {
      // The first was the head of the file as it was begun.
      staged += 1;
      if (staged === 2) await held.promise;
      const putInPlace = await rig.disk.side.stage(path, text, fresh);
      seen.push("ready");
      return putInPlace;
    },
    remove(path) {
      if (path === lockPathOf(rig.path)) seen.push("given back");
      return rig.disk.side.remove(path);
    },
  };
  const create = async (path: string) => {
    const handle = await rig.disk.trail.create(path);
    return { ...handle, close: () => handle.close().finally(held.resolve) };
  };
  const audit = await rig.start({ disk: { ...rig.disk, trail: { ...rig.disk.trail, create }, side } });
  rig.disk.fail("append", { code: "ENOSPC" });
  await audit.close();
  expect(seen).toEqual(["ready", "ready", "given back"]);
});

it("whoever takes a trail over has his own head in its place, whatever is under way where it is taken from", async () => {
  const rig = createTrailRig();
  const before = await rig.start();
  rig.disk.fail("sync", "hang");
  const underWay = before.intend(intent("request-1")).catch(() => undefined);
  await eventually("it is being written", () => rig.disk.counts.syncs === 2);
  const staged: string[] = [];
  const stage = async (...given: [path: string, text: string, fresh: string]) => {
    const putInPlace = await realDisk.side.stage(...given);
    if (given[0] !== headPathOf(rig.path)) return putInPlace;
    return async () => {
      rig.disk.wake();
      await underWay;
      staged.push(given[1]);
      await putInPlace();
    };
  };
  const audit = await rig.start({ disk: { ...realDisk, side: { ...realDisk.side, stage } } });
  expect(readFileSync(headPathOf(rig.path), "utf8")).toBe(staged.at(-1));
  await audit.intend(intent("request-2"));
  await before.close();
  expect(readFileSync(headPathOf(rig.path), "utf8")).toBe(staged.at(-1));
});

it.each([
  ["is closed", (audit: AuditTrail) => audit.close()],
  ["was killed", () => undefined],
])("a head that was made ready for a batch that failed is not left behind where the process %s", async (_, end) => {
  const rig = createTrailRig();
  const audit = await rig.start();
  rig.disk.fail("append", { code: "ENOSPC" });
  await expect(audit.intend(intent("request-1"))).rejects.toThrow("AUDIT_UNAVAILABLE");
  await eventually("it is made ready", () => readdirSync(rig.folder).some((name) => name.endsWith(".new")));
  await end(audit);
  rig.disk.fail("append", undefined);
  await rig.start();
  expect(readdirSync(rig.folder).filter((name) => name.endsWith(".new"))).toEqual([]);
});

it("names of files are on the disk before anything in them counts", async () => {
  const rig = createTrailRig();
  const audit = await rig.start({ rotateBytes: 1_500 });
  expect(rig.disk.counts.folderSyncs).toBe(1);
  await audit.intend(intent("request-1"));
  await audit.intend(intent("request-2"));
  await audit.intend(intent("request-3"));
  expect(rig.disk.counts.folderSyncs).toBe(rig.files().length);
  renameSync(rig.path, `${rig.path}.old.jsonl`);
  rig.disk.fail("folder", { code: "EIO" });
  await expect(audit.intend(intent("request-4"))).rejects.toThrow("AUDIT_UNAVAILABLE");
});

describe("the start is refused, and nothing is changed", () => {
  it.each<[string, (rig: TrailRig) => void, RegExp]>([
    ["where the folder is missing", (rig) => rmSync(rig.folder, { recursive: true }), /cannot be written \(ENOENT\)/],
    ["where the file is a folder", (rig) => mkdirSync(rig.path), /cannot be written \(NOT_A_FILE\)/],
    ["where the file is a link", (rig) => symlinkSync("/dev/null", rig.path), /cannot be written \(NOT_A_FILE\)/],
    ["where the file holds something else", (rig) => writeFileSync(rig.path, "precious\n"), /holds something else/],
    ["where its first line is a record, but no beginning", headless, /holds something else/],
  ])("%s", async (_, act, said) => {
    const rig = createTrailRig();
    act(rig);
    const before = foundIn(rig.folder);
    await expect(rig.start()).rejects.toThrow(said);
    expect(foundIn(rig.folder)).toEqual(before);
  });
});

/** Names and texts of all files in a folder. */
function foundIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).map((found) =>
    found.isFile() ? `${found.name}: ${readFileSync(join(folder, found.name), "utf8")}` : found.name,
  );
}

function headless(rig: TrailRig): void {
  writeFileSync(rig.path, '{"seq":2,"time":"2026-11-20T10:00:00.000Z","kind":"checkpoint"}\n');
}

async function touched(act: (path: string) => void) {
  const rig = createTrailRig();
  const audit = await rig.start();
  await audit.intend(intent("request-1"));
  act(rig.path);
  await audit.intend(intent("request-2"));
  return rig;
}

describe("somebody else who touches the file while it is written", () => {
  it("and renames it only has it set aside under his name", async () => {
    const rig = await touched((path) => renameSync(path, `${path}.old.jsonl`));
    expect(rig.records().map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await rig.verify()).toMatchObject({ intact: true, records: 8 });
  });

  it.each<[string, (path: string) => void, string]>([
    ["removes it", (path) => rmSync(path), "begins at record 5"],
    ["cuts it", (path) => truncateSync(path, 700), "cut: the next file goes on from record 4"],
    ["adds to it", (path) => appendFileSync(path, '{"seq":5}\n'), "10 bytes behind record 4 are left from a write that failed"],
    ["edits it", (path) => writeFileSync(path, readFileSync(path, "utf8").replace("orders", "mallet")), "was changed"],
  ])("and %s leaves a trace, and intents go on being written", async (_, act, said) => {
    const rig = await touched(act);
    expect(rig.records().map((record) => record["request_id"])).toContain("request-2");
    const report = await rig.verify();
    expect([...problemsOf(report), ...report.notes].join("\n")).toContain(said);
  });
});

it("a second writer that takes the file over, as its process id means nothing here, shuts the first one out", async () => {
  const rig = createTrailRig();
  const first = await rig.start();
  const second = await rig.start();
  await expect(first.intend(intent("first"))).rejects.toThrow("AUDIT_UNAVAILABLE");
  expect(rig.events).toContainEqual({ kind: "audit_away", code: "LOCK_LOST" });
  await second.intend(intent("second"));
  await first.close();
  expect(existsSync(`${rig.path}.lock`)).toBe(true);
  expect((await rig.verify()).intact).toBe(true);
  expect(rig.records().filter(({ kind }) => kind === "intent")).toHaveLength(1);
});

it("records of a closed trail are no more than the records that were made", async () => {
  const rig = createTrailRig();
  const audit = await rig.start();
  audit.record(entry("request-1"));
  await audit.close();
  expect(rig.records().map(({ kind }) => kind)).toEqual(["open", "checkpoint", "outcome", "checkpoint", "close"]);
});
