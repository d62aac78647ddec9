// Both databases for suites that each must pass: a fresh, migrated one for every test, which any number of replicas may open.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/open-postgres.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { startPostgres, type PostgresServer } from "../support/postgres-server.ts";

/** One more connection to the test's database, as a further replica has it. Closed after the test. */
export type OpenDatabase = () => Promise<Database>;

export function onEachDatabase(suite: (name: Database["dialect"], open: OpenDatabase) => void): void {
  describe("on SQLite:", () => {
    onSqlite((open) => suite("sqlite", open));
  });
  describe("on PostgreSQL:", () => {
    onPostgres((open) => suite("postgres", open));
  });
}

export function onSqlite(suite: (open: OpenDatabase, file: () => string) => void): void {
  let folder: string;
  const opened: Database[] = [];
  const file = () => join(folder, "cambio.db");

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cambio-sqlite-"));
    const database = openSqlite(file());
    await migrate(database);
    await database.close();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((database) => database.close()));
    await rm(folder, { recursive: true, force: true });
  });
  suite(async () => {
    const database = openSqlite(file());
    opened.push(database);
    return database;
  }, file);
}

const databaseName = "cambio";

/** Ends what a test left under way, and makes the tables as migrating made them: a fresh database takes ten times as long. */
const renewal = `
select pg_terminate_backend(pid) from pg_stat_activity where datname = '${databaseName}' and pid <> pg_backend_pid();
truncate one_time, revocations, handle_families, upstream_revocations, signing_keys, accounts, connections, refresh_intents, leases;
update revocation_head set seq = 0`;

export function onPostgres(suite: (open: OpenDatabase, server: () => PostgresServer) => void): void {
  let server: PostgresServer;
  const opened: Database[] = [];
  const connect = () => openPostgres(server.address(databaseName));

  beforeAll(async () => {
    server = await startPostgres();
    await server.query(`create database ${databaseName}`);
    const database = connect();
    await migrate(database);
    await database.close();
  });
  afterAll(() => server.stop());
  beforeEach(() => server.query(renewal, databaseName));
  afterEach(() => Promise.all(opened.splice(0).map((database) => database.close())));
  suite(
    async () => {
      const database = connect();
      opened.push(database);
      return database;
    },
    () => server,
  );
}
