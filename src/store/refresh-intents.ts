// Who may send a connection's refresh token: the statements over the table of intents. An intent is committed before anything is sent, by
// an insert that one process only can win, and is never taken back while nobody knows what became of it. There are as many of one
// generation as answers were lost, and one more, however often a provider is asked in vain.

import type { Kysely, Selectable } from "kysely";
import type { ConnectionAt } from "./connection-rows.ts";
import type { Database } from "./database.ts";
import type { RefreshIntentRow as Row, Tables } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export type RefreshIntent = Readonly<Selectable<Row>>;

/** Of one generation, in the order of attempts. */
export function readIntents(database: Database, { id, generation }: ConnectionAt): Promise<readonly RefreshIntent[]> {
  return answered(
    database.run((db) =>
      db
        .selectFrom("refresh_intents")
        .selectAll()
        .where("connection_id", "=", id)
        .where("generation", "=", generation)
        .orderBy("attempt")
        .execute(),
    ),
  );
}

/** True: its call alone may send, once. */
export function insertIntent(database: Database, intent: RefreshIntent): Promise<boolean> {
  return answered(
    database.transaction(async (db) => {
      // The row stays locked until the intent is committed: whoever read it long ago, and slept, must not send what was sent since.
      const row = await lockConnection(database, db, intent.connection_id);
      if (row?.generation !== intent.generation || row.ended_at !== null) return false;
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("refresh_intents")
        .values(intent)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    }),
  );
}

type IntentOfCall = Pick<RefreshIntent, "connection_id" | "generation" | "attempt" | "call">;

/** Nobody will know what became of it. False: that was said before, or its generation is over. */
export async function loseIntent(database: Database, { connection_id, generation, attempt, call }: IntentOfCall): Promise<boolean> {
  const update = database.run((db) =>
    db
      .updateTable("refresh_intents")
      .set({ outcome: "lost" })
      .where("connection_id", "=", connection_id)
      .where("generation", "=", generation)
      .where("attempt", "=", attempt)
      .where("call", "=", call)
      .where("outcome", "is", null)
      .executeTakeFirst(),
  );
  return (await answered(update)).numUpdatedRows === 1n;
}

/** Nothing was spent under it, and nothing will be. False: it was not there, and will not come any more. */
export function withdrawIntent(database: Database, { connection_id, generation, attempt, call }: IntentOfCall): Promise<boolean> {
  return answered(
    database.transaction(async (db) => {
      // An insert whose answer was lost may still be under way in the server: it holds the row until it is committed, or never will be.
      await lockConnection(database, db, connection_id);
      const { numDeletedRows } = await db
        .deleteFrom("refresh_intents")
        .where("connection_id", "=", connection_id)
        .where("generation", "=", generation)
        .where("attempt", "=", attempt)
        .where("call", "=", call)
        .where("outcome", "is", null)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    }),
  );
}

/** Those of one spool of which nothing is known. */
export function readUnsettled(database: Database, spool: string): Promise<readonly RefreshIntent[]> {
  return answered(
    database.run((db) => db.selectFrom("refresh_intents").selectAll().where("outcome", "is", null).where("spool", "=", spool).execute()),
  );
}

function lockConnection(
  database: Database,
  db: Kysely<Tables>,
  id: string,
): Promise<(ConnectionAt & { ended_at: number | null }) | undefined> {
  const row = db.selectFrom("connections").select(["id", "generation", "ended_at"]).where("id", "=", id);
  return (database.dialect === "postgres" ? row.forUpdate() : row).executeTakeFirst();
}

function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrowUnavailable);
}
