// How PostgreSQL answers what is asked of many connections: by an index, with nothing sorted and no table read from end to end.

import { sql } from "kysely";
import { beforeEach, expect, test } from "vitest";
import { listConnections } from "../../src/store/connection-list.ts";
import type { Database } from "../../src/store/database.ts";
import { readDueConnections, readIdleConnections, readUntoldConnections } from "../../src/store/due-connections.ts";
import { onPostgres } from "./database-rig.ts";

const rows = 30_000;
const nowMs = 1_000_000_000;

/** Four providers and clients, an account of its own for each; a fifth is due, a thousandth each has ended or is idle. */
const filling = `
insert into connections
  (id, client_id, provider, account_id, kept, generation, sealed_grant, sealed_tokens, created_at, refreshed_at, used_at, due_at, ended_at,
   ended_reason, tell_at, expires_at)
select md5(n::text), 'client-' || n % 4, 'provider-' || n % 4, 'account-' || n, 1, 0, '\\x00', '\\x00', 0, 0, 0,
  case when n % 1000 = 1 then null else ${nowMs} + n * 97 % 1000000 - 200000 end,
  case when n % 1000 = 1 then ${nowMs} end, case when n % 1000 = 1 then 'rejected' end, case when n % 1000 = 1 then ${nowMs} end,
  case when n % 1000 = 2 then ${nowMs} - 1 else ${nowMs} * 2 end
from generate_series(1, ${rows}) as n`;

onPostgres((open, server) => {
  let database: Database;
  let asked: { readonly sql: string; readonly parameters: readonly unknown[] }[];

  beforeEach(async () => {
    await server().query(filling, "cambio");
    await server().query("analyze connections", "cambio");
    const real = await open();
    asked = [];
    // The very statements that are made, on the way to the database.
    database = {
      ...real,
      run: (work, options) =>
        real.run(
          (db) =>
            work(
              db.withPlugin({
                transformQuery: ({ node }) => {
                  const { sql: text, parameters } = db.getExecutor().compileQuery(node, { queryId: "explained" });
                  asked.push({ sql: text, parameters });
                  return node;
                },
                transformResult: async ({ result }) => result,
              }),
            ),
          options,
        ),
    };
  });

  async function planOf(work: () => Promise<readonly unknown[]>): Promise<string> {
    asked = [];
    const found = await work();
    const [statement] = asked;
    if (statement === undefined || found.length === 0) throw new Error("nothing was asked, or found");
    const [text, ...more] = statement.sql.split(/\$[0-9]+/);
    const explained = more.reduce((query, part, index) => sql`${query}${statement.parameters[index]}${sql.raw(part)}`, sql.raw(text ?? ""));
    const { rows: lines } = await database.run((db) => sql<{ "QUERY PLAN": string }>`explain ${explained}`.execute(db));
    return lines.map((line) => line["QUERY PLAN"]).join("\n");
  }

  const page = { provider: undefined, client: undefined, account: undefined, ended: false, after: "8", limit: 50 };

  test("what is asked of many connections is found by an index alone", async () => {
    const asking: readonly (readonly [string, string, () => Promise<readonly unknown[]>])[] = [
      ["due at a provider", "connections_due", () => readDueConnections(database, { provider: "provider-2", nowMs, limit: 100 })],
      ["not used", "connections_expiry", () => readIdleConnections(database, nowMs, 200)],
      ["to be told of", "connections_untold", () => readUntoldConnections(database, nowMs, 20)],
      ["a page of all", "connections_pkey", () => listConnections(database, page)],
      ["a page of a provider's", "connections_provider", () => listConnections(database, { ...page, provider: "provider-2" })],
      ["a page of a client's", "connections_client", () => listConnections(database, { ...page, client: "client-3" })],
      ["an account's", "connections_", () => listConnections(database, { ...page, account: "account-77", after: "" })],
    ];
    const wrong: string[] = [];
    for (const [what, index, work] of asking) {
      const plan = await planOf(work);
      // An account has few of them.
      const others = index === "connections_" ? /Seq Scan|Bitmap/ : /Seq Scan|Bitmap|Sort/;
      if (!plan.includes(`Index Scan using ${index}`) || others.test(plan)) wrong.push(`${what}: ${plan}`);
    }
    expect(wrong).toEqual([]);
  });
});
