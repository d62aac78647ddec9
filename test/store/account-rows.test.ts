import { CompiledQuery, type Kysely, sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import {
  type AccountRecord,
  type AccountsPage,
  disableAccount,
  enableAccount,
  insertAccount,
  readAccount,
  readAccountOfUser,
  readAccounts,
  updateAccount,
} from "../../src/store/account-rows.ts";
import type { Database } from "../../src/store/database.ts";
import type { Tables } from "../../src/store/tables.ts";
import { nowMs } from "../cache/fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";

const rowOf = (given: Partial<AccountRecord> = {}): AccountRecord => ({
  id: "id-1",
  provider: "discord",
  issuer: "https://discord.example",
  provider_user_id: "1",
  sealed_user: Buffer.from("sealed"),
  created_at: nowMs,
  updated_at: nowMs,
  disabled_at: null,
  ...given,
});

const key = { provider: "discord", issuer: "https://discord.example", provider_user_id: "1" };

onEachDatabase((dialect, open) => {
  let database: Database;

  beforeEach(async () => {
    database = await open();
  });

  test("a user's row is made once, and neither a second one nor a second one of its id replaces it", async () => {
    expect(await insertAccount(database, rowOf())).toBe(true);
    expect(await insertAccount(database, rowOf({ id: "id-2", disabled_at: nowMs }))).toBe(false);
    expect(await insertAccount(database, rowOf({ provider_user_id: "2" }))).toBe(false);
    expect(await insertAccount(database, rowOf({ id: "id-2", provider: "other" }))).toBe(true);
    expect(await readAccount(database, "id-1")).toMatchObject({ provider_user_id: "1", disabled_at: null });
    expect(await readAccountOfUser(database, { ...key, provider: "other" })).toMatchObject({ id: "id-2" });
    expect(await readAccountOfUser(database, { ...key, issuer: "https://other.example" })).toBeUndefined();
    expect(await insertAccount(database, rowOf({ id: "id-3", issuer: "https://other.example" }))).toBe(true);
  });

  test("a change says whether there was anything to change, and an update enables nothing", async () => {
    const news = { sealed_user: Buffer.from("news"), updated_at: nowMs + 1 };
    expect(await updateAccount(database, { id: "id-1", ...news })).toBeUndefined();
    await insertAccount(database, rowOf());
    expect(await enableAccount(database, { id: "id-1", standings: [] })).toBe(false);
    expect(await disableAccount(database, { id: "id-1", standings: [] }, nowMs + 5)).toBe("disabled");
    expect(await disableAccount(database, { id: "id-1", standings: [] }, nowMs + 6)).toBe("disabled_before");
    expect(await disableAccount(database, { id: "nobody", standings: [] }, nowMs + 6)).toBe("unknown");
    expect(await updateAccount(database, { id: "id-1", ...news })).toMatchObject({ disabled_at: nowMs + 5, updated_at: nowMs + 1 });
    expect(await enableAccount(database, { id: "id-1", standings: [] })).toBe(true);
    expect(await readAccount(database, "id-1")).toMatchObject({ disabled_at: null, created_at: nowMs });
  });

  describe("with 20,000 accounts, as the database itself plans it, by an index and without sorting:", () => {
    beforeEach(async () => {
      const number =
        dialect === "postgres"
          ? sql`generate_series(1, 20000) as n`
          : sql`(with recursive up(n) as (select 1 union all select n + 1 from up where n < 20000) select n from up)`;
      const bytes = dialect === "postgres" ? sql`'sealed'::bytea` : sql`x'00'`;
      await database.run((db) =>
        sql`insert into accounts (id, provider, issuer, provider_user_id, sealed_user, created_at, updated_at)
          select 'id-' || n, case when n % 100 = 0 then 'rare' else 'discord' end, 'https://discord.example', 'user-' || n, ${bytes}, n, n from ${number}`.execute(
          db,
        ),
      );
      await database.run((db) => sql`analyze accounts`.execute(db));
    });

    /** What the statement under way in there is planned to do. */
    async function planOf(read: (through: Pick<Database, "run">) => Promise<unknown>): Promise<string> {
      const statements: CompiledQuery[] = [];
      const noting = (db: Kysely<Tables>) =>
        db.withPlugin({
          transformQuery({ node, queryId }) {
            statements.push(db.getExecutor().compileQuery(node, queryId));
            return node;
          },
          transformResult: async ({ result }) => result,
        });
      await read({ run: (work, options) => database.run((db) => work(noting(db)), options) });
      const [statement] = statements;
      if (statement === undefined) throw new Error("nothing was asked");
      const explained = `explain ${dialect === "sqlite" ? "query plan " : ""}${statement.sql}`;
      const { rows } = await database.run((db) => db.executeQuery(CompiledQuery.raw(explained, [...statement.parameters])));
      return JSON.stringify(rows);
    }

    const byIndex = dialect === "postgres" ? /Index (Only )?Scan|Bitmap Index Scan/ : /SEARCH accounts USING INDEX/;
    const slow = dialect === "postgres" ? /Seq Scan|Sort/ : /SCAN|TEMP B-TREE/;

    test.each<[string, (through: Pick<Database, "run">) => Promise<unknown>]>([
      ...(
        [
          ["a page of all", { provider: undefined, after: "id-15", limit: 50 }],
          ["the first page", { provider: undefined, after: "", limit: 1_000 }],
          ["a page of a provider that has nearly all", { provider: "discord", after: "id-15", limit: 50 }],
          ["a page of a provider that has hardly any", { provider: "rare", after: "", limit: 50 }],
        ] satisfies [string, AccountsPage][]
      ).map(([name, page]): [string, (through: Pick<Database, "run">) => Promise<unknown>] => [
        name,
        (through) => readAccounts(through, page),
      ]),
      ["an account", (through) => readAccount(through, "id-77")],
      ["a provider's user", (through) => readAccountOfUser(through, { ...key, provider_user_id: "user-77" })],
    ])("%s", async (_name, read) => {
      const plan = await planOf(read);
      expect(plan).toMatch(byIndex);
      expect(plan).not.toMatch(slow);
    });
  });
});
