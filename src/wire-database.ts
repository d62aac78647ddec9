// Part of the composition root: the configured database, opened, with its schema as this version needs it.

import type { Configuration } from "./config/schema.ts";
import type { Database } from "./store/database.ts";
import { migrate, pendingMigrations } from "./store/migrate.ts";
import { openDatabase } from "./store/open-database.ts";
import type { Log } from "./telemetry/log.ts";

export interface WiredDatabase {
  readonly database: Database;
  readonly status: () => "ready" | "away";
}

/** A start that was refused says what to do; its message holds no part of the address. */
export class DatabaseStartError extends Error {
  override readonly name = "DatabaseStartError";
}

/** @throws DatabaseStartError where it cannot be reached or is not up to date; NewerDatabaseError */
export async function wireDatabase(settings: NonNullable<Configuration["database"]>, log: Log): Promise<WiredDatabase> {
  let status: "ready" | "away" = "ready";
  const database = openDatabase(settings, {
    log({ kind, ...event }) {
      status = kind === "database_ready" ? "ready" : "away";
      if (status === "ready") log.info(event, "the database is ready");
      else log.warn(event, "the database is away: nothing is issued until it is back");
    },
  });
  try {
    await bringUpToDate(database, settings.migrate_at_start, log);
    return { database, status: () => status };
  } catch (failure) {
    await database.close();
    throw failure;
  }
}

async function bringUpToDate(database: Database, allowed: boolean, log: Log): Promise<void> {
  const pending = await pendingMigrations(database).catch((failure: unknown) => {
    if (failure instanceof Error && failure.name === "DatabaseFailure")
      throw new DatabaseStartError(`the database cannot be used (${failure.message}).`);
    throw failure;
  });
  if (pending.length === 0) return;
  if (!allowed) throw new DatabaseStartError("the database is not up to date. Run `cambio migrate`, or set database.migrate_at_start.");
  log.info({ steps: await migrate(database) }, "the database was brought up to date");
}
