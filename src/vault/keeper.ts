// The keeper: what is done about connections in the background, as long as the service runs. Refreshes before tokens run out
// (provider-keeper.ts), ends of those that nobody uses (idle-connections.ts), and word of those that need their user
// (users-needed.ts).

import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../exchange/ports.ts";
import type { Database } from "../store/database.ts";
import type { UntoldConnection } from "../store/due-connections.ts";
import { createHeldLease } from "./held-lease.ts";
import { createIdleConnections } from "./idle-connections.ts";
import type { PaceDeps } from "./pace.ts";
import { createProviderKeeper, type KeptOutcome, type ProviderKeeper, type Sender } from "./provider-keeper.ts";
import { createRounds } from "./rounds.ts";
import { createUsersNeeded, type TellingOutcome } from "./users-needed.ts";
import type { Vault } from "./vault.ts";

const lookEveryMs = 1_000;
const tellEveryMs = 5_000;
const idleEveryMs = 60_000;

export interface KeeperDeps {
  readonly database: Database;
  readonly vault: Pick<Vault, "tokensOf" | "ends">;
  readonly clock: Clock;
  /** This process, and no other. */
  readonly holder: string;
  /** Names of those in the configuration in force. */
  readonly providers: () => readonly string[];
  readonly senderOf: (provider: string) => Sender | undefined;
  /** Undefined: nobody but the log is told. */
  readonly tell: ((connection: UntoldConnection) => Promise<boolean>) | undefined;
  /** 0 to 1. */
  readonly chance?: () => number;
  readonly wait?: PaceDeps["wait"];
}

/** For log, metrics and audit trail. */
export interface KeeperEvents {
  readonly refreshed: (outcome: KeptOutcome) => void;
  /** How late the oldest connection is that is due, in milliseconds. */
  readonly lag: (provider: string, ms: number) => void;
  /** The provider turned down too much, and is left alone. */
  readonly refused: (provider: string, pauseMs: number) => void;
  readonly told: (outcome: TellingOutcome, connection: UntoldConnection) => void;
  /** A round of that work failed, or the part of it that concerns one provider; the next one comes all the same. */
  readonly failed: (work: string, failure: unknown) => void;
}

export interface Keeper {
  start(): void;
  /** Begins nothing more, and resolves when what is under way has ended. */
  close(): Promise<void>;
}

export function createKeeper(deps: KeeperDeps, events: KeeperEvents): Keeper {
  const { database, vault, clock, holder, providers, senderOf, tell, chance = Math.random } = deps;
  const wait = deps.wait ?? ((ms, signal) => sleep(ms, undefined, { signal, ref: false }));
  const rounds = createRounds({ wait, onFailure: events.failed });
  const keepers = new Map<string, ProviderKeeper>();
  const busy = new Map<string, Promise<void>>();

  function keeperOf(provider: string): ProviderKeeper {
    const known = keepers.get(provider);
    if (known !== undefined) return known;
    const fresh = createProviderKeeper(
      {
        database,
        clock,
        wait,
        chance,
        tokensOf: vault.tokensOf,
        lease: createHeldLease({ database, clock, holder }, `keeper ${provider}`),
        sender: () => senderOf(provider),
        onOutcome: events.refreshed,
        onLag: (ms) => events.lag(provider, ms),
        onFailure: (failure) => events.failed("refreshes", failure),
        onRefused: (pauseMs) => events.refused(provider, pauseMs),
      },
      provider,
    );
    keepers.set(provider, fresh);
    return fresh;
  }

  /** Each provider at its own pace: one that is slow holds up no other. */
  async function look(signal: AbortSignal): Promise<void> {
    for (const provider of providers()) {
      if (busy.has(provider)) continue;
      const round = keeperOf(provider)
        .round(signal)
        .catch((failure: unknown) => events.failed("refreshes", failure))
        .finally(() => busy.delete(provider));
      busy.set(provider, round);
    }
  }

  return {
    start() {
      rounds.every(lookEveryMs, "refreshes", look);
      rounds.every(idleEveryMs, "idle connections", createIdleConnections({ database, ends: vault.ends, clock }));
      if (tell !== undefined) rounds.every(tellEveryMs, "webhook", createUsersNeeded({ database, clock, tell, onOutcome: events.told }));
    },
    async close() {
      await rounds.close();
      await Promise.all(busy.values());
      // Without the database the lease runs out by itself.
      for (const keeper of keepers.values()) await keeper.close().catch((failure: unknown) => events.failed("refreshes", failure));
    },
  };
}
