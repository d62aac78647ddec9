// Marks: names that are taken until a time, in the table one_time. A thing has one name per master key (sealing/one-time-names.ts);
// all of them are taken or none, so that replicas whose key lists overlap in one key meet there.

import type { Clock } from "../exchange/ports.ts";
import type { Database } from "./database.ts";

export interface Mark {
  /** All names of one thing. */
  readonly names: readonly string[];
  /** Whose mark it is. */
  readonly nonce: string;
}

export interface Marks {
  /** False: one of the names is taken. @throws DatabaseFailure */
  set(mark: Mark, expiresAtMs: number): Promise<boolean>;
  /** Takes back what this very nonce set and nothing else; false: there was nothing. @throws DatabaseFailure */
  unset(mark: Mark): Promise<boolean>;
}

export function createMarks(database: Database, clock: Clock): Marks {
  return {
    async set({ names, nonce }, expiresAtMs) {
      // In one order everywhere: two replicas that insert the same names in different orders would wait for each other.
      const rows = names.toSorted().map((name) => ({ name, nonce, sealed: null, expires_at: expiresAtMs }));
      const take = async (db: Parameters<Parameters<Database["run"]>[0]>[0]) => {
        const taken = await db
          .insertInto("one_time")
          .values(rows)
          // A mark whose time is over counts as none, swept or not.
          .onConflict((conflict) =>
            conflict
              .column("name")
              .doUpdateSet({ nonce, sealed: null, expires_at: expiresAtMs })
              .where("one_time.expires_at", "<=", clock()),
          )
          .returning("name")
          .execute();
        if (taken.length !== rows.length) throw new TakenBefore();
      };
      try {
        // One statement is all or nothing by itself as long as there is one name to take.
        await (rows.length === 1 ? database.run(take) : database.transaction(take));
        return true;
      } catch (error) {
        if (error instanceof TakenBefore) return false;
        throw error;
      }
    },
    async unset({ names, nonce }) {
      const { numDeletedRows } = await database.run((db) =>
        db.deleteFrom("one_time").where("name", "in", names).where("nonce", "=", nonce).executeTakeFirst(),
      );
      return numDeletedRows > 0n;
    },
  };
}

/** Rolls back the names that were still free. */
class TakenBefore extends Error {}
