// A database whose answers get lost: what was asked is carried out, and the caller learns nothing of it.

import { type Database, DatabaseFailure } from "../../src/store/database.ts";

export interface LossyDatabase extends Database {
  /** The answers of the next pieces of work are lost. */
  lose(pieces: number): void;
}

export function createLossyDatabase(database: Database): LossyDatabase {
  let losses = 0;

  async function answer<T>(work: Promise<T>): Promise<T> {
    const lost = losses > 0;
    if (lost) losses -= 1;
    const result = await work;
    if (lost) throw new DatabaseFailure("LOST", "unknown");
    return result;
  }
  return {
    dialect: database.dialect,
    run: (work, options) => answer(database.run(work, options)),
    transaction: (work) => answer(database.transaction(work)),
    close: () => database.close(),
    lose(pieces) {
      losses = pieces;
    },
  };
}
