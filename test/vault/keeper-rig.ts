// Keepers as a test runs them: in virtual time, over a database, each with a vault of its own as a replica has it.

import { createVault, type Vault } from "../../src/vault/vault.ts";
import { createKeeper, type Keeper } from "../../src/vault/keeper.ts";
import type { Sender } from "../../src/vault/provider-keeper.ts";
import { noSpool } from "../../src/vault/spool.ts";
import type { Database } from "../../src/store/database.ts";
import type { UntoldConnection } from "../../src/store/due-connections.ts";
import { theIssuer } from "./fake-provider.ts";
import { masterKey } from "../cache/fixtures.ts";
import { idleMs, inDoubtMs, upstreamLimitMs } from "./vault-rig.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface Replica {
  readonly vault: Vault;
  readonly keeper: Keeper;
  /** What it did to which provider's connections, such as `main OK`. */
  readonly outcomes: string[];
  readonly ended: string[];
  readonly failures: string[];
  readonly refused: string[];
  /** By provider, in order. */
  readonly lagMs: Map<string, number[]>;
}

export interface ReplicaOptions {
  readonly name?: string;
  readonly providers?: readonly string[];
  readonly tell?: (connection: UntoldConnection) => Promise<boolean>;
  readonly chance?: () => number;
}

export const aheadMs = 600_000;

/** @param senderOf asked for every start */
export function createReplica(
  time: VirtualTime,
  given: Database,
  {
    senderOf,
    name = "one",
    providers = ["main"],
    tell,
    chance = () => 0,
  }: ReplicaOptions & { senderOf: (name: string) => Sender | undefined },
): Replica {
  const { clock, wait } = time;
  const database = time.over(given);
  const [outcomes, ended, failures, refused] = [[], [], [], []] as string[][] as [string[], string[], string[], string[]];
  const lagMs = new Map<string, number[]>();
  const vault = createVault(
    {
      database,
      keys: [masterKey("a")],
      spool: noSpool,
      clock,
      onAlarm: ({ kind, store }) => void failures.push(`${store} ${kind}`),
      onEnded: ({ connection, reason }) => void ended.push(`${connection.id} ${reason}`),
      onUnspooled: () => undefined,
      tell: () => Promise.resolve(),
      wait: (ms) => wait(ms),
    },
    { idleMs, inDoubtMs, upstreamLimitMs: () => upstreamLimitMs, aheadMs: () => aheadMs, issuerOf: () => theIssuer },
  );
  const keeper = createKeeper(
    { database, vault, clock, holder: name, providers: () => providers, senderOf, tell, wait, chance },
    {
      refreshed: ({ connection, outcome }) => void outcomes.push(`${connection.provider} ${outcome}`),
      lag: (provider, ms) => void lagMs.set(provider, [...(lagMs.get(provider) ?? []), ms]),
      refused: (provider) => void refused.push(provider),
      told: (outcome, { id }) => void outcomes.push(`${id} ${outcome}`),
      failed: (work, failure) => void failures.push(`${work}: ${failure instanceof Error ? failure.message : "?"}`),
    },
  );
  return { vault, keeper, outcomes, ended, failures, refused, lagMs };
}
