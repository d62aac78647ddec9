// The database as its users see it: a piece of work with a time limit, and a failure that says whether it may have been done.
// Opening one is open-sqlite.ts or open-postgres.ts; what is kept there is its users' business.

import type { Kysely } from "kysely";
import type { Tables } from "./tables.ts";

export interface Database {
  readonly dialect: "sqlite" | "postgres";
  /**
   * Runs one statement, or several that need no transaction.
   * @throws DatabaseFailure; whatever `work` itself throws
   */
  run<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** All or nothing. At READ COMMITTED: what was read may have changed, so writes compare and set. */
  transaction<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** `refused`: nothing was done. `unknown`: it may have been. Carries no statement and no value. */
export class DatabaseFailure extends Error {
  override readonly name = "DatabaseFailure";
  /** A word for the log: `AWAY`, `TIMEOUT`, `BUSY`, an SQLSTATE. */
  readonly code: string;
  readonly outcome: "refused" | "unknown";

  constructor(code: string, outcome: "refused" | "unknown") {
    super(code);
    this.code = code;
    this.outcome = outcome;
  }
}
