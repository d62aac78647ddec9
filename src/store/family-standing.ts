// Where a genuine handle stands in its family: pure, and the one place that decides which generation may still be used.

import type { FamilyRow } from "./family-rows.ts";

/** The longest that a replaced handle answers with its successor: for a client whose answer was lost, or that asked twice. */
export const graceMs = 600_000;

/**
 * gone: unknown, ended or unused for too long. current: the one to use next. replaced: its successor was not used yet.
 * reused: two hold this family, and one of them is a thief. ahead: the database was set back to an earlier state.
 */
export type Standing = "gone" | "current" | "replaced" | "reused" | "ahead";

export function standingOf(row: FamilyRow | undefined, generation: number, nowMs: number): Standing {
  if (row === undefined || row.ended_at !== null || nowMs >= row.expires_at) return "gone";
  if (generation > row.generation) return "ahead";
  if (generation === row.generation) return "current";
  // The successor counts as used from its first use on, whatever becomes of that.
  const successorUnused = row.used_at === null && nowMs < row.rotated_at + graceMs;
  return generation === row.generation - 1 && successorUnused ? "replaced" : "reused";
}
