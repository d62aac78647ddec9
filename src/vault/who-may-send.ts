// What the intents of one generation say about who may send its refresh token: pure, and the one place that decides it.

import type { RefreshIntent } from "../store/refresh-intents.ts";

export interface IntentTimes {
  readonly nowMs: number;
  /** The longest that a refresh takes from its intent to its answer in the database. */
  readonly refreshMs: number;
  /** How much longer its spool may take to come back. */
  readonly inDoubtMs: number;
  readonly lostAnswer: "reauthenticate" | "retry_once";
}

export type WhoMaySend =
  /** Whoever inserts this attempt may send. */
  | { readonly kind: "free"; readonly attempt: number }
  /** Somebody is sending. */
  | { readonly kind: "under_way" }
  /** Whoever sent has died or cannot write. Its spool may still hold the answer. */
  | { readonly kind: "in_doubt"; readonly leftMs: number }
  /** Nobody will find the answer: the intent counts as lost. */
  | { readonly kind: "given_up"; readonly intent: RefreshIntent }
  /** An answer was lost, and the provider takes no token twice. */
  | { readonly kind: "over" };

/** @param intents of one generation, in the order of attempts */
export function whoMaySend(intents: readonly RefreshIntent[], times: IntentTimes): WhoMaySend {
  const last = intents.at(-1);
  if (last === undefined) return { kind: "free", attempt: 0 };
  switch (last.outcome) {
    case "lost": {
      const lost = intents.filter(({ outcome }) => outcome === "lost").length;
      return times.lostAnswer === "retry_once" && lost === 1 ? { kind: "free", attempt: last.attempt + 1 } : { kind: "over" };
    }
    case null: {
      const ageMs = times.nowMs - last.created_at;
      if (ageMs < times.refreshMs) return { kind: "under_way" };
      // Without a spool nobody will ever know more.
      const leftMs = times.refreshMs + (last.spool === "" ? 0 : times.inDoubtMs) - ageMs;
      return leftMs > 0 ? { kind: "in_doubt", leftMs } : { kind: "given_up", intent: last };
    }
  }
}
