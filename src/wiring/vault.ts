// Part of the composition root: what is kept of sign-ins, where there is a database. The spool belongs to the process; how long before
// they expire tokens are refreshed is each edition's to say.

import { randomBytes } from "node:crypto";
import type { Configuration } from "../config/schema.ts";
import type { UpstreamRevocations } from "../exchange/ports.ts";
import type { Accounts } from "../exchange/vault-ports.ts";
import { createSealer } from "../sealing/sealer.ts";
import type { Database } from "../store/database.ts";
import { createAccounts } from "../vault/accounts.ts";
import type { Keeper } from "../vault/keeper.ts";
import { bootId } from "../vault/boot-id.ts";
import { type Recovered, recover } from "../vault/recovery.ts";
import type { OnRefreshStep } from "../vault/refresh-steps.ts";
import { noSpool, openSpool, type Spool } from "../vault/spool.ts";
import { type SpoolFolder, takeSpoolFolders } from "../vault/spool-folders.ts";
import { createVault, type Vault } from "../vault/vault.ts";
import { wireKeeper } from "./keeper.ts";
import type { StorageParts } from "./parts.ts";

export interface WiredVault extends Vault {
  readonly accounts: Accounts;
  /** Not started with the vault: it asks providers, which are there a little later. */
  readonly keeper: Keeper;
  /** Takes up what processes that died have left. @throws ExchangeError STORE_UNAVAILABLE */
  start(): Promise<void>;
}

/** Whoever waits for a provider to hear of an ended token waits no longer. */
const tellingMs = 5_000;

/** The spool cannot be used; the message holds the system's word for it and no path. */
export class SpoolStartError extends Error {
  override readonly name = "SpoolStartError";
}

/** Where answers are kept until they are in the database; undefined: nowhere. */
export function spoolOf({ vault, database }: Pick<Configuration, "vault" | "database">): string | undefined {
  if (vault.spool !== undefined) return vault.spool;
  const location = database?.location;
  return location?.kind === "sqlite" && location.file !== ":memory:" ? `${location.file}.spool` : undefined;
}

export interface VaultParts extends StorageParts {
  readonly upstream: UpstreamRevocations;
}

/** @throws SpoolStartError */
export function wireVault(parts: VaultParts, database: Database, onStep: OnRefreshStep | undefined): WiredVault {
  const { configuration, keys, clock, log, onAlarm, upstreamLimitMs } = parts;
  const path = spoolOf(configuration);
  const folders = path === undefined ? [] : foldersOf(path);
  const open = (folder: SpoolFolder) =>
    openSpool(folder.path, folder.name, { sealer: createSealer(keys, "spool"), onAlarm, boot: bootId() });
  const [own = noSpool, ...left] = folders.map(open);
  const vault = createVault(
    {
      database,
      keys,
      spool: own,
      clock,
      onAlarm,
      onStep,
      onEnded({ connection: { id, client_id: client, provider, account_id: account }, reason }) {
        parts.metrics.connectionEnded({ provider, reason });
        const facts = { connection: id, client, provider, account, reason };
        if (reason === "revoked" || reason === "idle") log.info(facts, "a connection has ended");
        else log.warn(facts, "a connection has ended: its user must sign in again");
      },
      tell: (provider, token) => parts.upstream.tell({ provider, token, hint: "refresh_token" }, AbortSignal.timeout(tellingMs)),
      onUnspooled: () =>
        log.error({}, "an answer of a provider cannot be written to the spool: until it is in the database it is in memory alone"),
    },
    {
      idleMs: configuration.vault.connection_idle,
      inDoubtMs: configuration.vault.in_doubt,
      upstreamLimitMs,
      aheadMs: parts.refreshAheadMs,
      issuerOf: parts.issuerOf,
    },
  );

  async function takeUp(spool: Spool): Promise<void> {
    const found: Recovered = await recover(database, spool);
    if (found.answers + found.lost + found.unsent === 0) return;
    log.warn({ ...found }, "a process that died was refreshing: what it left was taken up");
  }

  const keeper = wireKeeper(parts, database, vault);
  return {
    ...vault,
    keeper,
    accounts: createAccounts({ database, keys, clock, onAlarm }),
    async start() {
      for (const spool of [own, ...left]) await takeUp(spool);
      for (const folder of folders.slice(1)) folder.release();
    },
    async close() {
      await keeper.close();
      await vault.close();
      for (const folder of folders) folder.release();
    },
  };
}

function foldersOf(path: string): readonly SpoolFolder[] {
  try {
    return takeSpoolFolders(path, () => randomBytes(16).toString("hex"));
  } catch (failure) {
    const code = failure instanceof Error && "code" in failure ? String(failure.code) : "unusable";
    throw new SpoolStartError(`the spool cannot be used (${code}). Check vault.spool, its folder and this user's rights.`);
  }
}
