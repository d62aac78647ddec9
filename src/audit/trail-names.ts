// Names of the files of one trail: the one that is being written, those set aside, and what lies beside them. In the order of
// their names, set-aside files are in the order of their records.

import { join, parse } from "node:path";

/** The last signed record once more: shows where the trail ends while its file has no end yet. */
export const headPathOf = (path: string): string => `${path}.head`;
/** Where it is made ready by the holder of the lock with this token. */
export const stagedHeadPath = (path: string, token: string): string => `${headPathOf(path)}.${token}.new`;
export const lockPathOf = (path: string): string => `${path}.lock`;

/** Digits of the first record's number in a name: a thousand records a second for thirty years. */
const digits = 12;
/** Of the number of a further file with the same first record. */
const attemptDigits = 4;
const setAside = /\.\d{12,}(?:_\d{4})?\.jsonl$/;

/** @param attempt from 1; more than one file with the same first record is a sign of failed writes */
export function setAsidePath(path: string, firstSeq: number, attempt: number): string {
  // An underscore: unlike a hyphen it comes behind the full stop that the first of them has in its place.
  const suffix = attempt === 1 ? "" : `_${String(attempt).padStart(attemptDigits, "0")}`;
  return `${path}.${String(firstSeq).padStart(digits, "0")}${suffix}.jsonl`;
}

/** The file that is, or was, being written when this one was set aside; undefined: this one was not. */
export function trailPathOf(path: string): string | undefined {
  return setAside.test(path) ? path.replace(setAside, "") : undefined;
}

/** Of the trail that worker's process writes where there are several: `audit.jsonl` → `audit.3.jsonl`. */
export function workerTrailPath(path: string, worker: number): string {
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}.${worker}${ext}`);
}
