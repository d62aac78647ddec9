import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { migrate, NewerDatabaseError, pendingMigrations } from "../../src/store/migrate.ts";
import { type DatabaseLocation, openDatabase } from "../../src/store/open-database.ts";
import { openPostgres } from "../../src/store/open-postgres.ts";
import { startChild } from "../support/child.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";

const all = ["0001-first-tables", "0002-signing-keys", "0003-vault"];
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
  return dialect === "sqlite"
    ? { kind: "sqlite", file: join(folder, `${(count += 1)}.db`) }
    : { kind: "postgres", address: server.address(await emptyDatabase()) };
}

async function emptyDatabase(): Promise<string> {
  count += 1;
  await server.query(`create database empty_${count}`);
  return `empty_${count}`;
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
      expect(await database.run((db) => db.selectFrom("revocation_head").selectAll().execute())).toEqual([
        { id: 1, seq: 7, log: expect.any(String) },
      ]);
    });
  });

  test("three processes at once take each step once, and none fails", async () => {
    const at = await location(dialect);
    const children = Array.from({ length: 3 }, () => startChild([join(import.meta.dirname, "migrate-process.ts"), JSON.stringify(at)]));
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0]);
    const steps = children.flatMap((child) => JSON.parse(child.output()) as string[]);
    expect(steps).toEqual(all);
    await withDatabase(at, async (database) => {
      expect(await database.run((db) => db.selectFrom("revocation_head").selectAll().execute())).toEqual([
        { id: 1, seq: 0, log: expect.any(String) },
      ]);
    });
  });

  test("a database that a newer version has changed is refused and left as it is", async () => {
    await withDatabase(await location(dialect), async (database) => {
      await migrate(database);
      await database.run((db) => sql`insert into cambio_migrations values ('9999-later', '2040-01-01T00:00:00.000Z')`.execute(db));
      await expect(pendingMigrations(database)).rejects.toThrow(NewerDatabaseError);
      await expect(migrate(database)).rejects.toThrow(NewerDatabaseError);
      const { rows } = await database.run((db) => sql`select name from cambio_migrations order by name`.execute(db));
      expect(rows).toEqual([...all, "9999-later"].map((name) => ({ name })));
    });
  });
});

test("a migration may take longer than a statement otherwise may: another one's is waited for", async () => {
  const at = server.address(await emptyDatabase());
  const [other, database] = [openPostgres(at), openPostgres(at, { statementLimitMs: 100 })];
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = other.transaction(async (db) => {
    // The lock that the query builder's migrations take.
    await sql`select pg_advisory_xact_lock(3853314791062309107)`.execute(db);
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  const migrating = migrate(database);
  for (let time = 0; time < 10; time += 1) {
    const waiting = database.run((db) => sql`select pg_advisory_lock(3853314791062309107)`.execute(db));
    await expect(waiting).rejects.toMatchObject({ name: "DatabaseFailure", outcome: "refused" });
  }
  held.resolve();
  expect(await migrating).toEqual(all);
  await holding;
  await Promise.all([other.close(), database.close()]);
});
