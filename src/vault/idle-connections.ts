// Ends connections that nobody used for as long as is configured, before the sweeper forgets them: so that log and metrics hear of each.

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../exchange/ports.ts";
import type { Database } from "../store/database.ts";
import { readIdleConnections } from "../store/due-connections.ts";
import type { ConnectionEnds } from "./connection-ends.ts";

/** Between the clocks of replicas: one whose clock is behind may still be using it. Shorter than the sweeper's. */
const toleranceMs = 60_000;
const batchRows = 200;
/** Batches of one round. */
const maxBatches = 50;

export interface IdleConnectionsDeps {
  readonly database: Database;
  readonly ends: ConnectionEnds;
  readonly clock: Clock;
}

/** @throws ExchangeError STORE_UNAVAILABLE */
export function createIdleConnections({ database, ends, clock }: IdleConnectionsDeps) {
  return async (signal: AbortSignal): Promise<void> => {
    for (let batch = 0; batch < maxBatches && !signal.aborted; batch += 1) {
      const rows = await readIdleConnections(database, clock() - toleranceMs, batchRows);
      for (const row of rows) await ends.end(row, "idle");
      if (rows.length < batchRows) return;
      await setImmediate();
    }
  };
}
