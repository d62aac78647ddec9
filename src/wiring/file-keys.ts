// Part of the composition root: signing keys from files, as the ring takes them. Their order is that of the instants at which they
// are to sign; they are published from the start of the process on.

import type { Configuration } from "../config/schema.ts";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import type { OwnKey } from "../keys/key-ring.ts";
import { partsOf } from "../keys/own-key.ts";
import { stateAt, timed } from "../keys/signing-schedule.ts";
import type { Log } from "../telemetry/log.ts";

export type ConfiguredKeys = NonNullable<NonNullable<Configuration["signing"]>["keys"]>;

/** A key without an instant signs from the beginning of time on: it is older than all that have one. */
export function fileKeys(configured: ConfiguredKeys, startedAtMs: number): readonly OwnKey[] {
  return configured
    .toSorted((one, other) => (one.activates_at ?? 0) - (other.activates_at ?? 0))
    .map(({ private_key: { algorithm, key }, activates_at: activatesAtMs = 0 }, index) => ({
      kid: partsOf(key, algorithm).kid,
      algorithm,
      seq: index + 1,
      announcedAtMs: Math.min(startedAtMs, activatesAtMs),
      activatesAtMs,
      endedAtMs: undefined,
      privateKey: key,
    }));
}

/** In the order of the file. */
export function fileKeyIds(configured: ConfiguredKeys): readonly string[] {
  return configured.map(({ private_key: { algorithm, key } }) => partsOf(key, algorithm).kid);
}

export interface Notice {
  readonly nowMs: number;
  readonly announceMs: number;
  /** Of audiences that name none. */
  readonly algorithm: SigningAlgorithm;
}

export function warnOfShortNotice(keys: readonly OwnKey[], { nowMs, announceMs, algorithm }: Notice, log: Log): void {
  const inTurn = timed(keys);
  for (const { kid, activatesAtMs } of inTurn) {
    if (activatesAtMs > nowMs && activatesAtMs < nowMs + announceMs)
      log.warn({ kid }, "a signing key begins to sign before it was published for as long as signing.announce says");
  }
  for (const key of inTurn) {
    if (stateAt(key, nowMs) === "dropped") log.warn({ kid: key.kid }, "a signing key is not used any more: take it out of signing.keys");
  }
  if (!inTurn.some((key) => key.algorithm === algorithm && stateAt(key, nowMs) === "active"))
    log.warn({ algorithm }, "no signing key is active yet: nothing is signed by this algorithm until one is");
}
