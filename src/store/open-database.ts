// The configured database, whichever it is. What each of them needs is in open-sqlite.ts and open-postgres.ts.

import type { Database } from "./database.ts";
import { openPostgres, type PostgresAddress, type PostgresOptions } from "./open-postgres.ts";
import { openSqlite } from "./open-sqlite.ts";

export type DatabaseLocation =
  | { readonly kind: "postgres"; readonly address: PostgresAddress }
  | { readonly kind: "sqlite"; readonly file: string };

export interface OpenOptions extends PostgresOptions {
  /** See openSqlite. */
  readonly busyMs?: number;
}

/** @throws what `openSqlite` throws */
export function openDatabase(location: DatabaseLocation, { busyMs = 0, ...options }: OpenOptions = {}): Database {
  return location.kind === "postgres" ? openPostgres(location.address, options) : openSqlite(location.file, busyMs);
}
