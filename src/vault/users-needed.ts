// Tells of connections that need their user again, each until it was heard: what is untold stands in the table, so that nothing is
// lost with a process. How it is told is its caller's matter.

import type { Clock } from "../exchange/ports.ts";
import type { Database } from "../store/database.ts";
import { moveTelling, readUntoldConnections, type UntoldConnection } from "../store/due-connections.ts";

const batchRows = 20;
/** Longer than an attempt takes. Whoever died over one is followed by another attempt after this. */
const leastWaitMs = 60_000;
const longestWaitMs = 3_600_000;
/** Then nobody is told any more but the log. */
const givenUpAfterMs = 24 * 3_600_000;

export type TellingOutcome = "told" | "failed" | "given_up";

export interface UsersNeededDeps {
  readonly database: Database;
  readonly clock: Clock;
  /** False: it was not heard, and is told again. */
  readonly tell: (connection: UntoldConnection) => Promise<boolean>;
  readonly onOutcome: (outcome: TellingOutcome, connection: UntoldConnection) => void;
}

/** @throws ExchangeError STORE_UNAVAILABLE: what was told meanwhile may be told once more */
export function createUsersNeeded({ database, clock, tell, onOutcome }: UsersNeededDeps) {
  /** False: nobody listens just now. */
  async function attempt(connection: UntoldConnection): Promise<boolean> {
    const nowMs = clock();
    const ageMs = nowMs - connection.ended_at;
    if (ageMs >= givenUpAfterMs) {
      if (await moveTelling(database, connection, null)) onOutcome("given_up", connection);
      return true;
    }
    // As long again as it has been tried for, so the waits double. Written before it is told: other replicas leave it alone.
    const nextMs = nowMs + Math.min(Math.max(ageMs, leastWaitMs), longestWaitMs);
    if (!(await moveTelling(database, connection, nextMs))) return true;
    const heard = await tell(connection);
    if (heard) await moveTelling(database, { id: connection.id, tell_at: nextMs }, null);
    onOutcome(heard ? "told" : "failed", connection);
    return heard;
  }

  return async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const untold = await readUntoldConnections(database, clock(), batchRows);
      if (untold.length === 0) return;
      for (const connection of untold) if (signal.aborted || !(await attempt(connection))) return;
    }
  };
}
