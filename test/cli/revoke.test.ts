import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createRevocations, type FollowedRevocations } from "../../src/cache/revocations.ts";
import { revokeCommand } from "../../src/cli/revoke.ts";
import { readConfiguration } from "../../src/config/read-configuration.ts";
import { openRevocationLog } from "../../src/wiring/revocation-log.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { frozenClock, nowMs } from "../cache/fixtures.ts";
import { nowSeconds } from "../cache/revocation-log-contract.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer } from "../support/redis-server.ts";

const day = 24 * 3_600;
/** `clock_tolerance`, unless it is said otherwise. */
const tolerance = 30;
let folder: string;
let closers: (() => Promise<void>)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-revoke-"));
  closers = [() => rm(folder, { recursive: true, force: true })];
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
});

/** A configuration file with these keys beside a provider `main`. */
async function configured(given: Record<string, unknown>): Promise<string> {
  const file = join(folder, "cambio.yaml");
  const main = { kind: "oidc", issuer: "https://issuer.example", client: { id: "cambio", authentication: "none" } };
  const sealing = { keys: [{ id: "k", key: Buffer.from(Array.from({ length: 32 }, (_, index) => 7 * index)).toString("base64url") }] };
  const grant = { redirect_uris: ["https://app.example/cb"] };
  const web = { kind: "browser", origins: ["https://app.example"], methods: ["Revoke"], providers: { main: grant } };
  await writeFile(file, stringify({ providers: { main }, sealing, clients: { web }, ...given }));
  return file;
}

async function run(...words: readonly string[]) {
  const written = { out: "", error: "" };
  const output = { out: (text: string) => void (written.out += text), error: (text: string) => void (written.error += text) };
  const status = await revokeCommand(words, output, { defaultFile: join(folder, "cambio.yaml"), clock: frozenClock() });
  return { status, ...written };
}

/** A running replica. */
async function replica(file: string): Promise<FollowedRevocations> {
  const opened = await openRevocationLog(readConfiguration(file));
  if (opened === undefined) throw new Error("there is nothing to follow");
  const revocations = createRevocations({ log: opened.log, clock: frozenClock(), lagMs: 5_000, onState: () => undefined });
  closers.push(opened.close, revocations.close);
  await revocations.start();
  return revocations;
}

const token = (given: { id?: string; subject?: string; issuedAt?: number; provider?: string }) => ({
  provider: "main",
  id: "jti:other",
  subject: "bob",
  issuedAt: nowSeconds - 60,
  ...given,
});

const revoked = refusal("TOKEN_REVOKED");

async function sqliteFile(): Promise<string> {
  const file = join(folder, "cambio.db");
  const database = openSqlite(file);
  await migrate(database);
  await database.close();
  return file;
}

async function redisUrl(): Promise<string> {
  const server = await startRedisServer();
  closers.push(server.stop);
  return server.url.reveal();
}

describe.each<[string, () => Promise<Record<string, unknown>>, number]>([
  // A handle that nobody uses lives for 30 days there, and one whose refresh is under way for a little longer.
  ["the database", async () => ({ database: { file: await sqliteFile() } }), 30 * day + 300],
  ["Redis", async () => ({ redis: { url: await redisUrl() } }), day + tolerance + 1],
])("written to %s, a running replica refuses within a second", (_, authority, keptSeconds) => {
  it("all tokens of a subject that were issued until now, also by a clock that runs ahead, and none that come later", async () => {
    const file = await configured(await authority());
    const following = await replica(file);
    const until = new Date(nowMs + keptSeconds * 1_000).toISOString();
    const out = `revoked: every replica refuses it within a second. The entry is kept until ${until}, when no such token can be alive\n`;
    expect(await run(file, "--provider", "main", "--subject", "alice")).toEqual({ status: 0, out, error: "" });
    const check = (given: Parameters<typeof token>[0]) => outcomeOf(() => following.check(token(given)));
    await eventually("the word", () => check({ subject: "alice" }) !== undefined, 1_000);
    expect(check({ subject: "alice", issuedAt: nowSeconds + tolerance })).toEqual(revoked);
    expect(check({ subject: "alice", issuedAt: nowSeconds + tolerance + 1 })).toBeUndefined();
    expect([check({}), check({ subject: "alice", provider: "other" })]).toEqual([undefined, undefined]);
  });

  it("one token, by its id", async () => {
    const file = await configured(await authority());
    const following = await replica(file);
    const { status, out } = await run("--token-id", "abc", "--provider", "main");
    const until = new Date(nowMs + (day + tolerance + 1) * 1_000).toISOString();
    expect([status, out]).toEqual([0, expect.stringContaining(`until ${until}`)]);
    const check = (id: string) => outcomeOf(() => following.check(token({ id })));
    await eventually("the word", () => check("jti:abc") !== undefined, 1_000);
    expect([check("jti:abc"), check("jti:ab")]).toEqual([revoked, undefined]);
  });
});

it("an application that keeps sessions has tokens for a day at most, by which the entry is kept", async () => {
  const site = { kind: "better-auth", issuer: "https://app.example", jwt: true };
  const file = await configured({ providers: { site }, clients: {}, database: { file: await sqliteFile() } });
  const { status, out } = await run(file, "--provider", "site", "--token-id", "abc");
  const until = new Date(nowMs + (day + tolerance + 1) * 1_000).toISOString();
  expect([status, out]).toEqual([0, expect.stringContaining(`until ${until}`)]);
});

it("what was issued here for a user ends by the same order, under the name that the user has here", async () => {
  const site = { kind: "better-auth", issuer: "https://app.example", subject_prefix: "site:" };
  const server = { issuer: "https://cambio.example" };
  const file = await configured({ server, providers: { site }, clients: {}, database: { file: await sqliteFile() } });
  const following = await replica(file);
  const { status, out } = await run(file, "--provider", "site", "--subject", "alice");
  // A session lives for as long as it is used.
  const until = new Date(nowMs + 366 * day * 1_000).toISOString();
  expect([status, out]).toEqual([0, expect.stringContaining(`until ${until}`)]);
  const check = (given: Parameters<typeof token>[0]) => outcomeOf(() => following.check(token(given)));
  await eventually("the word", () => check({ provider: "site", subject: "alice" }) !== undefined, 1_000);
  expect(check({ provider: "cambio", subject: "site:alice" })).toEqual(revoked);
  expect([check({ provider: "cambio", subject: "alice" }), check({ provider: "cambio", subject: "site:bob" })]).toEqual([
    undefined,
    undefined,
  ]);
});

it.each([
  ["nothing"],
  ["no provider", "--subject", "alice"],
  ["neither subject nor token", "--provider", "main"],
  ["both", "--provider", "main", "--subject", "alice", "--token-id", "abc"],
  ["an empty subject", "--provider", "main", "--subject", ""],
  ["an empty subject beside a token", "--provider", "main", "--subject", "", "--token-id", "abc"],
  ["an empty token id", "--provider", "main", "--token-id", ""],
  ["a subject that nobody has", "--provider", "main", "--subject", "x".repeat(1_025)],
  ["a word too much", "a.yaml", "b.yaml", "--provider", "main", "--subject", "alice"],
  ["an option that does not exist", "--provider", "main", "--subject", "alice", "--all"],
])("asked for %s, it does nothing and says how it is used", async (_, ...words) => {
  const { status, out, error } = await run(...words);
  expect({ status, out }).toEqual({ status: 2, out: "" });
  expect(error).toMatch(/^Usage: cambio revoke /);
});

it.each([
  ["too long", "x".repeat(129)],
  ["not plain ASCII", "ä"],
])("asked for a token id that is %s, by which no token is known, it says how to end such a token", async (_, id) => {
  const { status, out, error } = await run("--provider", "main", "--token-id", id);
  expect({ status, out }).toEqual({ status: 2, out: "" });
  expect(error).toContain("known by its hash only, end it by --subject");
});

it("explains itself", async () => {
  const { status, out } = await run("--help");
  expect(status).toBe(0);
  expect(out).toContain("--token-id JTI");
});

describe("it says so, and not that it was done, where", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["replicas share nothing", {}, "there is nothing that replicas follow"],
    [
      "nobody may revoke, so that Redis is a cache only",
      { redis: { url: "redis://127.0.0.1:1" }, clients: {} },
      "there is nothing that replicas follow",
    ],
    ["the database cannot be opened", { database: { file: "/nowhere/cambio.db" } }, "the database cannot be opened: ENOENT"],
    [
      "the database does not answer",
      { database: { url: "postgres://u:canary@127.0.0.1:1/d" } },
      "it is not certain that it is revoked, try again",
    ],
    ["the configuration is wrong", { server: { port: "x" } }, "1 mistake"],
  ])("%s", async (_, given, sentence) => {
    const { status, out, error } = await run(await configured(given), "--provider", "main", "--subject", "alice");
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toContain(sentence);
    expect(error).not.toContain("canary");
  });

  it.each([["nowhere"], ["constructor"]])("there is no provider %s", async (provider) => {
    const file = await configured({ database: { file: await sqliteFile() } });
    const { status, error } = await run(file, "--provider", provider, "--subject", "alice");
    expect({ status, error }).toEqual({ status: 1, error: "there is no provider of that name\n" });
  });

  it("Redis does not answer", async () => {
    const file = await configured({ redis: { url: "redis://127.0.0.1:1" } });
    expect(await run(file, "--provider", "main", "--subject", "alice")).toEqual({
      status: 1,
      out: "",
      error: "it is not certain that it is revoked, try again: AWAY\n",
    });
  });
});
