// What the commands that work on the database have in common: open the configured one, close it, and say in one line what failed. All but
// `cambio migrate` want its tables up to date.

import type { Configuration } from "../config/schema.ts";
import { circumstanceOf, type ExchangeError } from "../exchange/errors.ts";
import { type Database, DatabaseFailure } from "../store/database.ts";
import { NewerDatabaseError, pendingMigrations } from "../store/migrate.ts";
import { openDatabase } from "../store/open-database.ts";
import type { Output } from "./output.ts";

/** A service that has the same SQLite file open writes every now and then, each time for some milliseconds. */
const busyMs = 3_000;

/** @returns the exit status: what `work` returns, or 1 where the database failed */
export async function withDatabase(
  configuration: Configuration,
  output: Output,
  work: (database: Database) => Promise<number>,
): Promise<number> {
  if (configuration.database === undefined) {
    output.error("there is no database: give database.url, database.file or DATABASE_URL\n");
    return 1;
  }
  let database: Database | undefined;
  try {
    database = openDatabase(configuration.database.location, { busyMs });
    return await work(database);
  } catch (error) {
    output.error(`${sentence(error)}\n`);
    return 1;
  } finally {
    await database?.close();
  }
}

/** As `withDatabase`; where its tables are not up to date, that is said and no work is done. */
export function withCurrentDatabase(
  configuration: Configuration,
  output: Output,
  work: (database: Database) => Promise<number>,
): Promise<number> {
  return withDatabase(configuration, output, async (database) => {
    if ((await pendingMigrations(database)).length === 0) return work(database);
    output.error("the database is not up to date: run cambio migrate\n");
    return 1;
  });
}

/** Why a store did not do what it was asked: a word of its own, or ours. */
export function storeWord(failure: ExchangeError): string {
  const met = circumstanceOf(failure);
  return met?.kind === "store" ? met.code : failure.reason;
}

function sentence(error: unknown): string {
  if (error instanceof NewerDatabaseError) return error.message;
  if (error instanceof DatabaseFailure) return `the database cannot be used: ${error.code}`;
  // A file that cannot be opened fails with the system's word for it; its message would repeat the path.
  if (error instanceof Error && "syscall" in error && "code" in error) return `the database cannot be opened: ${String(error.code)}`;
  throw error;
}
