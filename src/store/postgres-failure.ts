// Why PostgreSQL gave no result, reduced to what is safe to log: the library's errors and the server's own carry statements,
// values and addresses, so they are classified here once and never passed on.

import { DatabaseError } from "pg";
import { DatabaseFailure, type Outcome } from "./database.ts";

export interface Classified {
  readonly code: string;
  readonly outcome: Outcome;
}

/** What a statement on a working connection threw. */
export function classifyPostgresError(error: unknown): Classified {
  if (error instanceof DatabaseFailure) return error;
  const code = codeOf(error) ?? "LOST";
  return { code, outcome: error instanceof DatabaseError && isDecided(error, code) ? "refused" : "unknown" };
}

/** Why no connection could be had: nothing was sent on it. */
export function connectFailureCode(error: unknown): string {
  return codeOf(error) ?? "AWAY";
}

/**
 * An ERROR is the server's word that the statement was undone. A FATAL one ends the connection, whatever was done by then;
 * class 08 and 40003 (PostgreSQL, appendix A) say themselves that they do not know.
 */
function isDecided(error: DatabaseError, code: string): boolean {
  return error.severity === "ERROR" && !code.startsWith("08") && code !== "40003";
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return /^[A-Z0-9_]{2,64}$/.test(error.code) ? error.code : undefined;
}
