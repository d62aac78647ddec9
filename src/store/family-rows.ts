// The statements over the table of handle families. Every change is a compare-and-set and says whether it took effect; what it
// means that it did not is its callers' business. A database that does not answer is STORE_UNAVAILABLE.

import type { Selectable } from "kysely";
import type { Database } from "./database.ts";
import type { HandleFamilyRow } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export type FamilyRow = Readonly<Selectable<HandleFamilyRow>>;
export type EndReason = NonNullable<HandleFamilyRow["ended_reason"]>;

/** Of a row: what the generation is that a change means. */
type At = Pick<FamilyRow, "id" | "generation">;

export type NextGeneration = Pick<FamilyRow, "generation" | "sealed_grant" | "sealed_answer" | "rotated_at" | "tokens" | "expires_at">;

export function readFamily(database: Database, id: string): Promise<FamilyRow | undefined> {
  return answered(database.run((db) => db.selectFrom("handle_families").selectAll().where("id", "=", id).executeTakeFirst()));
}

/** The same row again, after an unknown outcome, changes nothing. */
export async function insertFamily(database: Database, row: FamilyRow): Promise<void> {
  await answered(
    database.run((db) =>
      db
        .insertInto("handle_families")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doNothing())
        .execute(),
    ),
  );
}

/** From then on its predecessor does not answer any more. */
export async function useFamily(database: Database, at: At, nowMs: number): Promise<void> {
  // The first generation has none.
  if (at.generation === 0) return;
  await changed(
    database.run((db) =>
      db
        .updateTable("handle_families")
        .set({ used_at: nowMs })
        .where("id", "=", at.id)
        .where("generation", "=", at.generation)
        .where("used_at", "is", null)
        .where("ended_at", "is", null)
        .executeTakeFirst(),
    ),
  );
}

/** From one generation to its successor, which nobody has used yet. */
export function advanceFamily(database: Database, at: At, next: NextGeneration): Promise<boolean> {
  return changed(
    database.run((db) =>
      db
        .updateTable("handle_families")
        .set({ ...next, used_at: null })
        .where("id", "=", at.id)
        .where("generation", "=", at.generation)
        .where("ended_at", "is", null)
        .executeTakeFirst(),
    ),
  );
}

export interface FamilyEnd {
  readonly reason: EndReason;
  readonly nowMs: number;
  /** When the row may be forgotten. */
  readonly expiresAtMs: number;
}

/** Only at this generation: a later one has handed out more tokens. */
export function endFamily(database: Database, at: At, { reason, nowMs, expiresAtMs }: FamilyEnd): Promise<boolean> {
  return changed(
    database.run((db) =>
      db
        .updateTable("handle_families")
        .set({ ended_at: nowMs, ended_reason: reason, expires_at: expiresAtMs, sealed_answer: null })
        .where("id", "=", at.id)
        .where("generation", "=", at.generation)
        .where("ended_at", "is", null)
        .executeTakeFirst(),
    ),
  );
}

async function changed(update: Promise<{ readonly numUpdatedRows: bigint }>): Promise<boolean> {
  return (await answered(update)).numUpdatedRows === 1n;
}

function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrowUnavailable);
}
