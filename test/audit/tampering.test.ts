import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startLines } from "../../src/audit/chained-lines.ts";
import { checkpointBody, entryBody } from "../../src/audit/record.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import { verifyTrail } from "../../src/audit/verify.ts";
import { createTrailRig, entry, intent, linesIn, masterKey, ourPublicKey, problemsOf, startMs } from "./trail-rig.ts";

/** As the writer leaves it: open, checkpoint, intent, checkpoint, outcome, checkpoint, close. */
async function closedTrail(): Promise<string[]> {
  const rig = createTrailRig();
  const audit = await rig.start();
  await audit.intend(intent("request-1"));
  await audit.intend(entry("request-1"));
  await audit.close();
  return linesIn(rig.path);
}

/** A file of these bytes, and nothing beside it. */
function verifyBytes(bytes: Uint8Array) {
  async function* pieces() {
    yield bytes;
    await Promise.resolve();
  }
  const reader = { pieces, sideFile: () => Promise.resolve(undefined), exists: () => Promise.resolve(true) };
  return verifyTrail({ files: ["audit.jsonl"], trusted: new Set([ourPublicKey]), live: false }, reader);
}
const bytesOf = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(""));
const changed = (lines: readonly string[]) => verifyBytes(bytesOf(lines));

interface Tampering {
  readonly name: string;
  readonly change: (lines: string[]) => string[];
  readonly said: string;
}
const withoutLine = (lines: string[], at: number) => lines.toSpliced(at - 1, 1);
const swapped = (lines: string[], at: number) => lines.toSpliced(at - 1, 2, lines[at] ?? "", lines[at - 1] ?? "");

const tamperings: Tampering[] = [
  { name: "deletes the first record", change: (lines) => withoutLine(lines, 1), said: "1: not the beginning of a file" },
  { name: "deletes a checkpoint", change: (lines) => withoutLine(lines, 2), said: "2: record 2 missing before it" },
  { name: "deletes an intent", change: (lines) => withoutLine(lines, 3), said: "3: record 3 missing before it" },
  { name: "deletes an outcome", change: (lines) => withoutLine(lines, 5), said: "5: record 5 missing before it" },
  { name: "deletes several", change: (lines) => lines.toSpliced(2, 3), said: "3: records 3 to 5 missing before it" },
  { name: "deletes the end", change: (lines) => withoutLine(lines, 7), said: "-: has no end, and there is no head" },
  { name: "cuts behind a checkpoint", change: (lines) => lines.slice(0, 4), said: "-: has no end, and there is no head" },
  {
    name: "cuts behind an intent",
    change: (lines) => lines.slice(0, 3),
    said: "-: what stands behind its last signed record is not signed",
  },
  { name: "leaves nothing", change: () => [], said: "-: holds no record" },
  { name: "edits a value", change: (lines) => lines.map((line) => line.replace("orders", "billing")), said: "3: was changed" },
  { name: "swaps two records", change: (lines) => swapped(lines, 3), said: "3: record 3 missing before it" },
  {
    name: "repeats a record",
    change: (lines) => lines.toSpliced(3, 0, lines[2] ?? ""),
    said: "4: record 3 is out of its place or repeated",
  },
  { name: "adds a record behind the end", change: (lines) => [...lines, lines[2] ?? ""], said: "8: stands behind the end" },
  { name: "adds a line of another kind", change: (lines) => lines.toSpliced(3, 0, '{"level":"info"}'), said: "4: not a record" },
  { name: "adds an empty line", change: (lines) => lines.toSpliced(3, 0, ""), said: "4: not a record" },
  { name: "adds a line that is too long", change: (lines) => lines.toSpliced(3, 0, "x".repeat(500_000)), said: "4: not a record" },
  {
    name: "replaces a record with one that fits the one before",
    change: replaceThird,
    said: "4: does not follow from the record before it",
  },
  { name: "chains all that follows anew", change: forgedTail, said: "4: its signature does not hold" },
];

function replaceThird(lines: string[]): string[] {
  const before = JSON.parse(lines[1] ?? "") as { seq: number; hash: string };
  const forged = startLines(before, createSigningKey(masterKey("1", 9)));
  forged.add(entryBody(entry("request-1", { caller: "billing" }), startMs));
  return lines.toSpliced(2, 1, forged.lines[0]?.trimEnd() ?? "");
}

function forgedTail(lines: string[]): string[] {
  const before = JSON.parse(lines[1] ?? "") as { seq: number; hash: string; chain: string };
  const forged = startLines(before, createSigningKey(masterKey("1", 9)));
  forged.add(entryBody(entry("request-1", { caller: "billing" }), startMs));
  forged.addSigned(checkpointBody(before.chain, startMs));
  return [...lines.slice(0, 2), ...forged.lines.map((line) => line.trimEnd())];
}

describe("an attacker who changes a closed file", () => {
  it("is not there as long as nothing is changed", async () => {
    expect(await changed(await closedTrail())).toMatchObject({ intact: true, records: 7 });
  });

  it.each(tamperings)("is found when he $name", async ({ change, said }) => {
    const report = await changed(change(await closedTrail()));
    expect(report.intact).toBe(false);
    expect(problemsOf(report)[0]).toContain(said);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])("is found when he edits any member of line %i", async (at) => {
    const whole = await closedTrail();
    const line = whole[at - 1] ?? "";
    for (const [name, value] of Object.entries(JSON.parse(line) as Record<string, unknown>)) {
      const edited = line.replace(`"${name}":${JSON.stringify(value)}`, `"${name}":${JSON.stringify(otherThan(value))}`);
      expect(edited).not.toBe(line);
      const report = await changed(whole.with(at - 1, edited));
      expect({ name, line: report.findings[0]?.line }).toEqual({ name, line: at });
    }
  });

  it.each([2, 3, 4, 5, 6])("is one finding when he changes one line, such as line %i", async (at) => {
    const whole = await closedTrail();
    const report = await changed(whole.with(at - 1, (whole[at - 1] ?? "").replace("2026", "2027")));
    expect(problemsOf(report)).toEqual([`${at}: was changed: its hash does not fit it`]);
  });

  it("is found whatever single line he deletes, repeats, moves or adds", async () => {
    const whole = await closedTrail();
    const line = fc.nat({ max: 6 });
    const act = fc.oneof(
      fc.record({ kind: fc.constant("delete" as const), at: line }),
      fc.record({ kind: fc.constant("move" as const), at: line, to: line }),
      fc.record({ kind: fc.constant("repeat" as const), at: line, to: line }),
      fc.record({ kind: fc.constant("add" as const), to: fc.nat({ max: 7 }), text: fc.string() }),
    );
    await fc.assert(
      fc.asyncProperty(act, async (how) => {
        fc.pre(how.kind !== "move" || how.at !== how.to);
        expect((await changed(acted(whole, how))).intact).toBe(false);
      }),
    );
  });

  it("is found whatever byte he changes", async () => {
    const bytes = bytesOf(await closedTrail());
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const other = Buffer.from(bytes);
        other[at] = (other[at] ?? 0) ^ mask;
        expect((await verifyBytes(other)).intact).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("is found wherever he cuts", async () => {
    const bytes = bytesOf(await closedTrail());
    const unseen: number[] = [];
    for (let length = 0; length < bytes.length; length += 1) if ((await verifyBytes(bytes.subarray(0, length))).intact) unseen.push(length);
    expect(unseen).toEqual([]);
  });
});

type Act =
  | { readonly kind: "delete"; readonly at: number }
  | { readonly kind: "move" | "repeat"; readonly at: number; readonly to: number }
  | { readonly kind: "add"; readonly to: number; readonly text: string };

function acted(whole: readonly string[], how: Act): string[] {
  if (how.kind === "add") return whole.toSpliced(how.to, 0, how.text);
  const one = whole[how.at] ?? "";
  if (how.kind === "repeat") return whole.toSpliced(how.to, 0, one);
  const rest = whole.toSpliced(how.at, 1);
  return how.kind === "delete" ? rest : rest.toSpliced(how.to, 0, one);
}

function otherThan(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value !== "string") return ["other"];
  return `${value.slice(0, -1)}${value.endsWith("0") ? "1" : "0"}`;
}
