// Whether a piece of work may have changed anything by now. Callers decide by it whether asking again is safe, so it errs towards
// "it may have": only what cannot have taken effect counts as refused.

import { DatabaseFailure, type Outcome } from "./database.ts";

export interface Effects {
  outcome(): Outcome;
  /** To be called before a statement goes out, as the query builder spells it. */
  sending(sql: string): Sent;
}

export interface Sent {
  done(): void;
  /** What the caller is told: a statement that was refused after another one was carried out leaves an unknown whole. */
  failed(failure: { readonly code: string; readonly outcome: Outcome }): DatabaseFailure;
}

export function createEffects(): Effects {
  let inTransaction = false;
  let possible = false;
  const outcome = () => (possible ? "unknown" : "refused");

  return {
    outcome,
    sending(sql) {
      const before = possible;
      // Inside a transaction nothing takes effect before its commit: the database rolls back what a lost connection leaves behind.
      if (sql === "commit" || (!inTransaction && changes(sql))) possible = true;
      return {
        done() {
          if (sql === "begin") inTransaction = true;
          if (sql === "commit" || sql === "rollback") inTransaction = false;
        },
        failed(failure) {
          if (failure.outcome === "refused") possible = before;
          return new DatabaseFailure(failure.code, outcome());
        },
      };
    },
  };
}

function changes(sql: string): boolean {
  return !["select ", "set ", "begin", "rollback"].some((harmless) => sql.startsWith(harmless));
}
