// The database as its users see it: a piece of work with a time limit, and a failure that says whether it may have been done.
// Opening one is open-sqlite.ts or open-postgres.ts; what is kept there is its users' business.

import type { Kysely } from "kysely";
import type { Tables } from "./tables.ts";

/** Beyond `limitMs` the work is given up: nothing of it is begun any more. Default: `workLimitMs`. */
export interface WorkOptions {
  readonly limitMs?: number;
}

export interface Database {
  readonly dialect: "sqlite" | "postgres";
  /**
   * Runs one statement, or several that need no transaction. The work must not ask the database for further work while it runs.
   * @throws DatabaseFailure; whatever `work` itself throws
   */
  run<T>(work: (db: Kysely<Tables>) => Promise<T>, options?: WorkOptions): Promise<T>;
  /** All or nothing. At READ COMMITTED: what was read may have changed, so writes compare and set. */
  transaction<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** Lets the work under way end, within its limits, and refuses more. */
  close(): Promise<void>;
}

/** `refused`: nothing was done. `unknown`: it may have been. */
export type Outcome = "refused" | "unknown";

/** Carries no statement and no value: what databases say of their errors quotes both. */
export class DatabaseFailure extends Error {
  override readonly name = "DatabaseFailure";
  /** A word for the log: `AWAY`, `TIMEOUT`, `BUSY`, a system error's code, an SQLSTATE. */
  readonly code: string;
  readonly outcome: Outcome;

  constructor(code: string, outcome: Outcome) {
    super(code);
    this.code = code;
    this.outcome = outcome;
  }
}
