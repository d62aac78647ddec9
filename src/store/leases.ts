// Leases: which replica does some work in the background. Each change is one statement, and the clock is its caller's. A lease saves
// work and authorises nothing: clocks differ, and two that hold one for a moment must do no harm.

import type { Database } from "./database.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export interface LeaseClaim {
  readonly name: string;
  readonly holder: string;
  readonly nowMs: number;
  readonly untilMs: number;
}

/** Takes it where nobody has it, and renews one's own. False: somebody else has it. */
export async function takeLease(database: Database, { name, holder, nowMs, untilMs: until }: LeaseClaim): Promise<boolean> {
  const taking = database.run((db) =>
    db
      .insertInto("leases")
      .values({ name, holder, until })
      .onConflict((conflict) =>
        conflict
          .column("name")
          .doUpdateSet({ holder, until })
          .where((row) => row.or([row("leases.holder", "=", holder), row("leases.until", "<=", nowMs)])),
      )
      .returning("name")
      .execute(),
  );
  return (await taking.catch(rethrowUnavailable)).length === 1;
}

/** Gives it back, from an instant on. One that somebody else has by now stays theirs. */
export async function endLease(database: Database, { name, holder, untilMs }: Omit<LeaseClaim, "nowMs">): Promise<void> {
  const ending = database.run((db) =>
    db.updateTable("leases").set({ until: untilMs }).where("name", "=", name).where("holder", "=", holder).execute(),
  );
  await ending.catch(rethrowUnavailable);
}
