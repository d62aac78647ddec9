// Part of the composition root: this service's own signing keys, from the configuration or from the database, and what is done with
// them. Without `signing` there are none: nothing is signed, and the published set is empty.

import type { KeyObject } from "node:crypto";
import type { Configuration } from "../config/schema.ts";
import { hasReason } from "../exchange/errors.ts";
import type { SigningAlgorithm, TokenSigner } from "../exchange/minting-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { createKeyRing, type KeyRing } from "../keys/key-ring.ts";
import type { KeySet } from "../keys/key-set.ts";
import type { PublicJwk } from "../keys/own-key.ts";
import { createSigningKeeper, type KeeperEvent, type SigningKeeper } from "../keys/signing-keeper.ts";
import { stateAt, timed } from "../keys/signing-schedule.ts";
import { createTokenSigner } from "../keys/token-signer.ts";
import { createSealer } from "../sealing/sealer.ts";
import { sealedColumns } from "../store/sealed-columns.ts";
import { createSigningKeyStore, type SigningKeyStore } from "../store/signing-keys.ts";
import { codeOf } from "../telemetry/cause.ts";
import type { Log } from "../telemetry/log.ts";
import { fileKeys, warnOfShortNotice } from "./file-keys.ts";
import type { StorageParts } from "./parts.ts";
import { lockSqlite, type SqliteLock } from "./sqlite-lock.ts";

export interface Signing {
  /** Signs under published keys, and under the secrets that audiences share with this service, by configured name. */
  signerWith(shared: ReadonlyMap<string, KeyObject>): TokenSigner;
  /** For the verifier of this service's own tokens: no network, no waiting. */
  readonly keySet: KeySet;
  /** A key whose tokens are accepted no more, though they may be remembered. */
  isEnded(kid: string): boolean;
  /** What is served at /.well-known/jwks.json. */
  publicKeys(): { readonly keys: readonly PublicJwk[] };
  /** Resolves when there are keys to sign with. @throws SigningStartError */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** A start that was refused says what to do; its message holds no key and no address. */
export class SigningStartError extends Error {
  override readonly name = "SigningStartError";
}

export type SigningParts = Pick<StorageParts, "configuration" | "keys" | "database" | "onAlarm" | "clock" | "log" | "signingAlgorithms">;

export function wireSigning(parts: SigningParts): Signing {
  const { signing } = parts.configuration;
  if (signing === undefined) return withRing(createKeyRing(parts.clock, { trustMs: 0 }), nothingToRun);
  if (signing.keys === undefined) return createdKeys(parts, signing);
  const ring = createKeyRing(parts.clock, { trustMs: Infinity });
  return withRing(ring, {
    async start() {
      const nowMs = parts.clock();
      const keys = fileKeys(signing.keys, nowMs);
      ring.replace(keys, nowMs);
      warnOfShortNotice(keys, { nowMs, announceMs: signing.announce, algorithm: signing.algorithm }, parts.log);
    },
    async close() {},
  });
}

type Running = Pick<SigningKeeper, "start" | "close">;

const nothingToRun: Running = { async start() {}, async close() {} };

function withRing(ring: KeyRing, running: Running): Signing {
  return {
    signerWith: (shared) => createTokenSigner(ring, shared),
    keySet: ring.keySet,
    isEnded: (kid) => !ring.isPublished(kid),
    publicKeys: () => ring.publicKeys(),
    ...running,
  };
}

type CreatedSettings = Extract<NonNullable<Configuration["signing"]>, { readonly keys: undefined }>;

function createdKeys(parts: SigningParts, settings: CreatedSettings): Signing {
  const { configuration, keys, database, onAlarm, clock, log, signingAlgorithms } = parts;
  if (database === undefined) throw new SigningStartError("signing creates keys, and there is no database to keep them in");
  const store = createSigningKeyStore({ database, sealer: createSealer(keys, sealedColumns.signingKey.purpose), onAlarm });
  const ring = createKeyRing(clock, { trustMs: settings.announce });
  const algorithms = (): readonly SigningAlgorithm[] => [settings.algorithm, ...(signingAlgorithms?.() ?? [])];
  const keeper = createSigningKeeper(
    { shelf: store, ring, clock, random: Math.random, onEvent: (event) => logKeeping(log, event) },
    { algorithms, rotateEveryMs: settings.rotate_every, announceMs: settings.announce },
  );
  let lock: SqliteLock | undefined;
  return withRing(ring, {
    async start() {
      lock = await lockSqlite(configuration.database).catch((failure: unknown) => {
        throw new SigningStartError(
          `the lock file beside database.file cannot be used (${codeOf(failure) ?? "UNKNOWN"}). Check the folder and this user's rights.`,
        );
      });
      if (lock === undefined)
        throw new SigningStartError(
          "another process has the file in database.file open, and signing keys that are created there belong to one. Stop that process, or use PostgreSQL.",
        );
      await startFrom({ store, keeper, clock });
    },
    async close() {
      await keeper.close();
      await lock?.release();
    },
  });
}

interface StartParts {
  readonly store: SigningKeyStore;
  readonly keeper: SigningKeeper;
  readonly clock: Clock;
}

async function startFrom({ store, keeper, clock }: StartParts): Promise<void> {
  try {
    const nowMs = clock();
    const closed = timed(await store.read()).find((key) => key.held.kind === "unreadable" && stateAt(key, nowMs) !== "dropped");
    if (closed !== undefined)
      throw new SigningStartError(
        `the signing key ${closed.kid} in the database cannot be opened: a key is missing from sealing.keys, or it was tampered with. Give the sealing key under which it was stored; if that is lost, run \`cambio keys retire ${closed.kid}\`.`,
      );
    await keeper.start();
  } catch (failure) {
    if (!hasReason(failure, "STORE_UNAVAILABLE")) throw failure;
    throw new SigningStartError("the signing keys cannot be read from the database. Check that it answers.");
  }
}

function logKeeping(log: Log, event: KeeperEvent): void {
  if (event.kind === "created") {
    const { kid, algorithm, activatesAtMs } = event;
    log.info({ kid, algorithm, activates_at: new Date(activatesAtMs).toISOString() }, "a signing key was made, and is published");
  } else if (event.kind === "away") {
    log.warn({ reason: event.reason }, "the signing keys cannot be read from the database: those that are known are used on");
  } else log.info({}, "the signing keys can be read again");
}
