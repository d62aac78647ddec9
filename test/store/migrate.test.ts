import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { migrate, NewerDatabaseError, pendingMigrations } from "../../src/store/migrate.ts";
import { type DatabaseLocation, openDatabase } from "../../src/store/open-database.ts";
import { startChild } from "../support/child.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";

const all = ["0001-first-tables"];
let server: PostgresServer;
let folder: string;
let count = 0;

beforeAll(async () => {
  server = await startPostgres();
  folder = await mkdtemp(join(tmpdir(), "cambio-migrate-"));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** An empty database. */
async function location(dialect: Database["dialect"]): Promise<DatabaseLocation> {
  count += 1;
  if (dialect === "sqlite") return { file: join(folder, `${count}.db`) };
  await server.query(`create database empty_${count}`);
  return { url: server.address(`empty_${count}`) };
}

async function withDatabase<T>(at: DatabaseLocation, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase(at);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

describe.each(["sqlite", "postgres"] as const)("on %s", (dialect) => {
  test("an empty database lacks everything, then nothing, and a second time there is nothing to do", async () => {
    await withDatabase(await location(dialect), async (database) => {
      expect(await pendingMigrations(database)).toEqual(all);
      expect(await migrate(database)).toEqual(all);
      expect(await pendingMigrations(database)).toEqual([]);
      expect(await migrate(database)).toEqual([]);
    });
  });

  test("what stood in the tables stays when it is done again", async () => {
    await withDatabase(await location(dialect), async (database) => {
      await migrate(database);
      await database.run((db) => db.updateTable("revocation_head").set({ seq: 7 }).execute());
      await migrate(database);
      expect(await database.run((db) => db.selectFrom("revocation_head").selectAll().execute())).toEqual([{ id: 1, seq: 7 }]);
    });
  });

  test("three processes at once take each step once, and none fails", async () => {
    const at = await location(dialect);
    const children = Array.from({ length: 3 }, () => startChild([join(import.meta.dirname, "migrate-process.ts"), JSON.stringify(at)]));
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0]);
    const steps = children.flatMap((child) => JSON.parse(child.output()) as string[]);
    expect(steps).toEqual(all);
    await withDatabase(at, async (database) => {
      expect(await database.run((db) => db.selectFrom("revocation_head").selectAll().execute())).toEqual([{ id: 1, seq: 0 }]);
    });
  });

  test("a database that a newer version has changed is refused and left as it is", async () => {
    await withDatabase(await location(dialect), async (database) => {
      await migrate(database);
      await database.run((db) => sql`insert into cambio_migrations values ('9999-later', '2040-01-01T00:00:00.000Z')`.execute(db));
      await expect(pendingMigrations(database)).rejects.toThrow(NewerDatabaseError);
      await expect(migrate(database)).rejects.toThrow(NewerDatabaseError);
      const { rows } = await database.run((db) => sql`select name from cambio_migrations order by name`.execute(db));
      expect(rows).toEqual([{ name: "0001-first-tables" }, { name: "9999-later" }]);
    });
  });
});

test("a migration may take longer than a statement otherwise may: another one's is waited for", async () => {
  const at = await location("postgres");
  const other = openDatabase(at);
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  // The lock that the query builder's migrations take.
  const holding = other.run(
    async (db) => {
      await db.connection().execute(async (one) => {
        await sql`select pg_advisory_lock(3853314791062309107)`.execute(one);
        locked.resolve();
        await held.promise;
      });
    },
    { limitMs: 20_000 },
  );
  await locked.promise;
  await withDatabase(at, async (database) => {
    const migrating = migrate(database);
    await expect(database.run((db) => sql`select pg_sleep(3)`.execute(db))).rejects.toMatchObject({ code: "57014", outcome: "refused" });
    held.resolve();
    expect(await migrating).toEqual(all);
  });
  await holding;
  await other.close();
});
