// When the next key is due, and from when it may sign: so early that everybody who verifies has met it before its first token.
// Pure; who makes and stores it is signing-keeper.ts and the `cambio keys` command.

import { type ScheduledKey, stateAt, type Timed } from "./signing-schedule.ts";

/** Replicas look every few seconds for what another one has stored: by then all of them publish it, however loaded they are. */
export const takeUpMs = 60_000;

export interface RotationRules {
  /** How long a key signs before the next one does. */
  readonly rotateEveryMs: number;
  /** How long a key is published before it signs. */
  readonly announceMs: number;
}

/**
 * @param keys of one algorithm
 * @returns the instant at which a key that has to be made now is to sign; undefined: none is due
 */
export function successorDue(
  keys: readonly Timed<ScheduledKey>[],
  nowMs: number,
  { rotateEveryMs, announceMs }: RotationRules,
): number | undefined {
  const active = keys.find((key) => stateAt(key, nowMs) === "active");
  // Without a key nothing can be signed: a verifier that has to ask once more is the lesser harm.
  if (active === undefined) return nowMs;
  if (keys.some((key) => stateAt(key, nowMs) === "announced")) return undefined;
  const dueMs = active.activatesAtMs + rotateEveryMs;
  const earliestMs = announcedFrom(nowMs, announceMs);
  return earliestMs < dueMs ? undefined : Math.max(dueMs, earliestMs);
}

/** The first instant at which a key that is stored now may sign in the ordinary way. */
export function announcedFrom(nowMs: number, announceMs: number): number {
  return nowMs + announceMs + takeUpMs;
}
