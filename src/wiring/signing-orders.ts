// Part of the composition root: what an operator may ask of signing keys, beside the replicas that use them. They take up within
// seconds what is stored here. How it is asked and answered in words is cli/.

import type { Configuration } from "../config/schema.ts";
import { keyRevocationId, ownProvider } from "../exchange/minting.ts";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { announcedFrom } from "../keys/rotation.ts";
import { newKey } from "../keys/signing-keeper.ts";
import { type KeyState, lingerMs, type ScheduledKey, stateAt, timed, type Timed } from "../keys/signing-schedule.ts";
import { createSealer } from "../sealing/sealer.ts";
import type { Database } from "../store/database.ts";
import { createRevocationLog } from "../store/revocation-log.ts";
import { sealedColumns } from "../store/sealed-columns.ts";
import { createSigningKeyStore, type StoredSigningKey } from "../store/signing-keys.ts";
import { type ConfiguredKeys, fileKeys } from "./file-keys.ts";

/** Published keys of one algorithm. Verifiers take some dozens of all kinds; so many are made by a script that went wrong. */
const maxPublished = 16;

/** Unreadable: no configured sealing key opens it, so that this configuration neither signs by it nor publishes it. */
export type KeyView = Omit<Timed<ScheduledKey>, "seq"> & { readonly state: KeyState | "unreadable" };

export type RotateAnswer =
  | { readonly kind: "stored"; readonly kid: string; readonly activatesAtMs: number; readonly atOnce: boolean }
  /** A successor is there already. */
  | { readonly kind: "announced"; readonly kid: string; readonly activatesAtMs: number }
  | { readonly kind: "too_many" }
  /** Another process made a key at the same moment. */
  | { readonly kind: "overtaken" };

export type RetireAnswer =
  | { readonly kind: "ended"; readonly successor: string | undefined }
  | { readonly kind: "unknown" | "ended_before" | "needs_successor" | "overtaken" };

/** Each throws ExchangeError STORE_UNAVAILABLE. */
export interface SigningOrders {
  list(): Promise<readonly KeyView[]>;
  /** @param atOnce false: it is announced first, as ever */
  rotate(algorithm: SigningAlgorithm, atOnce: boolean): Promise<RotateAnswer>;
  /** @param withSuccessor where it signs now, another one takes over in the same instant */
  retire(kid: string, withSuccessor: boolean): Promise<RetireAnswer>;
}

export interface OrderParts {
  readonly configuration: Pick<Configuration, "sealing">;
  readonly signing: Pick<NonNullable<Configuration["signing"]>, "announce" | "algorithm">;
  readonly database: Database;
  readonly clock: Clock;
}

export function createSigningOrders({ configuration, signing, database, clock }: OrderParts): SigningOrders {
  const store = createSigningKeyStore({
    database,
    sealer: createSealer(configuration.sealing?.keys ?? [], sealedColumns.signingKey.purpose),
    onAlarm: () => undefined,
  });
  const revocations = createRevocationLog(database);
  const now = (): number => Math.floor(clock());

  /** First of all what it signed is refused: replicas follow revocations more closely than keys, and doubt where they cannot. */
  async function end(kid: string, nowMs: number, successor?: Parameters<typeof store.end>[2]): Promise<boolean> {
    const expiresAt = Math.ceil((nowMs + lingerMs) / 1_000);
    await revocations.append({ kind: "token", provider: ownProvider, id: keyRevocationId(kid), expiresAt });
    return store.end(kid, nowMs, successor);
  }

  return {
    async list() {
      return viewsOf(await store.read(), now());
    },
    async rotate(algorithm, atOnce) {
      const [stored, nowMs] = [await store.read(), now()];
      const keys = viewsOf(stored, nowMs).filter((key) => key.algorithm === algorithm && key.state !== "dropped");
      const announced = keys.find(({ state }) => state === "announced");
      if (announced !== undefined && !atOnce) return { kind: "announced", kid: announced.kid, activatesAtMs: announced.activatesAtMs };
      if (keys.length >= maxPublished) return { kind: "too_many" };
      // Nobody waits for a key to be announced where there is none to sign with.
      const first = !keys.some(({ state }) => state === "active");
      const activatesAtMs = atOnce || first ? nowMs : announcedFrom(nowMs, signing.announce);
      const key = await newKey(algorithm, stored, { announcedAtMs: nowMs, activatesAtMs });
      return (await store.add(key)) ? { kind: "stored", kid: key.kid, activatesAtMs, atOnce: atOnce && !first } : { kind: "overtaken" };
    },
    async retire(kid, withSuccessor) {
      const [stored, nowMs] = [await store.read(), now()];
      const key = viewsOf(stored, nowMs).find((one) => one.kid === kid);
      if (key === undefined) return { kind: "unknown" };
      if (key.endedAtMs !== undefined) return { kind: "ended_before" };
      if (key.state !== "active") return (await end(kid, nowMs)) ? { kind: "ended", successor: undefined } : { kind: "overtaken" };
      if (!withSuccessor) return { kind: "needs_successor" };
      const successor = await newKey(key.algorithm, stored, { announcedAtMs: nowMs, activatesAtMs: nowMs });
      return (await end(kid, nowMs, successor)) ? { kind: "ended", successor: successor.kid } : { kind: "overtaken" };
    },
  };
}

/** Keys from files, as a process that starts now would use them. */
export function fileKeyViews(configured: ConfiguredKeys, nowMs: number): readonly KeyView[] {
  return timed(fileKeys(configured, nowMs)).map((key) => viewOf(key, stateAt(key, nowMs)));
}

function viewsOf(stored: readonly StoredSigningKey[], nowMs: number): readonly KeyView[] {
  const readable = timed(stored.filter(({ held }) => held.kind !== "unreadable")).map((key) => viewOf(key, stateAt(key, nowMs)));
  const others = stored.filter(({ held }) => held.kind === "unreadable");
  return [...readable, ...others.map((key) => viewOf({ ...key, retiresAtMs: Infinity, dropsAtMs: Infinity }, "unreadable"))];
}

function viewOf(key: Timed<ScheduledKey>, state: KeyView["state"]): KeyView {
  const { kid, algorithm, announcedAtMs, activatesAtMs, endedAtMs, retiresAtMs, dropsAtMs } = key;
  return { kid, algorithm, announcedAtMs, activatesAtMs, endedAtMs, retiresAtMs, dropsAtMs, state };
}
