// Replicas that keep signing keys in one database, each with a ring and a signer of its own. They look at the store when a test says
// so, and live by one frozen clock.

import { onTestFinished } from "vitest";
import type { TokenSigner } from "../../src/exchange/minting-ports.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/key-ring.ts";
import { createSigningKeeper, type KeeperEvent, type KeeperOptions, type SigningKeeper } from "../../src/keys/signing-keeper.ts";
import { createTokenSigner } from "../../src/keys/token-signer.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { TamperAlarm } from "../../src/sealing/tamper-alarm.ts";
import type { Database } from "../../src/store/database.ts";
import { sealedColumns } from "../../src/store/sealed-columns.ts";
import { createSigningKeyStore, type SigningKeyStore } from "../../src/store/signing-keys.ts";
import { type FrozenClock, masterKey } from "../cache/fixtures.ts";

export const hour = 3_600_000;
export const rules: KeeperOptions = { rotateEveryMs: 48 * hour, announceMs: 2 * hour, algorithms: () => ["ES256"] };

export interface SigningReplica {
  readonly store: SigningKeyStore;
  readonly ring: KeyRing;
  readonly signer: TokenSigner;
  readonly keeper: SigningKeeper;
  readonly events: readonly KeeperEvent[];
  readonly alarms: readonly TamperAlarm[];
  /** What it waited between rounds, in milliseconds. */
  readonly waits: readonly number[];
  /** One more round, to its end. */
  look(): Promise<void>;
}

export interface ReplicaGiven extends Partial<KeeperOptions> {
  readonly keys?: readonly MasterKey[];
  readonly random?: () => number;
}

export function storeOn(database: Pick<Database, "run" | "transaction">, keys: readonly MasterKey[] = [masterKey("k")]) {
  const alarms: TamperAlarm[] = [];
  const sealer = createSealer(keys, sealedColumns.signingKey.purpose);
  return { store: createSigningKeyStore({ database, sealer, onAlarm: (alarm) => void alarms.push(alarm) }), alarms };
}

/** Not started yet. */
export function signingReplica(
  database: Pick<Database, "run" | "transaction">,
  clock: FrozenClock,
  { keys, random = () => 0.5, ...options }: ReplicaGiven = {},
): SigningReplica {
  const { store, alarms } = storeOn(database, keys);
  const events: KeeperEvent[] = [];
  const waits: number[] = [];
  const ring = createKeyRing(clock, { trustMs: options.announceMs ?? rules.announceMs });
  let begin: (() => void) | undefined;
  let waiting = Promise.withResolvers<void>();
  const wait = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      waits.push(ms);
      begin = resolve;
      signal.addEventListener("abort", () => reject(new Error("closed")), { once: true });
      waiting.resolve();
    });
  const onEvent = (event: KeeperEvent) => void events.push(event);
  const keeper = createSigningKeeper({ shelf: store, ring, clock, random, onEvent, wait }, { ...rules, ...options });
  onTestFinished(() => keeper.close());
  return {
    store,
    ring,
    signer: createTokenSigner(ring, new Map()),
    keeper,
    events,
    alarms,
    waits,
    async look() {
      await waiting.promise;
      waiting = Promise.withResolvers();
      begin?.();
      await waiting.promise;
    },
  };
}
