import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createRevocations, type FollowedRevocations } from "../../src/cache/revocations.ts";
import { accountsCommand } from "../../src/cli/accounts.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { createRevocationLog } from "../../src/store/revocation-log.ts";
import { type FrozenClock, frozenClock, masterKey, nowMs } from "../cache/fixtures.ts";
import { nowSeconds } from "../cache/revocation-log-contract.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { accountsOn, providerOf, userOf } from "../vault/account-rig.ts";

const sealingText = Buffer.from(masterKey("k").key.export()).toString("base64url");
const disabled = refusal("ACCOUNT_DISABLED");
const iso = (ms: number) => new Date(ms).toISOString();
let folder: string;
let clock: FrozenClock;
let database: Database;
let closers: (() => Promise<void>)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-accounts-"));
  clock = frozenClock();
  database = openDatabase({ kind: "sqlite", file: join(folder, "cambio.db") });
  await migrate(database);
  await configured();
  closers = [() => rm(folder, { recursive: true, force: true }), () => database.close()];
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
});

async function configured(given: object = {}): Promise<void> {
  const social = {
    kind: "oidc",
    issuer: "https://social.example",
    client: { id: "cambio", authentication: "none" },
    subject_prefix: "social:",
  };
  const common = { server: { issuer: "https://cambio.example" }, providers: { social }, clients: {} };
  const kept = { sealing: { keys: [{ id: "k", key: sealingText }] }, database: { file: "cambio.db" } };
  await writeFile(join(folder, "cambio.yaml"), stringify({ ...common, ...kept, ...given }));
}

async function run(...words: readonly string[]) {
  const written = { out: "", error: "" };
  const output = { out: (text: string) => void (written.out += text), error: (text: string) => void (written.error += text) };
  const status = await accountsCommand(words, output, { defaultFile: join(folder, "cambio.yaml"), clock });
  return { status, ...written };
}

const account = async (user: string, given: Parameters<typeof userOf>[1] = {}, provider = "social"): Promise<string> =>
  (await accountsOn(database, { clock }).accounts.signedIn(providerOf(provider), userOf(user, given))).id;

/** A running replica. */
async function replica(): Promise<FollowedRevocations> {
  const revocations = createRevocations(
    { log: createRevocationLog(database), clock, lagMs: 5_000, onState: () => undefined },
    { readEveryMs: 5 },
  );
  closers.push(() => revocations.close());
  await revocations.start();
  return revocations;
}

const said = (by: FollowedRevocations, provider: string, subject: string, issuedAt = nowSeconds): unknown =>
  outcomeOf(() => by.check({ provider, id: "jti:x", subject, issuedAt }));

const pageOfTwo = (...words: string[]) => run("list", "--provider", "social", "--json", "--limit", "2", ...words);
const idsOf = (out: string) =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { id: string }).id);

describe("cambio accounts list", () => {
  it("shows who has signed in, and when", async () => {
    const id = await account("80351110224678912", { displayName: "Ada Lovelace" });
    clock.advance(1_000);
    await account("80351110224678912", { username: "countess", displayName: "" });
    clock.advance(1_000);
    await run("disable", id);
    const { status, out, error } = await run("list");
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["ID", "PROVIDER", "USER", "USERNAME", "NAME", "READABLE", "CREATED", "UPDATED", "DISABLED"],
      [id, "social", "80351110224678912", "countess", "-", "yes", iso(nowMs), iso(nowMs + 1_000), iso(nowMs + 2_000)],
      [""],
    ]);
  });

  it("as JSON, one on each line, with everything that is known", async () => {
    const id = await account("1");
    const { out } = await run("list", "--json");
    const row = { id, provider: "social", issuer: "https://social.example", readable: true };
    expect(JSON.parse(out)).toEqual({ ...row, ...userOf("1"), created: iso(nowMs), updated: iso(nowMs), disabled: null });
    expect(out.endsWith("}\n")).toBe(true);
  });

  it("lets nothing that a provider said speak to the terminal, look like another line, or turn the text around", async () => {
    const nasty = "\u001b]0;owned\u0007\u001b[2J\r\n\u202e\u0000x";
    await account("1\u202e", { username: nasty, displayName: nasty, email: nasty, avatarUrl: nasty });
    for (const form of [[], ["--json"]]) {
      const { out } = await run("list", ...form);
      expect(out).toMatch(/^[\x20-\x7e\n]+$/);
      expect(out.trimEnd().split("\n")).toHaveLength(form.length === 0 ? 2 : 1);
    }
  });

  it("goes on behind the last one of a page, and says how", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push(await account(`user-${index}`));
    await account("user-0", {}, "other");
    ids.sort();
    const first = await pageOfTwo();
    expect([idsOf(first.out), first.error]).toEqual([ids.slice(0, 2), `there may be more: --after ${ids[1]}\n`]);
    const second = await pageOfTwo("--after", ids[1] ?? "");
    expect(idsOf(second.out)).toEqual(ids.slice(2, 4));
    const last = await pageOfTwo("--after", ids[3] ?? "");
    expect([idsOf(last.out), last.error]).toEqual([ids.slice(4), ""]);
  });

  it("says which could not be read where a key is missing", async () => {
    const id = await account("1");
    await configured({ sealing: { keys: [{ id: "o", key: Buffer.from(masterKey("z").key.export()).toString("base64url") }] } });
    const { status, out, error } = await run("list");
    expect([status, error]).toEqual([0, expect.stringContaining("1 could not be read, and nothing is issued for them")]);
    expect(out).toContain(`${id}  social    1     -         -     no        `);
    expect(JSON.parse((await run("list", "--json")).out)).toMatchObject({ id, readable: false, username: "" });
  });
});

describe("cambio accounts disable", () => {
  it("makes running replicas refuse what its provider and this service issue for it, within a second, now and later", async () => {
    const [id, otherId] = [await account("1"), await account("2")];
    const following = await replica();
    expect(await run("disable", id)).toEqual({
      status: 0,
      out: `disabled: ${id}. Within a second every replica refuses its tokens\n`,
      error: "",
    });
    await eventually("the word", () => said(following, "social", "1") !== undefined, 1_000);
    for (const issuedAt of [nowSeconds - 60, nowSeconds + 10 * 366 * 86_400]) {
      for (const [provider, subject] of [
        ["social", "1"],
        ["cambio", `social:${id}`],
        ["cambio", "social:1"],
      ] as const)
        expect(said(following, provider, subject, issuedAt)).toEqual(disabled);
    }
    const others = [said(following, "social", "2"), said(following, "cambio", `social:${otherId}`), said(following, "cambio", id)];
    expect(others).toEqual([undefined, undefined, undefined]);
    expect(await accountsOn(database).accounts.find(id)).toMatchObject({ disabled: true });
  });

  it("by the provider's own id, and once more for one that was disabled before", async () => {
    const id = await account("1");
    expect((await run("disable", "--provider", "social", "--user", "1")).out).toContain(`disabled: ${id}`);
    expect(await run("disable", id, join(folder, "cambio.yaml"))).toMatchObject({
      status: 0,
      out: expect.stringContaining("was disabled before"),
    });
  });

  it("also where its provider is no longer configured, and says what that leaves open", async () => {
    const id = await account("1", {}, "gone");
    const { status, error } = await run("disable", id);
    expect([status, error]).toEqual([0, expect.stringContaining("not in the configuration")]);
    expect(said(await replica(), "gone", "1")).toEqual(disabled);
  });
});

describe("a provider's name that became another issuer's", () => {
  const there = "https://former.example";
  const former = async (user: string) =>
    (await accountsOn(database, { clock }).accounts.signedIn(providerOf("social", there), userOf(user))).id;

  it("is the present one's where an account is named by the provider's own id", async () => {
    const [before, now] = [await former("1"), await account("1")];
    expect((await run("disable", "--provider", "social", "--user", "1")).out).toContain(`disabled: ${now}`);
    expect(await accountsOn(database).accounts.find(before)).toMatchObject({ disabled: false });
  });

  it("leaves the present one's user of the same id alone when the former one's is disabled", async () => {
    const before = await former("1");
    const { status, error } = await run("disable", before);
    expect([status, error]).toEqual([0, expect.stringContaining("another issuer's by now")]);
    const following = await replica();
    expect(said(following, "cambio", `social:${before}`)).toEqual(disabled);
    expect([said(following, "social", "1"), said(following, "cambio", "social:1")]).toEqual([undefined, undefined]);
  });

  it("that nobody has names nobody", async () => {
    await account("1", {}, "gone");
    const { status, error } = await run("disable", "--provider", "gone", "--user", "1");
    expect([status, error]).toEqual([1, expect.stringContaining("name the account by its id")]);
  });
});

describe("cambio accounts forget", () => {
  it("of one whose key is gone lets its user in again as somebody new, and ends the tokens of before", async () => {
    const id = await account("1");
    await database.run((db) =>
      db
        .updateTable("accounts")
        .set({ sealed_user: Buffer.from("of another key") })
        .execute(),
    );
    const { status, out, error } = await run("forget", id, "--now");
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect(out).toBe(`forgotten: ${id}. Its connections have ended; its user's next sign-in makes another account\n`);
    expect(said(await replica(), "cambio", `social:${id}`)).toEqual(refusal("TOKEN_REVOKED"));
    expect(await account("1")).not.toBe(id);
  });

  it("does nothing where nobody said that it is to be now", async () => {
    const id = await account("1");
    expect(await run("forget", id)).toEqual({ status: 1, out: "", error: expect.stringContaining("--now") });
    expect(await accountsOn(database).accounts.find(id)).toMatchObject({ id });
  });

  it("does not let a disabled one's user back in", async () => {
    const id = await account("1");
    await run("disable", id);
    expect(await run("forget", id, "--now")).toEqual({ status: 1, out: "", error: expect.stringContaining("Enable it first") });
    expect(await accountsOn(database).accounts.find(id)).toMatchObject({ disabled: true });
  });

  it("of an account that nobody has says so", async () => {
    expect(await run("forget", "nobody", "--now")).toMatchObject({ status: 1, error: expect.stringContaining("no such account") });
  });
});

describe("cambio accounts enable", () => {
  it("lets new tokens pass, and none that was issued before", async () => {
    const id = await account("1");
    await run("disable", id);
    clock.advance(60_000);
    const { status, out } = await run("enable", "--provider", "social", "--user", "1");
    expect([status, out]).toEqual([0, `enabled: ${id}. Its user may sign in again; what was issued before stays refused\n`]);
    const following = await replica();
    for (const [provider, subject] of [
      ["social", "1"],
      ["cambio", `social:${id}`],
    ] as const) {
      expect(said(following, provider, subject, nowSeconds + 60)).toEqual(refusal("TOKEN_REVOKED"));
      expect(said(following, provider, subject, nowSeconds + 61)).toBeUndefined();
    }
  });

  it("what is left of it is kept for as long as a token or a handle of before may live", async () => {
    await run("disable", await account("1"));
    await run("enable", "--provider", "social", "--user", "1");
    const { entries } = await createRevocationLog(database).readSince(0, 10);
    // Handles that nobody uses live for 30 days.
    expect(entries.map(({ revocation }) => revocation.expiresAt)).toEqual(entries.map(() => nowSeconds + 30 * 86_400 + 300));
    expect(entries).toHaveLength(3);
  });

  it("of one that is not disabled does nothing, and fails", async () => {
    const id = await account("1");
    expect(await run("enable", id)).toEqual({ status: 1, out: "", error: `${id} is not disabled\n` });
  });
});

it.each([["disable"], ["enable"]])("%s of an account that nobody has says so", async (command) => {
  const error = "there is no such account: look at cambio accounts list\n";
  expect(await run(command, "nobody")).toEqual({ status: 1, out: "", error });
  expect(await run(command, "--provider", "social", "--user", "9")).toEqual({ status: 1, out: "", error });
});

it.each([
  ["nothing"],
  ["a command that does not exist", "delete", "id"],
  ["no account", "disable"],
  ["an empty account", "disable", ""],
  ["a provider alone", "disable", "--provider", "social"],
  ["a user alone", "enable", "--user", "1"],
  ["an empty user", "disable", "--provider", "social", "--user", ""],
  ["a word too much", "disable", "id", "a.yaml", "b.yaml"],
  ["a page of one account", "disable", "id", "--limit", "3"],
  ["nobody to forget", "forget", "--now"],
  ["a user to forget, whom the provider knows by that id", "forget", "--now", "--provider", "social", "--user", "1"],
  ["a moment to disable", "disable", "id", "--now"],
  ["a moment to list", "list", "--now"],
  ["a user to list", "list", "--provider", "social", "--user", "1"],
  ["a page of none", "list", "--limit", "0"],
  ["a page without end", "list", "--limit", "1001"],
  ["a page that is no number", "list", "--limit", "1e3"],
  ["an option that does not exist", "list", "--all"],
])("with %s it says how it is used, and touches nothing", async (_, ...words) => {
  expect(await run(...words)).toEqual({ status: 2, out: "", error: expect.stringContaining("Usage: cambio accounts") });
});

it("explains itself on request", async () => {
  expect(await run("--help")).toEqual({ status: 0, out: expect.stringContaining("Usage: cambio accounts"), error: "" });
});

describe("where it cannot do it, it says why:", () => {
  it("there is no database", async () => {
    await configured({ database: undefined });
    expect(await run("list")).toEqual({ status: 1, out: "", error: expect.stringContaining("there is no database") });
  });

  it("the tables are not there", async () => {
    await configured({ database: { file: "other.db" } });
    expect(await run("list")).toEqual({ status: 1, out: "", error: "the database is not up to date: run cambio migrate\n" });
  });

  it("the configuration is wrong", async () => {
    await configured({ clients: 7 });
    expect(await run("list")).toMatchObject({ status: 1, out: "" });
  });
});
