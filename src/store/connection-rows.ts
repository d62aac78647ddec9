// The statements over the table of connections. Every change is a compare-and-set and says whether it took effect; what it means that
// it did not is its callers' business. A database that does not answer is STORE_UNAVAILABLE.

import type { Kysely, Selectable } from "kysely";
import type { Database } from "./database.ts";
import type { ConnectionRow as Row, Tables } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export type ConnectionRow = Readonly<Selectable<Row>>;
export type ConnectionEndReason = NonNullable<Row["ended_reason"]>;

/** Of a row: what the generation is that a change means. */
export type ConnectionAt = Pick<ConnectionRow, "id" | "generation">;

/** What a refresh, or another sign-in, changes. What is left out stays. */
export type NextTokens = Pick<ConnectionRow, "generation" | "sealed_grant" | "sealed_tokens" | "refreshed_at" | "due_at"> &
  Partial<Pick<ConnectionRow, "created_at" | "used_at" | "expires_at">>;

export function readConnection(database: Database, id: string): Promise<ConnectionRow | undefined> {
  return answered(database.run((db) => db.selectFrom("connections").selectAll().where("id", "=", id).executeTakeFirst()));
}

/** The one of these clients that was used last. */
export function readUsedLast(database: Database, accountId: string, clientIds: readonly string[]): Promise<ConnectionRow | undefined> {
  return answered(
    database.run((db) =>
      db
        .selectFrom("connections")
        .selectAll()
        .where("account_id", "=", accountId)
        .where("client_id", "in", clientIds)
        .where("kept", "=", 1)
        .where("ended_at", "is", null)
        .orderBy("used_at", "desc")
        .limit(1)
        .executeTakeFirst(),
    ),
  );
}

/** For which a handle stands; the one that was used last. */
export function readHeldLast(database: Database, accountId: string, clientId: string): Promise<ConnectionRow | undefined> {
  return answered(
    database.run((db) =>
      db
        .selectFrom("connections")
        .selectAll()
        .where("account_id", "=", accountId)
        .where("client_id", "=", clientId)
        .where("kept", "=", 0)
        .where("ended_at", "is", null)
        .orderBy("used_at", "desc")
        .limit(1)
        .executeTakeFirst(),
    ),
  );
}

/** False: another one is kept for that client and account already. The same row again, after an unknown outcome, changes nothing. */
export async function insertConnection(database: Database, row: ConnectionRow): Promise<boolean> {
  const insert = database.run((db) =>
    db
      .insertInto("connections")
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst(),
  );
  const { numInsertedOrUpdatedRows = 0n } = await answered(insert);
  return numInsertedOrUpdatedRows === 1n || (await readConnection(database, row.id)) !== undefined;
}

/** From one generation to the next, whose intents are over by that. */
export function advanceConnection(database: Database, at: ConnectionAt, next: NextTokens): Promise<boolean> {
  return answered(database.transaction((db) => advance(db, at, next)));
}

async function advance(db: Kysely<Tables>, at: ConnectionAt, next: NextTokens): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("connections")
    .set(next)
    .where("id", "=", at.id)
    .where("generation", "=", at.generation)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  await db.deleteFrom("refresh_intents").where("connection_id", "=", at.id).where("generation", "<=", at.generation).execute();
  return true;
}

export interface KeptConnection {
  readonly row: ConnectionRow;
  /** Of its refresh token: it is being sent, it may have been spent. Neither: it is as good as it was. */
  readonly sent: "maybe" | "lost" | undefined;
}

export interface Change<T> {
  /** Undefined: it stays as it is. */
  readonly next: NextTokens | undefined;
  readonly result: T;
}

/**
 * Changes the one that is kept by its id and has not ended: nobody else changes it, or begins to send its token, between reading and that.
 * @returns the result of the change; undefined: there is none
 */
export function changeKeptConnection<T>(
  database: Database,
  of: Pick<ConnectionRow, "account_id" | "client_id">,
  change: (found: KeptConnection) => Change<T>,
): Promise<T | undefined> {
  const work = database.transaction(async (db) => {
    const kept = db
      .selectFrom("connections")
      .selectAll()
      .where("account_id", "=", of.account_id)
      .where("client_id", "=", of.client_id)
      .where("kept", "=", 1)
      .where("ended_at", "is", null);
    const row = await (database.dialect === "postgres" ? kept.forUpdate() : kept).executeTakeFirst();
    if (row === undefined) return undefined;
    const intents = await db
      .selectFrom("refresh_intents")
      .select("outcome")
      .where("connection_id", "=", row.id)
      .where("generation", "=", row.generation)
      .execute();
    const sent = intents.some(({ outcome }) => outcome === null) ? "maybe" : intents[0] === undefined ? undefined : "lost";
    const { next, result } = change({ row, sent });
    if (next !== undefined) await advance(db, row, next);
    return result;
  });
  return answered(work);
}

export interface ConnectionEnding {
  readonly reason: ConnectionEndReason;
  readonly nowMs: number;
  /** When the row may be forgotten. */
  readonly expiresAtMs: number;
  /** When somebody is to be told; null: nobody is. */
  readonly tellAtMs: number | null;
  /** True: its provider has yet to hear of it. */
  readonly keepsGrant: boolean;
}

/** Only at this generation: a later one may be as good as new. */
export async function endConnection(database: Database, at: ConnectionAt, ending: ConnectionEnding): Promise<boolean> {
  const { reason, nowMs, expiresAtMs, tellAtMs, keepsGrant } = ending;
  const forgotten = { sealed_tokens: null, ...(keepsGrant ? {} : { sealed_grant: null }) };
  const update = database.run((db) =>
    db
      .updateTable("connections")
      .set({ ended_at: nowMs, ended_reason: reason, expires_at: expiresAtMs, due_at: null, tell_at: tellAtMs, ...forgotten })
      .where("id", "=", at.id)
      .where("generation", "=", at.generation)
      .where("ended_at", "is", null)
      .executeTakeFirst(),
  );
  return (await answered(update)).numUpdatedRows === 1n;
}

/** It was asked for; it lives on. */
export async function touchConnection(database: Database, id: string, used: Pick<ConnectionRow, "used_at" | "expires_at">): Promise<void> {
  await answered(
    database.run((db) => db.updateTable("connections").set(used).where("id", "=", id).where("ended_at", "is", null).execute()),
  );
}

function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrowUnavailable);
}
