// The vault put together: accounts are accounts.ts; here are connections with all that keeps their tokens from being lost or sent twice.

import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../exchange/ports.ts";
import type { Connections, HeldSignIns } from "../exchange/vault-ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { Database } from "../store/database.ts";
import type { Secret } from "../exchange/secret.ts";
import { createWriter, writeLimitMs } from "../store/stubborn-write.ts";
import { createBackground } from "./background.ts";
import { createConnectionColumns } from "./connection-columns.ts";
import { type ConnectionEnds, createConnectionEnds, type EndedConnection } from "./connection-ends.ts";
import { createConnections } from "./connections.ts";
import { createDueAt } from "./due.ts";
import { createSettleFailure } from "./failed-attempt.ts";
import { createKeepAnswer } from "./keep-answer.ts";
import { createKeepConnection } from "./keep-connection.ts";
import { createTellOrphan } from "./orphaned-token.ts";
import { createRefreshAttempt } from "./refresh-attempt.ts";
import { createLiveTokens, type TokensOf } from "./live-tokens.ts";
import type { OnRefreshStep } from "./refresh-steps.ts";
import type { Spool } from "./spool.ts";

/** Between the clocks of two replicas. */
const clockDifferenceMs = 10_000;

export interface VaultDeps {
  readonly database: Database;
  /** The first seals, all of them open. */
  readonly keys: readonly MasterKey[];
  readonly spool: Spool;
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
  readonly onEnded: (ended: EndedConnection) => void;
  readonly onUnspooled: () => void;
  /** Tells a provider of a refresh token that has ended. */
  readonly tell: (provider: string, refreshToken: Secret) => Promise<unknown>;
  readonly onStep?: OnRefreshStep | undefined;
  readonly wait?: (ms: number) => Promise<void>;
  readonly random?: (size: number) => Uint8Array;
}

export interface VaultOptions {
  readonly idleMs: number;
  readonly inDoubtMs: number;
  /** The longest that a refresh takes upstream, with the checks of its answer. */
  readonly upstreamLimitMs: () => number;
  /** How long before it expires an access token is refreshed in the background; undefined: the provider is not configured any more. */
  readonly aheadMs: (provider: string) => number | undefined;
  /** Whom tokens of that provider are shown to; undefined as above. */
  readonly issuerOf: (provider: string) => string | undefined;
}

export interface Vault {
  readonly connections: Connections & HeldSignIns;
  /** For the work in the background. */
  readonly tokensOf: TokensOf;
  /** For the same. */
  readonly ends: ConnectionEnds;
  close(): Promise<void>;
}

export function createVault(deps: VaultDeps, options: VaultOptions): Vault {
  const { database, spool, clock, random = randomBytes, wait = (ms) => sleep(ms, undefined, { ref: false }) } = deps;
  const { onStep = () => undefined } = deps;
  const write = createWriter(wait);
  const background = createBackground(wait);
  const columns = createConnectionColumns(deps.keys, deps.onAlarm);
  const ends = createConnectionEnds({ database, clock, onEnded: deps.onEnded });
  const keepAnswer = createKeepAnswer({ database, spool, write, background, onUnspooled: deps.onUnspooled, onStep });
  const { idleMs, inDoubtMs, upstreamLimitMs } = options;
  const dueAtMs = createDueAt({ clock, chance: Math.random, aheadMs: options.aheadMs });
  const tellOrphan = createTellOrphan({ database, issuerOf: options.issuerOf, tell: deps.tell });
  const settle = createSettleFailure({ database, spool, ends, write, background });
  const attempt = createRefreshAttempt(
    { database, columns, spool, keepAnswer, settle, tellOrphan, background, clock, freshCall: randomUUID, onStep },
    { idleMs, sendWithinMs: upstreamLimitMs, dueAtMs },
  );
  const tokensOf = createLiveTokens(
    { database, columns, attempt, ends, clock, wait },
    { idleMs, inDoubtMs, refreshMs: () => upstreamLimitMs() + writeLimitMs + clockDifferenceMs },
  );
  const keep = createKeepConnection({ database, columns, write, clock, wait, random }, { idleMs, dueAtMs });
  return {
    connections: createConnections({ database, columns, ends, tokensOf, keep, clock, issuerOf: options.issuerOf }),
    tokensOf,
    ends,
    close: () => background.close(),
  };
}
