import { appendFileSync, copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startLines } from "../../src/audit/chained-lines.ts";
import { checkpointBody, closeBody, openBody } from "../../src/audit/record.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import { headPathOf } from "../../src/audit/trail-names.ts";
import { verifyTrail } from "../../src/audit/verify.ts";
import {
  createTrailRig,
  entry,
  intent,
  keep,
  linesIn,
  masterKey,
  ourKey,
  ourPublicKey,
  pointIn,
  problemsOf,
  reader,
  startMs,
  writeLines,
} from "./trail-rig.ts";

/** A trail of three runs: two files that are set aside, and one that a process is writing. */
async function threeRuns() {
  const rig = createTrailRig();
  const first = await rig.start();
  await first.intend(intent("request-1"));
  first.record(entry("request-1"));
  await first.close();
  const second = await rig.start();
  await second.intend(intent("request-2"));
  second.record(entry("request-2", { kind: "security", event: "untrusted_issuer" }));
  await second.close();
  const third = await rig.start();
  await third.intend(intent("request-3"));
  await third.intend(intent("request-4"));
  const [one = "", two = "", three = ""] = rig.files();
  return { rig, third, one, two, three, head: headPathOf(rig.path) };
}
type Runs = Awaited<ReturnType<typeof threeRuns>>;

describe("a trail as it was written", () => {
  it("is intact while a process is writing it, and when it is closed", async () => {
    const { rig, third } = await threeRuns();
    const open = await rig.verify();
    expect(open).toMatchObject({ intact: true, first: 1, last: 20, records: 20 });
    expect(open.notes).toEqual([expect.stringContaining("not closed")]);
    await third.close();
    expect(await rig.verify()).toMatchObject({ intact: true, notes: [], first: 1, last: 21, records: 21 });
  });

  it("is intact in parts, which say what they are parts of", async () => {
    const { rig, one, two, three } = await threeRuns();
    const beginning = await rig.verify({ files: [one] });
    expect(beginning).toMatchObject({ intact: true, last: 7 });
    expect(beginning.notes).toEqual([expect.stringContaining("the trail goes on to record 20 in files that were not given")]);
    const rest = await rig.verify({ files: [two, three] });
    expect(rest).toMatchObject({ intact: true, first: 8 });
    expect(rest.notes).toContainEqual(expect.stringContaining("begins at record 8"));
  });

  it("is intact under a key that was replaced, as long as both are known", async () => {
    const rig = createTrailRig();
    const newKey = masterKey("2", 8);
    await (await rig.start()).close();
    await (await rig.start({ keys: [newKey, ourKey] })).close();
    const both = new Set([ourPublicKey, createSigningKey(newKey).publicKey]);
    expect((await rig.verify({ trusted: both })).intact).toBe(true);
    expect(problemsOf(await rig.verify())).toEqual(['1: signed under another key, which it calls "2"']);
  });
});

interface Row {
  readonly name: string;
  readonly act: (runs: Runs) => unknown;
  readonly files?: (runs: Runs) => readonly string[];
  readonly said: string;
}

const rows: readonly Row[] = [
  {
    name: "leaves a middle file out",
    act: () => {},
    files: ({ one, three }) => [one, three],
    said: "cut: the next file goes on from record 14",
  },
  { name: "exchanges two files", act: () => {}, files: ({ one, two, three }) => [two, one, three], said: "cut: the next file goes on" },
  { name: "repeats a file", act: () => {}, files: ({ one, two, three }) => [one, one, two, three], said: "begins another trail" },
  { name: "removes the last file", act: ({ three }) => rmSync(three), files: ({ one, two }) => [one, two], said: "but " },
  { name: "cuts the end of a file that is set aside", act: ({ one }) => keep(one, 6), said: "cut: the next file goes on from record 7" },
  {
    name: "adds to a file that is set aside",
    act: ({ one }) => appendFileSync(one, "x"),
    said: "1 bytes stand behind its last record, not 0",
  },
  {
    name: "cuts the last file behind a checkpoint",
    act: ({ three }) => keep(three, 4),
    said: "cut: the head says that the trail goes on to record 20",
  },
  { name: "cuts the last file within a batch", act: ({ three }) => keep(three, 5), said: "is not signed" },
  {
    name: "cuts the last file in a line",
    act: ({ three }) => truncateSync(three, readFileSync(three).length - 3),
    said: "cut in the middle of a line",
  },
  { name: "adds to the last file", act: ({ three }) => appendFileSync(three, '{"seq":21}\n'), said: "not a record" },
  { name: "removes the head, and cuts", act: cutWithoutHead, said: "there is no head beside it" },
  { name: "edits the head", act: ({ head }) => edit(head, '"seq":20', '"seq":18'), said: "was changed" },
  { name: "empties the head", act: ({ head }) => writeFileSync(head, ""), said: "was changed" },
  { name: "cuts, and forges a head that fits", act: cutWithForgedHead, said: "the signature of the head beside it does not hold" },
  { name: "puts the head of another copy there", act: otherHead, said: "record 20 is not the one that the head names" },
  { name: "puts a file of another copy there", act: otherEnd, said: "record 7 is not the one that the next file goes on from" },
  { name: "cuts, and puts the head of another trail there", act: cutWithStrangeHead, said: "the head beside it belongs to another trail" },
];

function edit(file: string, from: string, to: string): void {
  writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
}
function cutWithoutHead({ three, head }: Runs): void {
  rmSync(head);
  keep(three, 4);
}

function cutWithForgedHead({ three, head }: Runs): void {
  keep(three, 4);
  const { chain, ...last } = pointIn(three, 2);
  const forged = startLines(last, createSigningKey(masterKey("1", 9)));
  forged.addSigned(checkpointBody(chain, startMs));
  writeLines(
    head,
    forged.lines.map((line) => line.trimEnd()),
  );
}
/** Two trails that part at some point, both signed by us: what a restored copy of a machine leaves behind. */
function otherHead({ three, head }: Runs): void {
  const { chain, ...before } = pointIn(three, linesIn(three).length - 1);
  const fork = startLines(before, createSigningKey(ourKey));
  fork.addSigned(checkpointBody(chain, startMs + 1));
  writeLines(
    head,
    fork.lines.map((line) => line.trimEnd()),
  );
}
function otherEnd({ one }: Runs): void {
  const lines = linesIn(one);
  const { chain } = pointIn(one, 2);
  const fork = startLines(pointIn(one, lines.length - 1), createSigningKey(ourKey));
  fork.addSigned(closeBody(chain, "stopped", startMs + 1));
  writeLines(one, [...lines.slice(0, -1), ...fork.lines.map((line) => line.trimEnd())]);
}
function cutWithStrangeHead({ three, head }: Runs): void {
  keep(three, 4);
  const { chain: _, ...last } = pointIn(three, 2);
  const strange = startLines(last, createSigningKey(ourKey));
  strange.addSigned(checkpointBody("another", startMs));
  writeLines(
    head,
    strange.lines.map((line) => line.trimEnd()),
  );
}

describe("an attacker who changes files or what lies beside them", () => {
  it.each(rows)("is found when he $name", async ({ act, files, said }) => {
    const runs = await threeRuns();
    act(runs);
    const report = await runs.rig.verify(files === undefined ? {} : { files: files(runs) });
    expect(problemsOf(report).join("\n")).toContain(said);
    expect(report.intact).toBe(false);
  });
});

it.each([
  ["with another number than the one it says to follow", { seq: 4, hash: "0".repeat(64) }],
  ["with another hash", { seq: 0, hash: "1".repeat(64) }],
])("a file that begins %s is found", async (_, from) => {
  const rig = createTrailRig();
  const lines = startLines(from, createSigningKey(ourKey));
  lines.add(openBody({ chain: "chain", keyId: "1", publicKey: ourPublicKey, continues: undefined }, startMs));
  lines.addSigned(closeBody("chain", "stopped", startMs));
  writeLines(
    rig.path,
    lines.lines.map((line) => line.trimEnd()),
  );
  expect(problemsOf(await rig.verify())).toEqual(["1: does not follow from where it says that it goes on"]);
});

async function rewritten() {
  const rig = createTrailRig();
  const audit = await rig.start({ keys: [masterKey("1", 9)] });
  await audit.intend(intent("request-1"));
  await audit.close();
  return rig;
}

describe("an attacker who writes the whole trail anew under a key of his own", () => {
  it("is found by our key, and only by our key", async () => {
    const rig = await rewritten();
    expect(problemsOf(await rig.verify())).toEqual(['1: signed under another key, which it calls "1"']);
    expect((await verifyTrail({ files: rig.files(), trusted: undefined, live: false }, reader)).intact).toBe(true);
  });

  it("is found when he puts his file in place of one of ours", async () => {
    const [theirs, ours] = [await rewritten(), await threeRuns()];
    copyFileSync(theirs.path, ours.two);
    const problems = problemsOf(await ours.rig.verify()).join("\n");
    expect(problems).toContain("1: signed under another key");
    expect(problems).toContain("1: begins another trail");
  });
});

it("lines of two trails mixed are found", async () => {
  const rig = createTrailRig();
  await (await rig.start()).close();
  await (await rig.start()).close();
  const other = createTrailRig();
  await (await other.start({ random: (size) => Buffer.alloc(size, 99) })).close();
  const [one = ""] = rig.files();
  const two = other.path;
  writeLines(
    one,
    linesIn(one).flatMap((line, at) => [line, linesIn(two)[at] ?? ""]),
  );
  const problems = problemsOf(await rig.verify()).join("\n");
  expect(problems).toContain("2: another file begins here");
  expect(problems).toContain("4: record 2 is out of its place or repeated");
});

it("what is being written is not judged where that is asked for, and everything before it is", async () => {
  const { rig, three } = await threeRuns();
  appendFileSync(three, '{"seq":21,"ti');
  expect(problemsOf(await rig.verify())).toEqual(["7: cut in the middle of a line"]);
  const live = await rig.verify({ live: true });
  expect(live).toMatchObject({ intact: true });
  expect(live.notes).toContainEqual(expect.stringContaining("is not signed yet and was not judged"));
  keep(three, 4);
  expect((await rig.verify({ live: true })).intact).toBe(false);
});

it.each([
  [299_000, true],
  [301_000, false],
])("a clock that is set back by %i ms is taken: %s", async (byMs, intact) => {
  const rig = createTrailRig();
  const audit = await rig.start();
  await audit.intend(intent("request-1"));
  rig.clock.nowMs -= byMs;
  await audit.intend(intent("request-2"));
  expect((await rig.verify()).intact).toBe(intact);
});

it("says how many records were not kept, and where", async () => {
  const rig = createTrailRig();
  const audit = await rig.start();
  rig.disk.fail("append", { code: "ENOSPC" });
  await expect(audit.intend(intent("request-1"))).rejects.toThrow("AUDIT_UNAVAILABLE");
  for (let count = 0; count < 10_007; count += 1) audit.record(entry("request"));
  rig.disk.wake();
  await audit.close();
  const report = await rig.verify();
  expect(report.intact).toBe(true);
  expect(report.notes).toEqual([expect.stringMatching(/line \d+: 7 records could not be kept$/)]);
});
