import { copyFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { asciiJson } from "../../src/audit/ascii-json.ts";
import { sha256 } from "../../src/audit/record.ts";
import { createSigningKey } from "../../src/audit/signing-key.ts";
import { workerTrailPath } from "../../src/audit/trail-names.ts";
import { auditCommand } from "../../src/cli/audit.ts";
import { createTrailRig, emptyFolder, entry, intent, keyBytes, linesIn, masterKey, ourPublicKey, writeLines } from "../audit/trail-rig.ts";
import { startChild } from "../support/child.ts";

/** The trail in these tests is signed under sealing key 7. */
const ours = 7;
const other = 9;

function configWith(...keys: readonly number[]): string {
  const path = join(emptyFolder(), "cambio.yaml");
  const lines = keys.map((first, at) => `    - { id: "${at + 1}", key: ${keyBytes(first).toString("base64url")} }\n`);
  writeFileSync(path, `${keys.length === 0 ? "" : `sealing:\n  keys:\n${lines.join("")}`}providers: {}\nclients: {}\n`);
  return path;
}

async function run(...words: string[]) {
  const texts = { out: "", error: "" };
  const status = await auditCommand(words, { out: (text) => (texts.out += text), error: (text) => (texts.error += text) });
  return { status, ...texts };
}

async function closedTrail() {
  const rig = createTrailRig();
  const audit = await rig.start();
  await audit.intend(intent("request-1"));
  await audit.intend(entry("request-1", { reason: "TOKEN_REVOKED", subject: 'a "user"\n\u001b[2J\u202e' }));
  await audit.intend(entry("request-2", { caller: "billing", kind: "security", event: "untrusted_issuer" }));
  await audit.close();
  return rig;
}

/** Lines that fit their hashes, as whoever writes a file of his own has them. */
function craftedFile(...records: readonly Record<string, unknown>[]): string {
  const path = join(emptyFolder(), "evil\u001b[2J.jsonl");
  const lines = records.map((members) => {
    const covered = asciiJson(members).slice(0, -1);
    return `${covered},"hash":"${sha256(covered)}"}\n`;
  });
  writeFileSync(path, lines.join(""));
  return path;
}

describe("an attacker who crafts a file speaks to no terminal", () => {
  const spoken = "\u001b]0;PWNED\u0007\u001b[2Jintact: 12 records\n";
  const record = { seq: 1, time: "2026-01-01T00:00:00.000Z", kind: "outcome", caller: "web", prev: "0".repeat(64) };
  const printable = /^[\x20-\x7e\n]*$/;

  it.each<[string, Record<string, unknown>]>([
    ["a member's name", { ...record, [spoken]: "y" }],
    ["a time that only an engine takes for one", { ...record, time: `1 Jan 2026 (${spoken})` }],
    ["the count of a gap", { ...record, kind: "gap", count: spoken }],
  ])("by %s", async (_, members) => {
    const path = craftedFile(members);
    for (const words of [
      ["verify", path],
      ["show", path, "--caller", "web"],
      ["verify", `${path}${spoken}`],
    ]) {
      const { out, error } = await run(...words);
      expect(out + error).toMatch(printable);
      expect(out + error).not.toMatch(/^intact/m);
    }
  });

  it.each([
    ["of another spelling", { time: "2026-01-01T00:00:00Z" }],
    ["that is no number", { kind: "gap", count: "3" }],
    ["below zero", { kind: "gap", count: -1 }],
    ["with a fraction", { kind: "gap", count: 1.5 }],
  ])("and a time or a count %s is no record", async (_, members) => {
    expect((await run("verify", craftedFile({ ...record, ...members }))).out).toContain("line 1: not a record of a trail");
  });
});

/** Two trails beside each other, each of several files. */
async function workersTrails() {
  const rig = createTrailRig();
  for (const worker of [1, 2]) {
    const audit = await rig.start({ path: workerTrailPath(rig.path, worker), rotateBytes: 2_000 });
    for (let at = 0; at < 5; at += 1) await audit.intend(intent(`request-${worker}-${at}`));
    await audit.close();
  }
  const files = readdirSync(rig.folder).filter((name) => name.endsWith(".jsonl"));
  return { folder: rig.folder, files: files.map((name) => join(rig.folder, name)) };
}
const verifyWorkers = (files: readonly string[]) => run("verify", "--workers", "--public-key", ourPublicKey, ...files);

describe("cambio audit verify", () => {
  it("finds a trail intact under a configuration's key, also where another one signs now", async () => {
    const { path } = await closedTrail();
    const intact = { status: 0, out: "intact: 9 records (1 to 9) in 1 file\n", error: "" };
    expect(await run("verify", path, "--config", configWith(ours))).toEqual(intact);
    expect(await run("verify", path, "--config", configWith(other, ours))).toEqual(intact);
    expect(await run("verify", path, "--public-key", ourPublicKey)).toEqual(intact);
  });

  it("says which key it does not know", async () => {
    const { path } = await closedTrail();
    const wrong = {
      status: 1,
      out: expect.stringContaining(`${path} line 1: signed under another key, which it calls "1"\nNOT INTACT: 1 found`),
      error: "",
    };
    expect(await run("verify", path, "--config", configWith(other))).toEqual(wrong);
    expect(await run("verify", path, "--public-key", createSigningKey(masterKey("1", other)).publicKey)).toEqual(wrong);
  });

  it("says what it does not prove where no key is given", async () => {
    const { path } = await closedTrail();
    const { status, out } = await run("verify", path);
    expect(status).toBe(0);
    expect(out).toContain("this proves only that they agree with themselves");
  });

  it.each<[string, (lines: string[]) => string[], string]>([
    ["a line is deleted", (lines) => lines.toSpliced(2, 1), "line 3: record 3 missing before it\n"],
    [
      "a line is edited",
      (lines) => lines.map((line) => line.replace("TOKEN_REVOKED", "OK")),
      "line 5: was changed: its hash does not fit it\n",
    ],
    [
      "lines are exchanged",
      (lines) => lines.toSpliced(2, 2, lines[3] ?? "", lines[2] ?? ""),
      "line 4: record 3 is out of its place or repeated\n",
    ],
    [
      "the end is cut",
      (lines) => lines.slice(0, -1),
      "cut: the head says that the trail goes on to record 9, and the last signed one here is 8\n",
    ],
  ])("names file and line where %s, and fails", async (_, change, said) => {
    const { path } = await closedTrail();
    writeLines(path, change(linesIn(path)));
    const { status, out } = await run("verify", path, "--public-key", ourPublicKey);
    expect(status).toBe(1);
    expect(out).toContain(said);
    expect(out).toContain("NOT INTACT");
  });

  it("takes several files in the order of a shell, and a live one", async () => {
    const rig = createTrailRig();
    const audit = await rig.start({ rotateBytes: 2_000 });
    for (let at = 0; at < 5; at += 1) await audit.intend(intent(`request-${at}`));
    const { status, out } = await run("verify", "--live", "--public-key", ourPublicKey, ...rig.files());
    expect({ status, out }).toEqual({
      status: 0,
      out: expect.stringMatching(/^note: .*not closed.*\nintact: \d+ records \(1 to \d+\) in \d files\n$/),
    });
  });

  describe("of several workers", () => {
    it("judges each trail for itself, in whatever order files are given", async () => {
      const { folder, files } = await workersTrails();
      expect(files.length).toBeGreaterThanOrEqual(4);
      const line = (worker: number) => `${folder}/audit\\.${worker}\\.jsonl: intact: \\d+ records \\(1 to \\d+\\) in \\d files\\n`;
      for (const order of [files.toSorted(), files.toSorted().toReversed()]) {
        const { status, out } = await verifyWorkers(order);
        expect({ status, out }).toEqual({ status: 0, out: expect.stringMatching(new RegExp(`^${line(1)}${line(2)}$`)) });
      }
      expect((await run("verify", "--public-key", ourPublicKey, ...files.toSorted())).status).toBe(1);
    });

    it("a record that is cut out of one of them fails all", async () => {
      const { files } = await workersTrails();
      const victim = files.find((file) => file.endsWith("audit.2.jsonl")) ?? "";
      writeLines(victim, linesIn(victim).toSpliced(1, 1));
      const { status, out } = await verifyWorkers(files);
      expect(status).toBe(1);
      expect(out).toMatch(/audit\.1\.jsonl: intact[^]*audit\.2\.jsonl: NOT INTACT/);
    });

    it("all files of one worker that are deleted are missed", async () => {
      const { files } = await workersTrails();
      const { status, out } = await verifyWorkers(files.filter((file) => !file.includes("audit.1.")));
      expect(status).toBe(1);
      expect(out).toContain("audit.1.jsonl is missing, and workers of higher numbers have written");
    });

    it("a copy of another worker's files does not stand for those that are gone", async () => {
      const { folder, files } = await workersTrails();
      for (const file of readdirSync(folder).filter((name) => name.startsWith("audit.2."))) rmSync(join(folder, file));
      for (const file of readdirSync(folder)) copyFileSync(join(folder, file), join(folder, file.replace("audit.1.", "audit.2.")));
      const copied = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
      expect(copied.length).toBeGreaterThan(2);
      const { status, out } = await verifyWorkers(copied.map((name) => join(folder, name)));
      expect(files.length).toBeGreaterThan(2);
      expect(status).toBe(1);
      expect(out).toContain("holds the same trail as");
    });

    it("a file whose name says of no worker is refused", async () => {
      const { path } = await closedTrail();
      expect(await run("verify", "--workers", path)).toEqual({
        status: 2,
        out: "",
        error: `${path} has no number of a worker in its name: verify it without --workers\n`,
      });
    });

    it("show takes the files of all", async () => {
      const { files } = await workersTrails();
      for (const worker of [1, 2]) expect((await run("show", ...files, "--request", `request-${worker}-0`)).status).toBe(0);
    });
  });

  it("does not show what a forged file says to a terminal", async () => {
    const { path } = await closedTrail();
    writeLines(path, ["\u001b[2J", ...linesIn(path).map((line) => line.replace('"key_id":"1"', '"key_id":"\u001b[2J"'))]);
    expect((await run("verify", path)).out).toMatch(/^[\u0020-\u007e\n]+$/);
  });
});

describe("cambio audit show", () => {
  it("prints the records of one request so that they can be read, and nothing that speaks to a terminal", async () => {
    const { path } = await closedTrail();
    const { status, out, error } = await run("show", "--request", "request-1", path);
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect(out).toContain(`2026-11-20T10:00:00.000Z  intent  record 3  ${path}:3\n  request_id     request-1\n`);
    expect(out).toContain("  scopes         openid profile\n");
    expect(out).toContain('  subject        "a \\"user\\"\\n\\u001b[2J\\u202e"\n');
    expect(out).not.toContain("request-2");
    expect(out).toMatch(/^[\u0020-\u007e\n]+$/);
  });

  it.each([
    [["--caller", "billing"], 1],
    [["--kind", "intent"], 1],
    [["--kind", "checkpoint"], 4],
    [["--caller", "orders", "--kind", "outcome"], 1],
    [["--caller", "orders", "--request", "request-2"], 0],
    [["--request", "nobody's"], 0],
  ])("finds by %j: %i records", async (options, count) => {
    const { path } = await closedTrail();
    const { status, out, error } = await run("show", ...options, path);
    expect(out.split("\n").filter((line) => line.startsWith("2026-"))).toHaveLength(count);
    expect({ status, error }).toEqual(count === 0 ? { status: 1, error: "no such record\n" } : { status: 0, error: "" });
  });

  it("leaves out what was changed, and says so", async () => {
    const { path } = await closedTrail();
    writeLines(
      path,
      linesIn(path).map((line) => line.replace("TOKEN_REVOKED", "OK")),
    );
    const { out, error } = await run("show", "--request", "request-1", path);
    expect(out).not.toContain("outcome");
    expect(error).toBe(`${path}: 1 line is no record as it was written; see cambio audit verify\n`);
  });
});

describe("cambio audit key", () => {
  it("prints the public keys of a configuration and no other", async () => {
    const keys = [ours, other].map((first, at) => `${at + 1} ${createSigningKey(masterKey("", first)).publicKey}\n`);
    expect(await run("key", configWith(ours, other))).toEqual({ status: 0, out: keys.join(""), error: "" });
  });

  it("fails where there is none", async () => {
    const { status, out, error } = await run("key", configWith());
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toContain("no sealing keys");
  });
});

describe("what is not understood or not readable has status 2", () => {
  it.each([
    [[]],
    [["explode"]],
    [["verify"]],
    [["show", "some.jsonl"]],
    [["show", "--request", "request-1"]],
    [["show", "--request", "request-1", "--live", "some.jsonl"]],
    [["verify", "some.jsonl", "--request", "request-1"]],
    [["verify", "some.jsonl", "--unknown"]],
    [["show", "--request", "request-1", "--workers", "some.1.jsonl"]],
    [["key"]],
    [["key", "one.yaml", "two.yaml"]],
    [["key", "one.yaml", "--live"]],
  ])("%j", async (words) => {
    const { status, out, error } = await run(...words);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(error).toContain("Usage: cambio audit COMMAND");
  });

  it.each([
    [["verify", "nowhere.jsonl", "some.jsonl"], "nowhere.jsonl cannot be read: ENOENT\n"],
    [["show", "--kind", "intent", "nowhere.jsonl"], "nowhere.jsonl cannot be read: ENOENT\n"],
    [["verify", "/tmp"], "/tmp cannot be read: EISDIR\n"],
    [["verify", "some.jsonl", "--public-key", "CANARY"], "--public-key is no public key"],
    [["verify", "some.jsonl", "--config", "nowhere.yaml"], "nowhere.yaml: 1 mistake"],
  ])("%j", async (words, said) => {
    const { status, out, error } = await run(...words);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(error).toContain(said);
    expect(error).not.toContain("CANARY");
  });

  it("a configuration without sealing keys, which vouches for nothing", async () => {
    const { path } = await closedTrail();
    expect((await run("verify", path, "--config", configWith())).status).toBe(2);
  });
});

function broken(): never {
  throw Object.assign(new Error("the output is gone"), { code: "EPIPE" });
}

it("a failure that is no file's does not pass for a file that cannot be read", async () => {
  const { path } = await closedTrail();
  await expect(auditCommand(["show", "--kind", "open", path], { out: broken, error: broken })).rejects.toThrow("the output is gone");
});

it("is a command of cambio", async () => {
  const { path } = await closedTrail();
  const child = startChild(["src/cli/cambio.mjs", "audit", "verify", path, "--public-key", ourPublicKey]);
  expect(await child.ended).toBe(0);
  expect(child.output()).toBe("intact: 9 records (1 to 9) in 1 file\n");
});
