// The configured database, whichever it is. What each of them needs is in open-sqlite.ts and open-postgres.ts.

import type { Database } from "./database.ts";
import { openPostgres, type PostgresAddress, type PostgresOptions } from "./open-postgres.ts";
import { openSqlite } from "./open-sqlite.ts";

/** One of the two. */
export interface DatabaseLocation {
  readonly url?: PostgresAddress | undefined;
  readonly file?: string | undefined;
}

/** @throws what `openSqlite` throws */
export function openDatabase({ url, file }: DatabaseLocation, options: PostgresOptions = {}): Database {
  if (url !== undefined) return openPostgres(url, options);
  if (file !== undefined) return openSqlite(file);
  throw new Error("a database needs an address or a file");
}
