// Why SQLite refused a statement, reduced to what is safe to log: its own sentences quote statements and values.

import type { Outcome } from "./database.ts";

/** Primary result codes (sqlite.org/rescode.html) that an operator can do something about; others keep their number. */
const words: Readonly<Record<number, string>> = {
  5: "BUSY",
  6: "LOCKED",
  8: "READONLY",
  10: "IOERR",
  11: "CORRUPT",
  13: "FULL",
  14: "CANTOPEN",
  19: "CONSTRAINT",
  26: "NOTADB",
};

/** After an I/O error the disk may or may not have what was written. Every other failure undoes its statement. */
const ioError = 10;
const primaryBits = 0xff;

/** What `node:sqlite` threw; undefined: it is none of SQLite's own failures. */
export function classifySqliteError(error: unknown): { readonly code: string; readonly outcome: Outcome } | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  const primary = error.errcode & primaryBits;
  return { code: words[primary] ?? `SQLITE_${primary}`, outcome: primary === ioError ? "unknown" : "refused" };
}
