// What the commands that work on the database have in common: open the configured one, close it, and say in one line what failed.

import type { Configuration } from "../config/schema.ts";
import { type Database, DatabaseFailure } from "../store/database.ts";
import { NewerDatabaseError } from "../store/migrate.ts";
import { openDatabase } from "../store/open-database.ts";
import type { Output } from "./output.ts";

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
    database = openDatabase(configuration.database.location);
    return await work(database);
  } catch (error) {
    output.error(`${sentence(error)}\n`);
    return 1;
  } finally {
    await database?.close();
  }
}

function sentence(error: unknown): string {
  if (error instanceof NewerDatabaseError) return error.message;
  if (error instanceof DatabaseFailure) return `the database cannot be used: ${error.code}`;
  // A file that cannot be opened fails with the system's word for it; its message would repeat the path.
  if (error instanceof Error && "syscall" in error && "code" in error) return `the database cannot be opened: ${String(error.code)}`;
  throw error;
}
