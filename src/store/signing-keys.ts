// This service's own signing keys in the database, their private halves sealed and bound to their row. What does not open was not
// written here, or under a key that is gone: it is told apart, and an alarm. When a key signs is known to keys/.

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { Kysely } from "kysely";
import { type SigningAlgorithm, signingAlgorithms } from "../exchange/minting-ports.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { Database } from "./database.ts";
import { associatedData, sealedColumns } from "./sealed-columns.ts";
import type { SigningKeyRow, Tables } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export interface StoredSigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly seq: number;
  readonly announcedAtMs: number;
  readonly activatesAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly held: { readonly kind: "key"; readonly privateKey: KeyObject } | { readonly kind: "ended" | "unreadable" };
}

export interface NewSigningKey extends Omit<StoredSigningKey, "endedAtMs" | "held"> {
  readonly privateKey: KeyObject;
  /** As published. */
  readonly jwk: object;
}

/** Each throws ExchangeError STORE_UNAVAILABLE. */
export interface SigningKeyStore {
  /** All of them, in the order of their making. */
  read(): Promise<readonly StoredSigningKey[]>;
  /** False: another one has its place in the order, and nothing was stored. */
  add(key: NewSigningKey): Promise<boolean>;
  /** Ends a key at once and for good: its private half is gone. With a successor both are done or nothing. False: nothing was done. */
  end(kid: string, nowMs: number, successor?: NewSigningKey): Promise<boolean>;
  remove(kids: readonly string[]): Promise<void>;
}

export interface SigningKeyStoreParts {
  readonly database: Pick<Database, "run" | "transaction">;
  /** Purpose `sealedColumns.signingKey.purpose`. */
  readonly sealer: Sealer;
  readonly onAlarm: OnAlarm;
}

const { signingKey } = sealedColumns;

export function createSigningKeyStore({ database, sealer, onAlarm }: SigningKeyStoreParts): SigningKeyStore {
  /** What became of a row's bytes: rows are read every few seconds, and one that was tampered with is one alarm. */
  let opened = new Map<string, { readonly row: SigningKeyRow; readonly held: StoredSigningKey["held"] }>();

  function held(row: SigningKeyRow): StoredSigningKey["held"] {
    const before = opened.get(row.kid);
    if (before !== undefined && isSameRow(before.row, row)) return before.held;
    if (row.ended_at !== null) return { kind: "ended" };
    const privateKey = openRow(row, sealer);
    if (privateKey !== undefined) return { kind: "key", privateKey };
    onAlarm({ kind: "unreadable", store: "signing_keys" });
    return { kind: "unreadable" };
  }

  return {
    async read() {
      const rows = await database
        .run((db) => db.selectFrom("signing_keys").selectAll().orderBy("algorithm").orderBy("seq").execute())
        .catch(rethrowUnavailable);
      opened = new Map(rows.map((row) => [row.kid, { row, held: held(row) }]));
      return rows.flatMap((row) => storedKey(row, opened.get(row.kid)?.held ?? { kind: "unreadable" }));
    },
    async add(key) {
      return database.run((db) => insert(db, rowOf(key, sealer))).catch(rethrowUnavailable);
    },
    async end(kid, nowMs, successor) {
      const row = successor === undefined ? undefined : rowOf(successor, sealer);
      const work = async (db: Kysely<Tables>): Promise<boolean> => {
        const ended = await db
          .updateTable("signing_keys")
          .set({ ended_at: Math.floor(nowMs), sealed_key: null })
          .where("kid", "=", kid)
          .where("ended_at", "is", null)
          .executeTakeFirst();
        if (ended.numUpdatedRows === 0n) return false;
        if (row !== undefined && !(await insert(db, row))) throw new PlaceTaken();
        return true;
      };
      try {
        return await database.transaction(work);
      } catch (failure) {
        return failure instanceof PlaceTaken ? false : rethrowUnavailable(failure);
      }
    },
    async remove(kids) {
      if (kids.length === 0) return;
      await database.run((db) => db.deleteFrom("signing_keys").where("kid", "in", kids).execute()).catch(rethrowUnavailable);
    },
  };
}

/** Rolls back the end of a key whose successor another process has made. */
class PlaceTaken extends Error {}

async function insert(db: Kysely<Tables>, row: SigningKeyRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("signing_keys")
    .values(row)
    .onConflict((conflict) => conflict.columns(["algorithm", "seq"]).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

function rowOf({ kid, algorithm, seq, jwk, privateKey, ...key }: NewSigningKey, sealer: Sealer): SigningKeyRow {
  const times = { announced_at: Math.floor(key.announcedAtMs), activates_at: Math.floor(key.activatesAtMs) };
  const bound = { kid, algorithm, seq, ...times };
  const sealed = sealer.seal(privateKey.export({ type: "pkcs8", format: "der" }), associatedData(signingKey, bound));
  return { ...bound, public_jwk: JSON.stringify(jwk), sealed_key: sealed, ended_at: null };
}

/** A row of an algorithm that this version does not know is no key of its own. */
function storedKey(row: SigningKeyRow, held: StoredSigningKey["held"]): readonly StoredSigningKey[] {
  const algorithm = signingAlgorithms.find((name) => name === row.algorithm);
  if (algorithm === undefined) return [];
  const { kid, seq, announced_at: announcedAtMs, activates_at: activatesAtMs, ended_at: endedAt } = row;
  return [{ kid, algorithm, seq, announcedAtMs, activatesAtMs, endedAtMs: endedAt ?? undefined, held }];
}

/** Its public half is taken from it and compared: what stands in the clear beside it proves nothing. */
function openRow(row: SigningKeyRow, sealer: Sealer): KeyObject | undefined {
  // Whoever writes to a SQLite file may put a text there: it opens as little as any other foreign bytes.
  const bytes = row.sealed_key instanceof Uint8Array ? sealer.open(row.sealed_key, associatedData(signingKey, row)) : undefined;
  if (bytes === undefined) return undefined;
  try {
    const privateKey = createPrivateKey({ key: Buffer.from(bytes), type: "pkcs8", format: "der" });
    return createPublicKey(privateKey).equals(createPublicKey({ key: JSON.parse(row.public_jwk), format: "jwk" })) ? privateKey : undefined;
  } catch {
    return undefined;
  }
}

function isSameRow(one: SigningKeyRow, other: SigningKeyRow): boolean {
  const { sealed_key: oneBytes, ...oneRest } = one;
  const { sealed_key: otherBytes, ...otherRest } = other;
  const sameBytes = Buffer.from(oneBytes ?? "").equals(Buffer.from(otherBytes ?? ""));
  return sameBytes && (oneBytes === null) === (otherBytes === null) && JSON.stringify(oneRest) === JSON.stringify(otherRest);
}
