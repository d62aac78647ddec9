import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { keysCommand } from "../../src/cli/keys.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createRevocationLog } from "../../src/store/revocation-log.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { type FrozenClock, frozenClock, masterKey, nowMs } from "../cache/fixtures.ts";
import { judged } from "../keys/own-keys.ts";
import { hour, rules, type SigningReplica, signingReplica } from "../store/signing-rig.ts";

const es256 = { kind: "published", algorithm: "ES256" } as const;
const sealingText = Buffer.from(masterKey("k").key.export()).toString("base64url");
let folder: string;
let clock: FrozenClock;
let database: Database;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-keys-"));
  clock = frozenClock();
  database = openDatabase({ kind: "sqlite", file: join(folder, "cambio.db") });
  await migrate(database);
  await configured({ announce: "2h" });
});
afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

async function configured(signing: object | undefined, more: object = {}): Promise<void> {
  const common = { server: { issuer: "https://cambio.example" }, providers: {}, clients: {} };
  const kept = { sealing: { keys: [{ id: "k", key: sealingText }] }, database: { file: "cambio.db" } };
  await writeFile(join(folder, "cambio.yaml"), stringify({ ...common, ...kept, ...(signing === undefined ? {} : { signing }), ...more }));
}

async function run(...words: readonly string[]) {
  const written = { out: "", error: "" };
  const output = { out: (text: string) => void (written.out += text), error: (text: string) => void (written.error += text) };
  const status = await keysCommand(words, output, { defaultFile: join(folder, "cambio.yaml"), clock });
  return { status, ...written };
}

/** Rows of the printed table, by id. */
async function listed(): Promise<Record<string, readonly string[]>> {
  const { status, out } = await run("list");
  expect(status).toBe(0);
  const [, ...lines] = out.trimEnd().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/ {2,}/)).map(([kid = "", ...cells]) => [kid, cells]));
}

async function running(): Promise<SigningReplica> {
  const replica = signingReplica(database, clock);
  await replica.keeper.start();
  return replica;
}

const activeKid = (replica: SigningReplica) => replica.ring.active("ES256")?.kid ?? "none";
const iso = (ms: number) => new Date(ms).toISOString();

const pem = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });

describe("cambio keys list", () => {
  it("shows each key with its state and when that changes", async () => {
    const replica = await running();
    clock.advance(hour);
    await run("rotate");
    const next = nowMs + hour + rules.announceMs + 60_000;
    const states = await listed();
    expect(Object.values(states)).toEqual([
      ["ES256", "active", iso(nowMs), iso(nowMs), iso(next), iso(next + 25 * hour)],
      ["ES256", "announced", iso(nowMs + hour), iso(next), "-", "-"],
    ]);
    expect(Object.keys(states)[0]).toBe(activeKid(replica));
    clock.advance(4 * hour);
    expect(Object.values(await listed()).map(([, state]) => state)).toEqual(["retired", "active"]);
    clock.advance(25 * hour);
    expect(Object.values(await listed()).map(([, state]) => state)).toEqual(["dropped", "active"]);
  });

  it("shows what it cannot open, and that nobody signs by it", async () => {
    const replica = await running();
    const kid = activeKid(replica);
    await configured({}, { sealing: { keys: [{ id: "o", key: Buffer.from(masterKey("z").key.export()).toString("base64url") }] } });
    expect((await listed())[kid]?.[1]).toBe("unreadable");
    expect((await run("retire", kid)).status).toBe(0);
    expect((await listed())[kid]?.[1]).toBe("dropped");
  });
});

describe("cambio keys rotate", () => {
  it("stores a successor that signs once it was announced, and running replicas take it up", async () => {
    const replica = await running();
    const before = activeKid(replica);
    const { status, out, error } = await run("rotate");
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect(out).toContain(`signs from ${iso(nowMs + rules.announceMs + 60_000)}`);
    expect(out).not.toContain("breaks");
    await replica.look();
    expect(replica.ring.publicKeys().keys).toHaveLength(2);
    expect(activeKid(replica)).toBe(before);
    clock.advance(rules.announceMs);
    await replica.look();
    clock.advance(60_000);
    expect(activeKid(replica)).not.toBe(before);
    expect(replica.events).toHaveLength(1);
  });

  it("stores no second successor beside one that is announced", async () => {
    await running();
    await run("rotate");
    const { status, out, error } = await run("rotate");
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toContain("is announced already");
    expect(Object.keys(await listed())).toHaveLength(2);
  });

  it("--now lets it sign at once, and says what that breaks", async () => {
    const replica = await running();
    const [before, token] = [activeKid(replica), await replica.signer.sign({}, es256)];
    await run("rotate");
    const { status, out } = await run("rotate", "--now");
    expect(status).toBe(0);
    expect(out).toContain("What this breaks: verifiers that have not asked for the keys since then do not know the new one");
    expect(out).toContain("Tokens of the old key stay good until they expire.");
    await replica.look();
    expect(out).toContain(activeKid(replica));
    expect(activeKid(replica)).not.toBe(before);
    expect((await judged(replica.ring.keySet, token)).kind).toBe("good");
  });

  it("makes the first key of another algorithm, which signs at once and breaks nothing", async () => {
    await running();
    const { out } = await run("rotate", "--algorithm", "EdDSA");
    expect(out).toContain(`signs from ${iso(nowMs)}`);
    expect(out).not.toContain("breaks");
    expect(Object.values(await listed()).map(([algorithm, state]) => [algorithm, state])).toEqual([
      ["ES256", "active"],
      ["EdDSA", "active"],
    ]);
  });

  it("does not fill the published set until verifiers refuse it", async () => {
    await running();
    const statuses: number[] = [];
    for (let times = 0; times < 16; times += 1) statuses.push((await run("rotate", "--now")).status);
    expect(statuses).toEqual([...Array<number>(15).fill(0), 1]);
    expect((await run("rotate", "--now")).error).toContain("wait until some are dropped");
  });
});

describe("cambio keys retire", () => {
  it("leaves the only key that signs alone, and says how to end it", async () => {
    const replica = await running();
    const kid = activeKid(replica);
    const { status, error } = await run("retire", kid);
    expect(status).toBe(1);
    expect(error).toBe(`${kid} is the one that signs: with --now another one is made, which signs at once\n`);
    expect((await listed())[kid]?.[1]).toBe("active");
  });

  it("--now ends it and lets another one sign in the same instant, and says what that breaks", async () => {
    const replica = await running();
    const [kid, token] = [activeKid(replica), await replica.signer.sign({}, es256)];
    clock.advance(1_000);
    const { status, out } = await run("retire", kid, "--now");
    expect(status).toBe(0);
    expect(out).toContain("every token that it signed is refused here from now on");
    await replica.look();
    expect(out).toContain(`${activeKid(replica)} signs in its place`);
    expect((await judged(replica.ring.keySet, token)).kind).toBe("refused");
    expect(replica.ring.publicKeys().keys.map((key) => key.kid)).toEqual([activeKid(replica)]);
    expect((await judged(replica.ring.keySet, await replica.signer.sign({}, es256))).kind).toBe("good");
  });

  it("is told as a revocation too, which reaches a replica that cannot read the keys, or makes it doubt", async () => {
    const replica = await running();
    const kid = activeKid(replica);
    await run("retire", kid, "--now");
    const { entries } = await createRevocationLog(database).readSince(0, 10);
    const expiresAt = (nowMs + 25 * hour) / 1_000;
    expect(entries.map(({ revocation }) => revocation)).toEqual([{ kind: "token", provider: "cambio", id: `kid:${kid}`, expiresAt }]);
  });

  it("ends one that is announced, or signed before, and nothing else changes", async () => {
    const replica = await running();
    const before = activeKid(replica);
    await run("rotate");
    const announced = Object.entries(await listed()).find(([, [, state]]) => state === "announced")?.[0] ?? "";
    expect((await run("retire", announced)).out).not.toContain("in its place");
    await run("rotate", "--now");
    expect((await run("retire", before, "--now")).out).not.toContain("in its place");
    expect(Object.values(await listed()).map(([, state]) => state)).toEqual(["dropped", "dropped", "active"]);
  });

  it.each([
    ["there is none of that id", () => "c".repeat(43), "no key of that id"],
    ["it was ended before", (ended: string) => ended, "was ended before"],
  ])("fails where %s", async (_name, kidOf, words) => {
    const replica = await running();
    const ended = activeKid(replica);
    await run("retire", ended, "--now");
    const { status, error } = await run("retire", kidOf(ended));
    expect(status).toBe(1);
    expect(error).toContain(words);
  });
});

it("a key whose id begins with a dash is found as any other, wherever its id stands", async () => {
  for (const words of [
    ["retire", `-${"k".repeat(42)}`],
    ["retire", "--now", `--${"k".repeat(41)}`, join(folder, "cambio.yaml")],
  ])
    expect(await run(...words)).toMatchObject({ status: 1, error: expect.stringContaining("no key of that id") as string });
});

describe("keys from files", () => {
  it("are listed, and for the rest the lines of the configuration to change are said", async () => {
    await configured({ keys: [{ private_key: pem() }, { private_key: pem(), activates_at: iso(nowMs + 48 * hour) }] });
    const keys = await listed();
    expect(Object.values(keys)).toEqual([
      ["ES256", "active", "-", "-", iso(nowMs + 48 * hour), iso(nowMs + 73 * hour)],
      ["ES256", "announced", iso(nowMs), iso(nowMs + 48 * hour), "-", "-"],
    ]);
    const [rotate, retire, unknown] = [
      await run("rotate", "--now"),
      await run("retire", Object.keys(keys)[1] ?? ""),
      await run("retire", "x".repeat(43)),
    ];
    expect([rotate.status, retire.status, unknown.status]).toEqual([1, 1, 1]);
    expect(rotate.error).toContain("add an entry under signing.keys");
    expect(retire.error).toContain("remove signing.keys.1 from the configuration");
    expect(unknown.error).toContain("no key of that id");
  });
});

describe("what cannot be done", () => {
  it.each<[string, () => Promise<void>, string]>([
    ["nothing is signed here", () => configured(undefined), "there are no signing keys"],
    ["the configuration has mistakes", () => configured({ announce: "1h" }), "signing.announce"],
    ["the database is not up to date", () => configured({}, { database: { file: "empty.db" } }), "run cambio migrate"],
  ])("fails with one reason where %s", async (_name, prepare, words) => {
    await prepare();
    const { status, out, error } = await run("list");
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toContain(words);
  });

  it.each([
    [[]],
    [["turn"]],
    [["list", "--now"]],
    [["list", "a", "b"]],
    [["rotate", "--algorithm", "HS256"]],
    [["rotate", "--algorithm", "ES256", "--algorithm"]],
    [["retire"]],
    [["retire", "canary"]],
    [["retire", "k".repeat(43), "--algorithm", "ES256"]],
    [["retire", "k".repeat(43), "a", "b"]],
    [["list", "--canary"]],
  ])("%j is not understood", async (words) => {
    const { status, out, error } = await run(...words);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(error).toContain("Usage: cambio keys COMMAND");
    expect(error).not.toContain("canary");
  });

  it("help is help", async () => {
    expect(await run("retire", "--help")).toMatchObject({ status: 0, error: "" });
  });
});
