// When each of this service's own keys is published, signs and is dropped: a pure function of a few stored instants, so that
// replicas that know the same keys decide the same at every moment, without asking each other.

import { longestMintedLife } from "../exchange/minting.ts";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";

const hourMs = 3_600_000;

/** After it has signed for the last time a key is published for as long as its last token lives, and one poll of hourly verifiers. */
export const lingerMs = longestMintedLife.ms + hourMs;

/** Instants in epoch milliseconds. They never change once the key is stored, but for `endedAtMs`. */
export interface ScheduledKey {
  /** RFC 7638. */
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** Keys of one algorithm in the order in which they were made. */
  readonly seq: number;
  /** Published from then on. */
  readonly announcedAtMs: number;
  readonly activatesAtMs: number;
  /** In an emergency: from then on it is as if it had never been. Undefined: it was not ended. */
  readonly endedAtMs: number | undefined;
}

export interface KeyTimes {
  /** The instant at which a later key activates; Infinity: there is none. */
  readonly retiresAtMs: number;
  readonly dropsAtMs: number;
}

export type Timed<K extends ScheduledKey> = K & KeyTimes;

/** Announced: published, does not sign yet. Retired: published, does not sign any more. Only `dropped` keys verify nothing. */
export type KeyState = "announced" | "active" | "retired" | "dropped";

/** In the order of their making. Of one algorithm at most one is ever active at one instant. */
export function timed<K extends ScheduledKey>(keys: readonly K[]): readonly Timed<K>[] {
  const inOrder = keys.toSorted((one, other) => one.seq - other.seq);
  return inOrder.map((key) => {
    const instants = inOrder.filter((later) => takesOver(key, later)).map(({ activatesAtMs }) => activatesAtMs);
    const retiresAtMs = Math.min(Infinity, ...instants);
    return { ...key, retiresAtMs, dropsAtMs: key.endedAtMs ?? retiresAtMs + lingerMs };
  });
}

/** Also one that was ended since: a key that was replaced never comes back. One that never came to sign replaces none. */
function takesOver(key: ScheduledKey, later: ScheduledKey): boolean {
  if (later.algorithm !== key.algorithm || later.seq <= key.seq) return false;
  return later.endedAtMs === undefined || later.endedAtMs >= later.activatesAtMs;
}

/** A key that is known here counts as announced, even where the clock of whoever made it runs ahead. */
export function stateAt(key: Timed<ScheduledKey>, nowMs: number): KeyState {
  // Known is enough: whoever ended it may have a clock that runs ahead, and meant at once.
  if (key.endedAtMs !== undefined || nowMs >= key.dropsAtMs) return "dropped";
  if (nowMs >= key.retiresAtMs) return "retired";
  return nowMs >= key.activatesAtMs ? "active" : "announced";
}
