// Brings the tables up to date, in one transaction and once, however many processes try at the same time. What there is to do
// is listed here by name and order; what each step does is in migrations/.

import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { Database } from "./database.ts";
import { firstTables } from "./migrations/0001-first-tables.ts";
import { signingKeys } from "./migrations/0002-signing-keys.ts";
import { vault } from "./migrations/0003-vault.ts";
import type { Tables } from "./tables.ts";

/** Waiting for another process that is migrating included. */
const migrationLimitMs = 120_000;

const migrationTableName = "cambio_migrations";
const migrationLockTableName = "cambio_migrations_lock";

function migrationsFor(dialect: Database["dialect"]): Record<string, Migration> {
  return { "0001-first-tables": firstTables(dialect), "0002-signing-keys": signingKeys(dialect), "0003-vault": vault(dialect) };
}

/** The database knows steps that this version does not: whatever it wrote there would be wrong. */
export class NewerDatabaseError extends Error {
  override readonly name = "NewerDatabaseError";

  constructor() {
    super("the database was brought up to date by a newer version of cambio: run that one, or restore an older database");
  }
}

/**
 * @returns the names of the steps that were taken
 * @throws NewerDatabaseError, DatabaseFailure
 */
export async function migrate(database: Database): Promise<readonly string[]> {
  await pendingMigrations(database);
  return database.run(
    async (db) => {
      const { error, results } = await migratorOf(database, db).migrateToLatest();
      if (error !== undefined) throw error;
      return (results ?? []).map((result) => result.migrationName);
    },
    { limitMs: migrationLimitMs },
  );
}

/**
 * @returns the names of the steps that are still to be taken, in order; empty: the tables are as this version needs them
 * @throws NewerDatabaseError, DatabaseFailure
 */
export async function pendingMigrations(database: Database): Promise<readonly string[]> {
  const taken = await database.run(takenIn);
  const known = Object.keys(migrationsFor(database.dialect));
  if (taken.some((name) => !known.includes(name))) throw new NewerDatabaseError();
  return known.filter((name) => !taken.includes(name));
}

async function takenIn(db: Kysely<Tables>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === migrationTableName)) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(migrationTableName)}`.execute(db);
  return rows.map(({ name }) => name);
}

function migratorOf({ dialect }: Database, db: Kysely<Tables>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: async () => migrationsFor(dialect) },
    migrationTableName,
    migrationLockTableName,
  });
}
