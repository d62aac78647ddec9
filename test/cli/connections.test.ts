import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { connectionsCommand } from "../../src/cli/connections.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { createTellingNames } from "../../src/sealing/telling-names.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { sealedColumns } from "../../src/store/sealed-columns.ts";
import { createUpstreamRevocationQueue } from "../../src/store/upstream-revocations.ts";
import type { Vault } from "../../src/vault/vault.ts";
import { masterKey } from "../cache/fixtures.ts";
import { createVaultRig, type VaultRig } from "../vault/vault-rig.ts";

const key = masterKey("a");
const sealing = { keys: [{ id: "a", key: Buffer.from(key.key.export()).toString("base64url") }] };
let folder: string;
let database: Database;
let rig: VaultRig;
let vault: Vault;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-connections-"));
  database = openDatabase({ kind: "sqlite", file: join(folder, "cambio.db") });
  await migrate(database);
  rig = createVaultRig();
  vault = rig.process(database);
  const main = { kind: "oidc", issuer: "https://issuer.example", client: { id: "cambio", authentication: "none" } };
  const configuration = { server: {}, providers: { main }, clients: {}, sealing, database: { file: "cambio.db" } };
  await writeFile(join(folder, "cambio.yaml"), stringify(configuration));
});
afterEach(async () => {
  await vault.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** @param meanwhile what happens while the command waits; time goes by */
async function run(words: readonly string[], meanwhile: () => Promise<unknown> = async () => undefined) {
  const written = { out: "", error: "" };
  const output = { out: (text: string) => void (written.out += text), error: (text: string) => void (written.error += text) };
  const wait = async (ms: number) => {
    rig.clock.advance(ms);
    await meanwhile();
  };
  const status = await connectionsCommand(words, output, { defaultFile: join(folder, "cambio.yaml"), clock: rig.clock, wait });
  return { status, ...written };
}

const jsonOf = ({ out }: { readonly out: string }) =>
  out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
const iso = (ms: number) => new Date(ms).toISOString();

describe("cambio connections list", () => {
  it("shows whose tokens are kept and in which state they are, and nothing of the tokens", async () => {
    const { id } = await rig.signIn(vault);
    const handle = await rig.signIn(vault, { byId: false, accountId: undefined, clientId: "mobile" });
    const { status, out, error } = await run(["list"]);
    expect({ status, error }).toEqual({ status: 0, error: "" });
    const [headings, ...rows] = out.split("\n").map((line) => line.split(/ {2,}/));
    expect(headings).toEqual(["ID", "CLIENT", "PROVIDER", "ACCOUNT", "STATE", "CREATED", "REFRESHED", "USED", "DUE", "ENDS"]);
    expect(new Set(rows.map((cells) => cells.slice(0, 5)).filter((cells) => cells.length > 1))).toEqual(
      new Set([
        [id, "web", "main", "account-1", "kept"],
        [handle.id, "mobile", "main", "-", "handle"],
      ]),
    );
    for (const token of rig.provider.made) expect(out).not.toContain(token);
  });

  it("leaves out what has ended, unless it is asked for, and says why it has", async () => {
    const { id } = await rig.signIn(vault);
    await (await vault.connections.find(id))?.end("rejected");
    expect(jsonOf(await run(["list", "--json"]))).toEqual([]);
    const [ended] = jsonOf(await run(["list", "--json", "--ended"]));
    const now = iso(rig.clock());
    const times = { created: now, refreshed: now, used: now, due: null, ended: now };
    const facts = { id, client: "web", provider: "main", account: "account-1", state: "rejected", generation: 0 };
    expect(ended).toEqual({ ...facts, ...times, expires: iso(rig.clock() + 7 * 86_400_000) });
  });

  it("by provider, client and account, and page by page", async () => {
    for (const accountId of ["a", "b", "c"]) await rig.signIn(vault, { accountId });
    const elsewhere = await rig.signIn(vault, { accountId: "a", provider: "other", clientId: "mobile" });
    const listed = async (...words: readonly string[]) =>
      jsonOf(await run(["list", "--json", ...words])).map((one) => (one as { readonly id: string }).id);
    expect(await listed("--provider", "other")).toEqual([elsewhere.id]);
    expect(await listed("--client", "mobile")).toEqual([elsewhere.id]);
    expect(await listed("--account", "a")).toHaveLength(2);
    expect(await listed("--account", "a", "--client", "web")).toHaveLength(1);
    const all = await listed();
    const first = await run(["list", "--json", "--limit", "2"]);
    expect(first.error).toBe(`there may be more: --after ${all[1]}\n`);
    expect(await listed("--after", all[1] ?? "")).toEqual(all.slice(2));
  });
});

describe("cambio connections refresh", () => {
  it("makes it due at once, and says what a running service made of it", async () => {
    const { id } = await rig.signIn(vault);
    const ran = await run(["refresh", id], async () => {
      const row = await database.run((db) => db.selectFrom("connections").select("due_at").executeTakeFirst());
      expect(row?.due_at).toBeLessThanOrEqual(rig.clock());
      await rig.ask(vault, id, { beyond: 0 });
    });
    expect(ran).toEqual({ status: 0, out: "refreshed: it has its generation 1 of tokens\n", error: "" });
  });

  it("waits no longer than it may, for a service that does not run", async () => {
    const { id } = await rig.signIn(vault);
    const began = rig.clock();
    const ran = await run(["refresh", id, "--wait", "2"]);
    expect(ran).toMatchObject({ status: 1, out: "", error: expect.stringContaining("was not refreshed yet") as string });
    expect(rig.clock() - began).toBe(2_000);
  });

  it("says of one that ends meanwhile, or has, that only a sign-in helps", async () => {
    const { id } = await rig.signIn(vault);
    const end = async () => (await vault.connections.find(id))?.end("rejected");
    const sentence = "it has ended (rejected): only a new sign-in helps\n";
    expect(await run(["refresh", id], end)).toEqual({ status: 1, out: "", error: sentence });
    expect(await run(["refresh", id])).toEqual({ status: 1, out: "", error: sentence });
  });
});

describe("cambio connections refresh of one that a handle stands for", () => {
  it("leaves it to whoever has the handle", async () => {
    const { id } = await rig.signIn(vault, { byId: false, accountId: undefined });
    expect(await run(["refresh", id])).toEqual({
      status: 1,
      out: "",
      error: "a refresh handle stands for it: whoever has that refreshes it\n",
    });
  });
});

/** What providers have yet to hear. */
const queued = () =>
  createUpstreamRevocationQueue({
    database,
    sealer: createSealer([key], sealedColumns.upstreamToken.purpose),
    nameOf: createTellingNames(key),
    clock: () => rig.clock() + 3_600_000,
    onAlarm: () => expect.unreachable(),
  }).takeDue(10);

describe("cambio connections revoke", () => {
  it("ends it, and a running service finds its refresh token in the queue of what providers have yet to hear", async () => {
    const { id } = await rig.signIn(vault);
    expect(await run(["revoke", id])).toMatchObject({ status: 0, error: "" });
    expect(await vault.connections.find(id)).toBeUndefined();
    expect((await queued()).map(({ about }) => [about.provider, about.token.reveal(), about.hint])).toEqual([
      ["main", rig.provider.made[0], "refresh_token"],
    ]);
    // The answer may have been lost: the order is given again.
    expect(await run(["revoke", id])).toMatchObject({ status: 0, error: "" });
  });

  it("says of one that has ended for another reason that it has", async () => {
    const { id } = await rig.signIn(vault);
    await (await vault.connections.find(id))?.end("rejected");
    expect(await run(["revoke", id])).toEqual({ status: 1, out: "", error: "it has ended before (rejected)\n" });
    expect(await queued()).toEqual([]);
  });
});

describe("cambio connections", () => {
  it.each(["refresh", "revoke"])("%s of one that nobody knows changes nothing", async (command) => {
    const ran = await run([command, "-".repeat(22)]);
    expect(ran).toEqual({ status: 1, out: "", error: "there is no such connection: look at cambio connections list\n" });
  });

  it.each([
    [],
    ["forget"],
    ["list", "--limit", "0"],
    ["list", "--limit", "1001"],
    ["list", "--provider", ""],
    ["list", "--wait", "3"],
    ["refresh"],
    ["refresh", "short"],
    ["refresh", "a".repeat(22), "--wait", "601"],
    ["refresh", "a".repeat(22), "--wait", "soon"],
    ["revoke", "a".repeat(22), "--json"],
    ["revoke", "a".repeat(22), "one.yaml", "two.yaml"],
  ])("is not understood and does nothing: %s %s %s %s", async (...words) => {
    expect(await run(words)).toMatchObject({ status: 2, out: "", error: expect.stringMatching(/^Usage: cambio connections/) as string });
  });

  it("helps", async () => {
    expect(await run(["--help"])).toMatchObject({ status: 0, error: "" });
  });
});
