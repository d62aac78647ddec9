import { appendFileSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startLines } from "../../src/audit/chained-lines.ts";
import { checkpointBody } from "../../src/audit/record.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import { headPathOf } from "../../src/audit/trail-names.ts";
import { createTrailRig, intent, keep, linesIn, masterKey, pointIn, problemsOf, startMs, writeLines } from "./trail-rig.ts";

function cutWithForgedEnd(path: string, head: string): void {
  keep(path, 4);
  const { chain, ...last } = pointIn(path, 4);
  const forged = startLines({ ...last, seq: 3 }, createSigningKey(masterKey("1", 9)));
  forged.addSigned(checkpointBody(chain, startMs));
  writeLines(
    head,
    forged.lines.map((line) => line.trimEnd()),
  );
}

/** A run that was killed, what he does to its file, and the run after it. */
async function restartedAfter(act: (path: string, head: string) => void) {
  const rig = createTrailRig();
  const killed = await rig.start();
  for (const request of ["request-1", "request-2", "request-3"]) await killed.intend(intent(request));
  act(rig.path, headPathOf(rig.path));
  await rig.start();
  return rig;
}

describe("an attacker who waits until the service is stopped, so that its next start takes what he has left as it is", () => {
  it("finds nothing changed where he does nothing", async () => {
    expect(await (await restartedAfter(() => {})).verify()).toMatchObject({ intact: true, records: 10 });
  });

  it.each<[string, (path: string, head: string) => void, string]>([
    ["cuts the file", (path) => keep(path, 4), "cut: the next file goes on from record 8, and the last signed one here is 4"],
    ["cuts it and removes the head", (path, head) => [keep(path, 4), rmSync(head)], "its end was not proven when the service began again"],
    ["cuts it and forges a head that fits", cutWithForgedEnd, "its end was not proven when the service began again"],
    ["removes the file", (path) => rmSync(path), "begins at record 9"],
    [
      "adds lines that nobody signed",
      (path) => appendFileSync(path, linesIn(path)[2] ?? ""),
      "are left from a write that failed, and no part",
    ],
  ])("leaves a trace for good when he %s", async (_, act, said) => {
    const rig = await restartedAfter(act);
    const report = await rig.verify();
    expect([...problemsOf(report), ...report.notes].join("\n")).toContain(said);
  });

  it("is found when he adds to a file after it was set aside with what a failed write had left", async () => {
    const rig = await restartedAfter((path) => appendFileSync(path, "torn"));
    expect((await rig.verify()).intact).toBe(true);
    appendFileSync(rig.files()[0] ?? "", "more");
    expect(problemsOf(await rig.verify())).toEqual(["-: 8 bytes stand behind its last record, not 4 as when it was set aside"]);
  });
});

it("a file that was left without an end proves nothing without the one that goes on from it", async () => {
  const rig = await restartedAfter(() => {});
  const [one = ""] = rig.files();
  expect(problemsOf(await rig.verify({ files: [one] }))).toEqual(["-: has no end; give the file that goes on from it, too"]);
});
