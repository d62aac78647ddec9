// Removes what is expired from the database, in the background. Nothing depends on it: whoever reads looks at the expiry itself.
// It keeps the tables from growing for ever, and no failure ends it. What providers have yet to hear is dropped by who tells them.

import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { Clock } from "../exchange/ports.ts";
import { type Database, DatabaseFailure } from "./database.ts";
import type { Tables } from "./tables.ts";

const everyMs = 60_000;
/** Rows in one statement: few enough that nobody waits noticeably for their locks. */
const batchRows = 500;
/** Statements for one table in one round. 100,000 rows a minute are more than a replica's limits let in. */
const maxBatches = 200;
/** How far the clocks of replicas may lie apart: what one of them takes for expired may still count for another. */
const clockToleranceMs = 300_000;

const swept = [
  { table: "one_time", key: "name", unitMs: 1 },
  { table: "revocations", key: "seq", unitMs: 1_000 },
  { table: "handle_families", key: "id", unitMs: 1 },
  { table: "connections", key: "id", unitMs: 1 },
] as const satisfies readonly { readonly table: keyof Tables; readonly key: string; readonly unitMs: number }[];

export interface SweeperParts {
  readonly database: Database;
  readonly clock: Clock;
  /** A round, or the part of it that concerns one table, failed; it is tried again in the next round. */
  readonly onFailure: (failure: { readonly table: string; readonly code: string }) => void;
  /** Waits between rounds; rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export interface Sweeper {
  /** Sweeps at once and then every minute. */
  start(): void;
  /** Resolves when the statement under way has ended. */
  close(): Promise<void>;
}

export function createSweeper({ database, clock, onFailure, ...parts }: SweeperParts): Sweeper {
  const wait = parts.wait ?? ((ms, signal) => sleep(ms, undefined, { signal, ref: false }));
  const closing = new AbortController();
  let running: Promise<void> | undefined;

  async function sweepTable({ table, key, unitMs }: (typeof swept)[number]): Promise<void> {
    const before = Math.floor((clock() - clockToleranceMs) / unitMs);
    // Two replicas that sweep at the same time take different rows instead of waiting for each other.
    const lock = database.dialect === "postgres" ? sql`for update skip locked` : sql``;
    const statement = sql`delete from ${sql.table(table)} where ${sql.ref(key)} in (
      select ${sql.ref(key)} from ${sql.table(table)} where expires_at <= ${before} limit ${batchRows} ${lock}
    )`;
    for (let batch = 0; batch < maxBatches && !closing.signal.aborted; batch += 1) {
      const { numAffectedRows = 0n } = await database.run((db) => statement.execute(db));
      if (numAffectedRows < BigInt(batchRows)) return;
      // On SQLite a statement runs within the process's own turn: calls come in between.
      await setImmediate();
    }
  }

  async function rounds(): Promise<void> {
    while (!closing.signal.aborted) {
      for (const one of swept) {
        await sweepTable(one).catch((error: unknown) =>
          onFailure({ table: one.table, code: error instanceof DatabaseFailure ? error.code : "UNEXPECTED" }),
        );
      }
      await wait(everyMs, closing.signal).catch(() => undefined);
    }
  }

  return {
    start() {
      running ??= rounds();
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}
