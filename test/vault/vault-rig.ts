// Vaults as a test wires them: a clock that stands still, real spool folders, a provider that takes each token once, and processes that can
// be killed between any two steps of a refresh.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Connection, Keeping, LiveTokens, Wish } from "../../src/exchange/vault-ports.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { Database } from "../../src/store/database.ts";
import { type Recovered, recover } from "../../src/vault/recovery.ts";
import type { RefreshStep } from "../../src/vault/refresh-steps.ts";
import { noSpool, openSpool, type Spool, type SpoolPlace } from "../../src/vault/spool.ts";
import { createVault, type Vault } from "../../src/vault/vault.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { type FakeProvider, fakeProvider, theIssuer } from "./fake-provider.ts";

export const idleMs = 30 * 86_400_000;
export const inDoubtMs = 600_000;
export const upstreamLimitMs = 20_000;
/** Beyond the time in which whoever sends may still be about to write its answer. */
export const refreshMs = 120_000;
/** Beyond any doubt. */
export const longDeadMs = refreshMs + inDoubtMs;

export interface ProcessOptions {
  readonly keys?: readonly MasterKey[];
  readonly wait?: (ms: number) => Promise<void>;
  /** `none`: it has no spool. Default: a folder of this name. */
  readonly spool?: string;
  /** Where that folder is. Default: among this rig's. */
  readonly spoolFolder?: string;
  /** Killed right there. */
  readonly dieAt?: RefreshStep;
  /** True: killed right there. */
  readonly dies?: (step: RefreshStep, place: SpoolPlace) => boolean;
  readonly onStep?: (step: RefreshStep) => void;
  /** Who has the provider's name in its configuration. */
  readonly issuer?: string;
  /** In front of the spool. */
  readonly spoolAs?: (spool: Spool) => Spool;
}

export interface VaultProcess extends Vault {
  /** From now on nothing that it does takes effect, and nothing comes back to it. */
  kill(): void;
}

export interface VaultRig {
  readonly clock: FrozenClock;
  readonly provider: FakeProvider;
  readonly alarms: string[];
  readonly ended: string[];
  /** Refresh tokens that the provider has to hear of. */
  readonly told: string[];
  readonly unspooled: () => number;
  readonly folder: string;
  /** One more process over this database. */
  process(database: Database, given?: ProcessOptions): VaultProcess;
  /** The next process takes that spool. */
  restart(database: Database, name: string, keys?: readonly MasterKey[]): Promise<Recovered>;
  spoolPath(name: string): string;
  /** Signs somebody in: by its id, or for a handle. */
  signIn(vault: Vault, given?: Partial<Keeping>): Promise<{ readonly id: string; readonly generation: number }>;
  /** Asks for the tokens of a connection, wherever it is found. */
  ask(vault: Vault, id: string, given?: Partial<Wish> & { readonly signal?: AbortSignal }): Promise<LiveTokens>;
}

const never = new Promise<never>(() => undefined);

export function createVaultRig(clock: FrozenClock = frozenClock(), provider: FakeProvider = fakeProvider(clock)): VaultRig {
  const alarms: string[] = [];
  const ended: string[] = [];
  const told: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "cambio-vault-"));
  folders.push(folder);
  let unspooled = 0;
  const spoolPath = (name: string) => join(folder, name);

  function spoolOf(name: string, keys: readonly MasterKey[], at = spoolPath(name)): Spool {
    if (name === "none") return noSpool;
    return openSpool(at, name, {
      sealer: createSealer(keys, "spool"),
      onAlarm: ({ kind, store }) => alarms.push(`${store} ${kind}`),
    });
  }

  return {
    clock,
    provider,
    alarms,
    ended,
    told,
    unspooled: () => unspooled,
    folder,
    spoolPath,
    process(
      database,
      {
        keys = [masterKey("a")],
        spool = "one",
        spoolFolder,
        dieAt,
        dies,
        onStep,
        spoolAs = (same: Spool) => same,
        wait,
        issuer = theIssuer,
      } = {},
    ) {
      let dead = false;
      const alive = async <T>(work: () => Promise<T>): Promise<T> => {
        if (dead) return never;
        const result = await work();
        return dead ? never : result;
      };
      const real = spoolAs(spoolOf(spool, keys, spoolFolder));
      const vault = createVault(
        {
          database: {
            dialect: database.dialect,
            run: (work, options) => alive(() => database.run(work, options)),
            transaction: (work) => alive(() => database.transaction(work)),
            close: () => database.close(),
          },
          keys,
          spool: {
            name: real.name,
            sending(place) {
              if (dead) throw new Error("killed");
              real.sending(place);
            },
            keep: (place, answer) => alive(() => real.keep(place, answer)),
            forget: (place) => alive(() => real.forget(place)),
            left: () => alive(() => real.left()),
          },
          clock,
          onAlarm: ({ kind, store }) => void alarms.push(`${store} ${kind}`),
          onEnded: ({ reason }) => void ended.push(reason),
          tell: async (_provider, token) => void told.push(token.reveal()),
          onUnspooled: () => void (unspooled += 1),
          onStep(step, place) {
            onStep?.(step);
            if (step !== dieAt && dies?.(step, place) !== true) return;
            dead = true;
            throw new Error("killed");
          },
          ...(wait === undefined ? {} : { wait: (ms: number) => alive(() => wait(ms)) }),
        },
        { idleMs, inDoubtMs, upstreamLimitMs: () => upstreamLimitMs, aheadMs: () => 600_000, issuerOf: () => issuer },
      );
      return { ...vault, kill: () => void (dead = true) };
    },
    restart: (database, name, keys = [masterKey("a")]) => recover(database, spoolOf(name, keys)),
    signIn: (vault, given = {}) =>
      vault.connections.keep({
        clientId: "web",
        provider: "main",
        accountId: "account-1",
        byId: true,
        tokens: provider.give(),
        issue: undefined,
        ...given,
      }),
    async ask(vault, id, { signal = AbortSignal.timeout(15_000), ...wish } = {}) {
      const connection = await foundIn(vault, id);
      if (connection === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
      return connection.tokens(
        { issuer: theIssuer, beyond: undefined, send: provider.send, lostAnswer: "reauthenticate", ...wish },
        signal,
      );
    },
  };
}

export async function foundIn({ connections }: Vault, id: string): Promise<Connection | undefined> {
  return (await connections.find(id)) ?? connections.findOfHandle(id);
}

/** What of tokens somebody can compare. */
export function shown({ tokens: { accessToken, refreshToken, idToken, scopes, expiresAtMs }, generation }: LiveTokens) {
  return {
    accessToken: accessToken.reveal(),
    refreshToken: refreshToken?.reveal(),
    idToken: idToken?.reveal(),
    scopes,
    expiresAtMs,
    generation,
  };
}

/** Those that were presented more than once. */
export function twice(presented: readonly string[]): readonly string[] {
  return presented.filter((token, index) => presented.indexOf(token) !== index);
}

const folders: string[] = [];

/** To be called by each suite: takes the spools of its tests away. */
export function removeSpools(): void {
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
}
