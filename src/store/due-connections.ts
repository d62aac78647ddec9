// Connections about which something is to be done in the background: those that are due for a refresh, those that nobody used for too
// long, and those of which somebody is to be told. Each is found by an index; each change is a compare-and-set.

import type { ConnectionRow } from "./connection-rows.ts";
import type { Database } from "./database.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export interface DueConnection {
  readonly id: string;
  readonly client_id: string;
  readonly provider: string;
  readonly account_id: string;
  readonly generation: number;
  readonly due_at: number;
}

export interface DueQuestion {
  readonly provider: string;
  readonly nowMs: number;
  readonly limit: number;
}

/** Those that are due first come first. */
export async function readDueConnections(database: Database, { provider, nowMs, limit }: DueQuestion): Promise<readonly DueConnection[]> {
  const rows = await answered(
    database.run((db) =>
      db
        .selectFrom("connections")
        .select(["id", "client_id", "provider", "account_id", "generation", "due_at"])
        .where("provider", "=", provider)
        .where("due_at", "<=", nowMs)
        .orderBy("due_at")
        .limit(limit)
        .execute(),
    ),
  );
  return rows.flatMap(({ due_at: dueAt, ...row }) => (dueAt === null ? [] : [{ ...row, due_at: dueAt }]));
}

/** False: it was refreshed, postponed or ended in the meantime. */
export async function postponeConnection(database: Database, { id, due_at: seen }: DueConnection, toMs: number): Promise<boolean> {
  const update = database.run((db) =>
    db.updateTable("connections").set({ due_at: toMs }).where("id", "=", id).where("due_at", "=", seen).executeTakeFirst(),
  );
  return (await answered(update)).numUpdatedRows === 1n;
}

/**
 * Makes one due that is kept by its id: of one that a handle stands for its client alone knows how it is refreshed. Undefined: there is none,
 * or it has ended; else the generation that is to be refreshed.
 */
export async function hastenConnection(database: Database, id: string, nowMs: number): Promise<number | undefined> {
  const update = database.run((db) =>
    db
      .updateTable("connections")
      .set({ due_at: nowMs })
      .where("id", "=", id)
      .where("kept", "=", 1)
      .where("ended_at", "is", null)
      .returning("generation")
      .executeTakeFirst(),
  );
  return (await answered(update))?.generation;
}

/** Not ended, and nobody may use them any more. */
export function readIdleConnections(database: Database, beforeMs: number, limit: number): Promise<readonly ConnectionRow[]> {
  return answered(
    database.run((db) =>
      db
        .selectFrom("connections")
        .selectAll()
        .where("expires_at", "<=", beforeMs)
        .where("ended_at", "is", null)
        .orderBy("expires_at")
        .limit(limit)
        .execute(),
    ),
  );
}

/** An ended connection of which somebody is to be told. */
export interface UntoldConnection extends Pick<ConnectionRow, "id" | "client_id" | "provider" | "account_id" | "ended_reason"> {
  readonly ended_at: number;
  readonly tell_at: number;
}

export async function readUntoldConnections(database: Database, nowMs: number, limit: number): Promise<readonly UntoldConnection[]> {
  const rows = await answered(
    database.run((db) =>
      db
        .selectFrom("connections")
        .select(["id", "client_id", "provider", "account_id", "ended_reason", "ended_at", "tell_at"])
        .where("tell_at", "<=", nowMs)
        .orderBy("tell_at")
        .limit(limit)
        .execute(),
    ),
  );
  return rows.flatMap(({ ended_at: endedAt, tell_at: tellAt, ...row }) =>
    endedAt === null || tellAt === null ? [] : [{ ...row, ended_at: endedAt, tell_at: tellAt }],
  );
}

/** @param nextMs null: all were told, or nobody will be. False: another replica was first */
export async function moveTelling(
  database: Database,
  { id, tell_at: seen }: Pick<UntoldConnection, "id" | "tell_at">,
  nextMs: number | null,
): Promise<boolean> {
  const update = database.run((db) =>
    db.updateTable("connections").set({ tell_at: nextMs }).where("id", "=", id).where("tell_at", "=", seen).executeTakeFirst(),
  );
  return (await answered(update)).numUpdatedRows === 1n;
}

function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrowUnavailable);
}
