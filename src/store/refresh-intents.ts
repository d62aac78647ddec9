// Who may send a connection's refresh token: the statements over the table of intents. An intent is committed before anything is sent, by
// an insert that one process only can win, and is never taken back while nobody knows what became of it.

import type { Selectable } from "kysely";
import type { ConnectionAt } from "./connection-rows.ts";
import type { Database } from "./database.ts";
import type { RefreshIntentRow as Row } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export type RefreshIntent = Readonly<Selectable<Row>>;

/** Of one generation, in the order of attempts: a few at most. */
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
      const row = db
        .selectFrom("connections")
        .select("id")
        .where("id", "=", intent.connection_id)
        .where("generation", "=", intent.generation)
        .where("ended_at", "is", null);
      if ((await (database.dialect === "postgres" ? row.forUpdate() : row).executeTakeFirst()) === undefined) return false;
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("refresh_intents")
        .values(intent)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    }),
  );
}

/** Says what became of it, once. False: that was said before, or its generation is over. */
export async function settleIntent(
  database: Database,
  { connection_id, generation, attempt, call }: Pick<RefreshIntent, "connection_id" | "generation" | "attempt" | "call">,
  outcome: NonNullable<Row["outcome"]>,
): Promise<boolean> {
  const update = database.run((db) =>
    db
      .updateTable("refresh_intents")
      .set({ outcome })
      .where("connection_id", "=", connection_id)
      .where("generation", "=", generation)
      .where("attempt", "=", attempt)
      .where("call", "=", call)
      .where("outcome", "is", null)
      .executeTakeFirst(),
  );
  return (await answered(update)).numUpdatedRows === 1n;
}

/** Those of one spool of which nothing is known. */
export function readUnsettled(database: Database, spool: string): Promise<readonly RefreshIntent[]> {
  return answered(
    database.run((db) => db.selectFrom("refresh_intents").selectAll().where("outcome", "is", null).where("spool", "=", spool).execute()),
  );
}

function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrowUnavailable);
}
