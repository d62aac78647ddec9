// A database whose next pieces of work come to what a test says, and which can be away for as long as a test wants.

import { type Database, DatabaseFailure } from "../../src/store/database.ts";

/** What becomes of a piece of work: carried out, not even begun, or carried out without its answer coming back. */
export type Fate = "fine" | "refused" | "lost";

export interface FaultyDatabase extends Database {
  /** The fates of the next pieces of work, in order; afterwards all are fine. */
  next(...fates: readonly Fate[]): void;
  /** Every piece is refused until it is back. */
  away(isAway: boolean): void;
}

export function faulty(database: Database): FaultyDatabase {
  const fates: Fate[] = [];
  let gone = false;

  async function piece<T>(work: () => Promise<T>): Promise<T> {
    const fate = gone ? "refused" : (fates.shift() ?? "fine");
    if (fate === "refused") throw new DatabaseFailure("AWAY", "refused");
    const result = await work();
    if (fate === "lost") throw new DatabaseFailure("LOST", "unknown");
    return result;
  }
  return {
    dialect: database.dialect,
    run: (work, options) => piece(() => database.run(work, options)),
    transaction: (work) => piece(() => database.transaction(work)),
    close: () => database.close(),
    next: (...given) => void fates.push(...given),
    away: (isAway) => void (gone = isAway),
  };
}
