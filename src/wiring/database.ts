// Part of the composition root: the configured database, opened, with its schema as this version needs it.

import type { Configuration } from "../config/schema.ts";
import { type Database, DatabaseFailure } from "../store/database.ts";
import { migrate, pendingMigrations } from "../store/migrate.ts";
import { openDatabase } from "../store/open-database.ts";
import type { Log } from "../telemetry/log.ts";

export interface WiredDatabase {
  readonly database: Database;
  readonly status: () => "ready" | "away";
}

type DatabaseSettings = NonNullable<Configuration["database"]>;

/** A start that was refused says what to do; its message holds no part of the address. */
export class DatabaseStartError extends Error {
  override readonly name = "DatabaseStartError";
}

/** @throws DatabaseStartError where it cannot be used or is not up to date; NewerDatabaseError */
export async function wireDatabase(settings: DatabaseSettings, log: Log): Promise<WiredDatabase> {
  let status: "ready" | "away" = "ready";
  let database: Database | undefined;
  try {
    database = openDatabase(settings.location, {
      log({ kind, ...event }) {
        status = kind === "database_ready" ? "ready" : "away";
        if (status === "ready") log.info(event, "the database is ready");
        else log.warn(event, "the database is away: nothing is issued until it is back");
      },
    });
    await bringUpToDate(database, settings.migrate_at_start, log);
    return { database, status: () => status };
  } catch (failure) {
    await database?.close();
    throw unusable(settings, failure) ?? failure;
  }
}

async function bringUpToDate(database: Database, allowed: boolean, log: Log): Promise<void> {
  const pending = await pendingMigrations(database);
  if (pending.length === 0) return;
  if (!allowed) throw new DatabaseStartError("the database is not up to date. Run `cambio migrate`, or set database.migrate_at_start.");
  log.info({ steps: await migrate(database) }, "the database was brought up to date");
}

/** Undefined: it is no failure of the database, nor of the system to open its file. */
function unusable({ location }: DatabaseSettings, failure: unknown): DatabaseStartError | undefined {
  const isSystem = failure instanceof Error && "syscall" in failure && "code" in failure;
  if (!isSystem && !(failure instanceof DatabaseFailure)) return undefined;
  const code = String(failure.code);
  return new DatabaseStartError(
    location.kind === "sqlite"
      ? `the database file cannot be used (${code}). Check database.file, its folder and this user's rights.`
      : `the database cannot be used (${code}). Check database.url, and that PostgreSQL answers there.`,
  );
}
