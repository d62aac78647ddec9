import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { openSpool, type SpoolPlace } from "../../src/vault/spool.ts";
import { flipped, masterKey } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";

let folder: string;
const alarms: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cambio-spool-"));
  alarms.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place: SpoolPlace = { connection: "connection-1", generation: 3, attempt: 0 };
const answer = Buffer.from("the provider's answer");
const file = (name: string) => join(folder, name);
const answerFile = "connection-1.3.0.answer";

function spool(keys: readonly MasterKey[] = [masterKey("a")], boot?: string) {
  return openSpool(folder, "one", {
    sealer: createSealer(keys, "spool"),
    boot,
    onAlarm: ({ kind, store }) => alarms.push(`${store} ${kind}`),
  });
}

describe("a spool", () => {
  it("gives back after a crash what was kept, and what was being sent", async () => {
    const before = spool();
    before.sending(place);
    await before.keep(place, answer);
    before.sending({ ...place, connection: "connection-2" });
    const left = await spool().left();
    expect(
      left
        .map((one) => [one.place.connection, one.kind === "answer" ? Buffer.from(one.answer).toString() : one.kind])
        .toSorted(([one = ""], [other = ""]) => one.localeCompare(other)),
    ).toEqual([
      ["connection-1", answer.toString()],
      ["connection-2", "sending"],
    ]);
  });

  it("forgets all of a refresh, also of one that died as it wrote the answer", async () => {
    const before = spool();
    before.sending(place);
    writeFileSync(file(`${answerFile}.new`), "half");
    await before.forget(place);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("does not take half an answer for one", async () => {
    const before = spool();
    before.sending(place);
    writeFileSync(file(`${answerFile}.new`), "half");
    expect(await spool().left()).toEqual([{ place, kind: "sending" }]);
  });

  it.each<[string, string | undefined, string]>([
    ["the same system: it was certainly not sent", "boot-1", "unsent"],
    ["a system that has died as well: the disk may not know the last", "boot-2", "sending"],
    ["a system that does not say which it is", undefined, "sending"],
  ])("tells who died as the mark was being made durable, on %s", async (_what, boot, kind) => {
    const before = spool([masterKey("a")], "boot-1");
    before.sending(place);
    expect(await spool([masterKey("a")], boot).left()).toEqual([{ place, kind: "sending" }]);
    renameSync(file("connection-1.3.0.sending"), file("connection-1.3.0.sending.new"));
    expect(await spool([masterKey("a")], boot).left()).toEqual([{ place, kind }]);
    writeFileSync(file("connection-1.3.0.sending.new"), "");
    expect(await spool([masterKey("a")], boot).left()).toEqual([{ place, kind: "sending" }]);
    await before.forget(place);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is for this process's user only", async () => {
    const inner = join(folder, "made");
    const made = openSpool(inner, "made", { sealer: createSealer([masterKey("a")], "spool"), onAlarm: () => undefined });
    made.sending(place);
    await made.keep(place, answer);
    expect(statSync(inner).mode & 0o777).toBe(0o700);
    expect(readdirSync(inner).map((name) => statSync(join(inner, name)).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it("opens what an older key sealed", async () => {
    await spool([masterKey("old")]).keep(place, answer);
    expect((await spool([masterKey("fresh"), masterKey("old")]).left()).length).toBe(1);
    expect(alarms).toEqual([]);
  });

  it.each(["sending.new", "answer.new"])("that somebody put a link into writes nothing where it leads: %s", async (kind) => {
    const victim = `${folder}-victim`;
    writeFileSync(victim, "precious");
    symlinkSync(victim, file(`connection-1.3.0.${kind}`));
    const before = spool();
    const written = kind === "sending.new" ? (async () => before.sending(place))() : before.keep(place, answer);
    await expect(written).rejects.toThrow(/ELOOP|STORE_UNAVAILABLE/);
    expect(readFileSync(victim, "utf8")).toBe("precious");
    rmSync(victim);
  });

  it("in a folder that is no folder is refused, and so is sending where nothing can be written", () => {
    writeFileSync(file("taken"), "");
    expect(() => openSpool(file("taken"), "taken", { sealer: createSealer([masterKey("a")], "spool"), onAlarm: () => undefined })).toThrow(
      /EEXIST|ENOTDIR/,
    );
    const before = spool();
    rmSync(folder, { recursive: true });
    expect(() => before.sending(place)).toThrow(
      refusal("STORE_UNAVAILABLE", { cause: { kind: "store", code: "ENOENT", outcome: "refused" } }),
    );
  });
});

describe("whoever can write to the spool's folder", () => {
  const secondFile = "connection-2.3.0.answer";

  it.each<[string, () => unknown]>([
    ["renames an answer to another connection", () => renameSync(file(answerFile), file("connection-9.3.0.answer"))],
    ["renames an answer to another generation", () => renameSync(file(answerFile), file("connection-1.4.0.answer"))],
    ["renames an answer to another attempt", () => renameSync(file(answerFile), file("connection-1.3.1.answer"))],
    ["swaps two answers", () => copyFileSync(file(secondFile), file(answerFile))],
    ["cuts an answer", () => truncateSync(file(answerFile), statSync(file(answerFile)).size - 1)],
    ["empties an answer", () => truncateSync(file(answerFile), 0)],
    ["changes a bit of an answer", () => writeFileSync(file(answerFile), flipped(readFileSync(file(answerFile)), 400))],
    ["writes an answer of his own", () => writeFileSync(file(answerFile), answer)],
    ["makes an answer larger than any is", () => truncateSync(file(answerFile), 4 * 1_048_576 + 1)],
    [
      "puts a link in its place, to a good answer as well",
      () => {
        renameSync(file(answerFile), file("elsewhere"));
        symlinkSync(file("elsewhere"), file(answerFile));
      },
    ],
    [
      "puts a folder in its place",
      () => {
        rmSync(file(answerFile));
        mkdirSync(file(answerFile));
      },
    ],
    [
      "puts a pipe in its place, which nobody ever writes to",
      () => {
        rmSync(file(answerFile));
        execFileSync("mkfifo", [file(answerFile)]);
      },
    ],
  ])("and %s is not believed, and raises one alarm", async (_what, tamper) => {
    const before = spool();
    await before.keep(place, answer);
    await before.keep({ ...place, connection: "connection-2" }, Buffer.from("another answer"));
    tamper();
    const left = await spool().left();
    expect(left.filter((one) => one.kind === "answer").map((one) => one.place.connection)).toEqual(["connection-2"]);
    expect(left.filter((one) => one.kind === "unreadable").length).toBe(1);
    expect(alarms).toEqual(["spool unreadable"]);
  });

  it("keeps what was sealed under a key that was taken out from being believed", async () => {
    await spool([masterKey("old")]).keep(place, answer);
    expect(await spool([masterKey("fresh")]).left()).toEqual([{ place, kind: "unreadable" }]);
    expect(alarms).toEqual(["spool unreadable"]);
  });

  it("makes nobody read other names, nor one place by two names", async () => {
    await spool().keep(place, answer);
    const names = ["connection-1.03.0.answer", "connection-1.3.answer", ".1.0.answer", "connection 1.1.0.sending", "lock"];
    for (const name of names) writeFileSync(file(name), "foreign");
    expect(await spool().left()).toMatchObject([{ place }]);
    expect(alarms).toEqual([]);
  });
});

it("a spool that cannot be read is an error, and no lost answer", async () => {
  const before = spool();
  await before.keep(place, answer);
  rmSync(folder, { recursive: true });
  await expect(before.left()).rejects.toThrow("ENOENT");
});
