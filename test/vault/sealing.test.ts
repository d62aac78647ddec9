import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { readConnection, type ConnectionRow } from "../../src/store/connection-rows.ts";
import type { Database } from "../../src/store/database.ts";
import { masterKey, flipped } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase, onSqlite } from "../store/database-rig.ts";
import { faulty } from "./faulty-database.ts";
import { theIssuer } from "./fake-provider.ts";
import { createVaultRig, foundIn, removeSpools, shown, type VaultProcess } from "./vault-rig.ts";

type Columns = Pick<ConnectionRow, "sealed_grant" | "sealed_tokens">;

function write(database: Database, id: string, changed: Partial<ConnectionRow>): Promise<unknown> {
  return database.run((db) => db.updateTable("connections").set(changed).where("id", "=", id).execute());
}

onEachDatabase((_, open) => {
  removeSpools();

  async function start(keys?: readonly MasterKey[]) {
    const rig = createVaultRig();
    const database = await open();
    const vault = rig.process(database, keys === undefined ? {} : { keys });
    const [one, two] = [await rig.signIn(vault), await rig.signIn(vault, { accountId: "account-2" })];
    return { rig, database, vault, one: one.id, two: two.id };
  }
  type Setup = Awaited<ReturnType<typeof start>>;

  /** What comes of asking for its tokens, in each way. */
  async function asked({ rig, database, vault, one }: Setup, by: VaultProcess = vault) {
    const before = await readConnection(database, one);
    const inBackground = { issuer: theIssuer, beyond: undefined, send: rig.provider.send, lostAnswer: "retry_once", isUse: false } as const;
    const results = await Promise.allSettled([
      rig.ask(by, one),
      rig.ask(by, one, { beyond: 0 }),
      by.tokensOf(one, inBackground, AbortSignal.timeout(5_000)),
    ]);
    const refusals = results.map((result) => (result.status === "rejected" ? String(result.reason) : "tokens"));
    const changed = !isDeepStrictEqual(await readConnection(database, one), before);
    return { refusals, presented: rig.provider.presented, alarms: [...new Set(rig.alarms)], changed };
  }

  /** Nothing of it is believed, nobody is asked, and somebody is told; what stands there stays for whoever looks into it. */
  const disbelief = {
    refusals: Array.from({ length: 3 }, () => "ExchangeError: REAUTHENTICATION_REQUIRED"),
    presented: [],
    alarms: ["connections unreadable"],
    changed: false,
  };

  describe("whoever writes to the database", () => {
    it.each<[string, (setup: Setup) => Promise<unknown>]>([
      [
        "puts another account's grant into a row",
        async (setup) =>
          write(setup.database, setup.one, { sealed_grant: (await readConnection(setup.database, setup.two))?.sealed_grant ?? null }),
      ],
      [
        "puts another account's tokens into a row",
        async (setup) =>
          write(setup.database, setup.one, { sealed_tokens: (await readConnection(setup.database, setup.two))?.sealed_tokens ?? null }),
      ],
      [
        "puts a row's grant where its tokens are",
        async (setup) => write(setup.database, setup.one, { sealed_tokens: (await columnsOf(setup)).sealed_grant }),
      ],
      ["gives a row to another account", ({ database, one }) => write(database, one, { account_id: "account-9" })],
      ["gives a row to another client", ({ database, one }) => write(database, one, { client_id: "thief" })],
      ["gives a row to another provider", ({ database, one }) => write(database, one, { provider: "thief" })],
      ["puts a row forward by a generation", ({ database, one }) => write(database, one, { generation: 7 })],
      [
        "cuts the grant",
        async (setup) => write(setup.database, setup.one, { sealed_grant: (await columnsOf(setup)).sealed_grant?.subarray(0, -1) ?? null }),
      ],
      [
        "changes a bit of the tokens",
        async (setup) =>
          write(setup.database, setup.one, { sealed_tokens: flipped((await columnsOf(setup)).sealed_tokens ?? Buffer.of(0), 300) }),
      ],
      ["puts bytes of his own there", ({ database, one }) => write(database, one, { sealed_grant: Buffer.from("{}") })],
      ["puts nothing there", ({ database, one }) => write(database, one, { sealed_grant: null, sealed_tokens: null })],
      ["empties the tokens", ({ database, one }) => write(database, one, { sealed_tokens: Buffer.of() })],
    ])("and %s gets no token out of it, and raises the alarm", async (_what, tamper) => {
      const setup = await start();
      await tamper(setup);
      expect(await asked(setup)).toEqual(disbelief);
    });

    it("and puts back the columns of an older generation gets no spent token sent again", async () => {
      const setup = await start();
      const before = await columnsOf(setup);
      await setup.rig.ask(setup.vault, setup.one, { beyond: 0 });
      setup.rig.provider.presented.length = 0;
      await write(setup.database, setup.one, before);
      expect(await asked(setup)).toEqual(disbelief);
    });

    it("and swaps what a user who signs in again would take over leaves him with his new tokens alone", async () => {
      const setup = await start();
      await write(setup.database, setup.one, { sealed_grant: (await readConnection(setup.database, setup.two))?.sealed_grant ?? null });
      const { id } = await setup.rig.signIn(setup.vault, { tokens: { ...setup.rig.provider.give(), refreshToken: undefined } });
      expect(id).toBe(setup.one);
      expect(shown(await setup.rig.ask(setup.vault, id)).refreshToken).toBeUndefined();
      expect(setup.rig.alarms).toEqual(["connections unreadable"]);
    });
  });

  it("a key that was taken out opens nothing any more, and nothing is lost if it comes back", async () => {
    const setup = await start([masterKey("old")]);
    expect(await asked(setup, setup.rig.process(setup.database, { keys: [masterKey("fresh")] }))).toEqual(disbelief);
    const both = setup.rig.process(setup.database, { keys: [masterKey("fresh"), masterKey("old")] });
    expect((await setup.rig.ask(both, setup.one, { beyond: 0 })).generation).toBe(1);
    expect((await setup.rig.ask(setup.rig.process(setup.database, { keys: [masterKey("fresh")] }), setup.one)).generation).toBe(1);
  });

  it("a refresh token that its provider has to hear of is not taken from a row that was tampered with", async () => {
    const { rig, database, vault, one, two } = await start();
    const connection = await foundIn(vault, one);
    await connection?.end("revoked");
    await write(database, one, { sealed_grant: (await readConnection(database, two))?.sealed_grant ?? null });
    expect(await connection?.end("revoked")).toBeUndefined();
    expect(rig.alarms).toEqual(["connections unreadable"]);
  });
});

async function columnsOf({ database, one }: { readonly database: Database; readonly one: string }): Promise<Columns> {
  const row = await readConnection(database, one);
  return { sealed_grant: row?.sealed_grant ?? null, sealed_tokens: row?.sealed_tokens ?? null };
}

/** As it may stand in a file. */
function formsOf(token: string): readonly Buffer[] {
  const bytes = Buffer.from(token);
  const shifted = [0, 1, 2].map((pad) =>
    Buffer.concat([Buffer.alloc(pad, "x"), bytes])
      .toString("base64")
      .slice(4, -4),
  );
  return [token, bytes.toString("hex"), bytes.toString("hex").toUpperCase(), ...shifted, ...shifted.map(toUrl)].map((text) =>
    Buffer.from(text),
  );
}

const toUrl = (text: string) => text.replaceAll("+", "-").replaceAll("/", "_");

onSqlite((open, file) => {
  removeSpools();

  it("no token stands in clear in the database's files or the spool's, at any step of a refresh", async () => {
    const rig = createVaultRig();
    const database = faulty(await open());
    const vault = rig.process(database, { wait: () => setImmediate() });
    const ids = [
      await rig.signIn(vault),
      await rig.signIn(vault, { byId: false }),
      await rig.signIn(vault, { accountId: "account-2" }),
    ].map(({ id }) => id);
    for (const id of ids) await rig.ask(vault, id, { beyond: 0 });
    await (await foundIn(vault, ids[2] ?? ""))?.end("revoked");

    const answer = rig.provider.give();
    rig.provider.fails(() => {
      database.away(true);
      return answer;
    });
    await expect(rig.ask(vault, ids[0] ?? "", { beyond: 1 })).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
    vault.kill();
    const spoolFiles = readdirSync(rig.spoolPath("one")).map((name) => join(rig.spoolPath("one"), name));
    const databaseFiles = readdirSync(dirname(file())).map((name) => join(dirname(file()), name));
    expect([spoolFiles.length, databaseFiles.length]).toEqual([2, 3]);
    const written = [...databaseFiles, ...spoolFiles].map((path) => ({ path, bytes: readFileSync(path) }));
    expect(rig.provider.made.length).toBeGreaterThan(20);
    const found = rig.provider.made.flatMap((token) =>
      formsOf(token).flatMap((form) =>
        written.filter(({ bytes }) => bytes.includes(form)).map(({ path }) => `${token.split("-")[0]} in ${path}`),
      ),
    );
    expect(found).toEqual([]);
    expect(written.some(({ bytes }) => bytes.includes("account-2"))).toBe(true);
  });
});
