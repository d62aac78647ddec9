// Keeps the ring in step with the store, and the store in keys: the first one, each successor in time, nothing that was dropped long
// ago. Replicas do the same beside each other: of two that make the next key one wins, and the other takes what won.

import { setTimeout as sleep } from "node:timers/promises";
import { ExchangeError, type Reason } from "../exchange/errors.ts";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import type { KeyRing, OwnKey } from "./key-ring.ts";
import { createPrivateKeyFor, partsOf } from "./own-key.ts";
import { type RotationRules, successorDue } from "./rotation.ts";
import { type ScheduledKey, timed } from "./signing-schedule.ts";

/** Between two looks at the store, on average: an emergency is known everywhere within seconds, and one small read is no load. */
const everyMs = 5_000;
/** Part of it by which the interval varies: replicas that were started together do not look together for ever. */
const jitter = 0.2;
/** Dropped keys stay for this long, for whoever asks `cambio keys list` about an old token. */
const keptMs = 2_592_000_000;

export interface NewKey extends Omit<OwnKey, "endedAtMs" | "privateKey"> {
  readonly privateKey: NonNullable<OwnKey["privateKey"]>;
  readonly jwk: object;
}

/** A stored key: with its private half, ended, or of no use here. */
export interface ShelvedKey extends ScheduledKey {
  readonly held: { readonly kind: "key"; readonly privateKey: NewKey["privateKey"] } | { readonly kind: "ended" | "unreadable" };
}

/** Where keys are kept. Each throws ExchangeError STORE_UNAVAILABLE. */
export interface KeyShelf {
  read(): Promise<readonly ShelvedKey[]>;
  /** False: another process has taken the place in the order. */
  add(key: NewKey): Promise<boolean>;
  remove(kids: readonly string[]): Promise<void>;
}

export type KeeperEvent =
  | { readonly kind: "created"; readonly kid: string; readonly algorithm: SigningAlgorithm; readonly activatesAtMs: number }
  | { readonly kind: "away"; readonly reason: Reason }
  | { readonly kind: "back" };

export interface KeeperDeps {
  readonly shelf: KeyShelf;
  readonly ring: Pick<KeyRing, "replace">;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly onEvent: (event: KeeperEvent) => void;
  /** Waits between rounds; rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export interface KeeperOptions extends RotationRules {
  /** Those that there must be keys for. */
  readonly algorithms: () => readonly SigningAlgorithm[];
}

export interface SigningKeeper {
  /** Resolves when there is a key for every algorithm. @throws ExchangeError STORE_UNAVAILABLE */
  start(): Promise<void>;
  /** Resolves when the round under way has ended. */
  close(): Promise<void>;
}

export function createSigningKeeper(deps: KeeperDeps, options: KeeperOptions): SigningKeeper {
  const { shelf, ring, clock, random, onEvent } = deps;
  const wait = deps.wait ?? ((ms, signal) => sleep(ms, undefined, { signal, ref: false }));
  const closing = new AbortController();
  let running: Promise<void> | undefined;
  let away = false;

  async function round(): Promise<void> {
    const stored = await takeUp();
    const made: boolean[] = [];
    for (const algorithm of new Set(options.algorithms())) made.push(await makeDue(algorithm, stored));
    // Also after a place was lost: the key that took it is there now.
    if (made.includes(true)) await takeUp();
    await shelf.remove(removable(stored, clock() - keptMs));
  }

  async function takeUp(): Promise<readonly ShelvedKey[]> {
    const atMs = clock();
    const stored = await shelf.read();
    ring.replace(usable(stored), atMs);
    return stored;
  }

  async function makeDue(algorithm: SigningAlgorithm, stored: readonly ShelvedKey[]): Promise<boolean> {
    const nowMs = Math.floor(clock());
    const keys = timed(usable(stored)).filter((key) => key.algorithm === algorithm);
    const activatesAtMs = successorDue(keys, nowMs, options);
    if (activatesAtMs === undefined) return false;
    const key = await newKey(algorithm, stored, { announcedAtMs: nowMs, activatesAtMs });
    if (await shelf.add(key)) onEvent({ kind: "created", kid: key.kid, algorithm, activatesAtMs });
    return true;
  }

  /** The next round is the next try: until then the ring goes on with what it has. */
  async function watchedRound(): Promise<void> {
    try {
      await round();
      if (away) onEvent({ kind: "back" });
      away = false;
    } catch (failure) {
      if (!away) onEvent({ kind: "away", reason: failure instanceof ExchangeError ? failure.reason : "INTERNAL" });
      away = true;
    }
  }

  async function rounds(): Promise<void> {
    while (!closing.signal.aborted) {
      await wait(everyMs * (1 + jitter * (2 * random() - 1)), closing.signal).catch(() => undefined);
      if (!closing.signal.aborted) await watchedRound();
    }
  }

  return {
    async start() {
      await round();
      running ??= rounds();
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** The next key in the order of its algorithm. */
export async function newKey(
  algorithm: SigningAlgorithm,
  stored: readonly ScheduledKey[],
  times: Pick<ScheduledKey, "announcedAtMs" | "activatesAtMs">,
): Promise<NewKey> {
  const privateKey = await createPrivateKeyFor(algorithm);
  const { kid, jwk } = partsOf(privateKey, algorithm);
  const seq = Math.max(0, ...stored.filter((key) => key.algorithm === algorithm).map((key) => key.seq)) + 1;
  return { kid, algorithm, seq, jwk, privateKey, ...times };
}

/** What cannot be read was not written by this service, and decides nothing here. */
export function usable(stored: readonly ShelvedKey[]): readonly OwnKey[] {
  return stored.flatMap(({ held, ...key }) =>
    held.kind === "unreadable" ? [] : [{ ...key, privateKey: held.kind === "key" ? held.privateKey : undefined }],
  );
}

/** Only where all before them go too: a key that was replaced must not look as if it had not been. */
function removable(stored: readonly ShelvedKey[], beforeMs: number): readonly string[] {
  return [...Map.groupBy(timed(usable(stored)), ({ algorithm }) => algorithm).values()].flatMap((keys) => {
    const firstKept = keys.findIndex((key) => key.dropsAtMs >= beforeMs);
    return keys.slice(0, firstKept === -1 ? keys.length : firstKept).map(({ kid }) => kid);
  });
}
