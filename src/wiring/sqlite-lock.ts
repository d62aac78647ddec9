// Part of the composition root: one service per SQLite file, where the file holds keys that it created. Commands of the same machine
// may still be used beside it. The lock itself is that of the audit trail's file.

import { randomBytes } from "node:crypto";
import { realDisk } from "../audit/disk.ts";
import { isProcessAlive, takeLock } from "../audit/lock-file.ts";
import type { Configuration } from "../config/schema.ts";

export interface SqliteLock {
  release(): Promise<void>;
}

/** A database that may be shared, or that ends with the process. */
const unlocked: SqliteLock = { async release() {} };

/** Undefined: another process that lives has it. */
export async function lockSqlite(database: Configuration["database"]): Promise<SqliteLock | undefined> {
  const location = database?.location;
  if (location?.kind !== "sqlite" || location.file === ":memory:") return unlocked;
  const holder = { files: realDisk.side, random: randomBytes, pid: process.pid, isAlive: isProcessAlive };
  return takeLock(`${location.file}.lock`, holder);
}
