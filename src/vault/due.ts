// When a connection is refreshed in the background: before its access token runs out, and not all of them at the same moment.

import type { Clock } from "../exchange/ports.ts";
import type { ConnectionRow } from "../store/connection-rows.ts";
import type { ConnectionContents } from "./connection-columns.ts";

/** What was just refreshed is left alone for so long, however short-lived its provider's tokens are: whoever asks meanwhile has it refreshed. */
const leastPauseMs = 60_000;

export interface DueDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly chance: () => number;
  /** How long before it expires; undefined: the provider is not configured any more. */
  readonly aheadMs: (provider: string) => number | undefined;
}

export type DueAt = (row: Pick<ConnectionRow, "provider" | "kept">, contents: ConnectionContents) => number | null;

/** @returns the instant in epoch milliseconds; null: never, as nothing expires, nothing could refresh it, or a handle's client does */
export function createDueAt({ clock, chance, aheadMs }: DueDeps): DueAt {
  return ({ provider, kept }, { grant, tokens }) => {
    const ahead = aheadMs(provider);
    if (kept === 0 || ahead === undefined || grant.refreshToken === undefined || tokens.expiresAtMs === undefined) return null;
    const nowMs = clock();
    // What expires together is spread over as long as there is: twice the time before its end, or half of what is left where that is less.
    const leftMs = tokens.expiresAtMs - nowMs;
    const latest = Math.min(ahead, leftMs / 2);
    const earliest = Math.min(2 * ahead, leftMs);
    return Math.round(Math.max(tokens.expiresAtMs - latest - chance() * (earliest - latest), nowMs + leastPauseMs));
  };
}
