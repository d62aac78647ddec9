// The end of a connection: what stays of it for how long, and who is told. Ending is a compare-and-set as everything is, so that a
// generation which nobody here has seen is never ended by mistake.

import type { Clock } from "../exchange/ports.ts";
import { type ConnectionEndReason, type ConnectionRow, endConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";

/** For whoever asks again after an answer that was lost. */
export const revokedKeptMs = 3_600_000;
/** For operators and clients who look why. Nothing secret is left in it. */
const endedKeptMs = 7 * 24 * 3_600_000;

/** Only a new sign-in helps. */
const needsUser: ReadonlySet<ConnectionEndReason> = new Set<ConnectionEndReason>(["rejected", "in_doubt"]);

export interface EndedConnection {
  readonly connection: ConnectionRow;
  readonly reason: ConnectionEndReason;
}

export interface ConnectionEnds {
  /** False: it has moved on, or has ended before. @throws ExchangeError STORE_UNAVAILABLE */
  end(row: ConnectionRow, reason: ConnectionEndReason): Promise<boolean>;
}

export interface ConnectionEndDeps {
  readonly database: Database;
  readonly clock: Clock;
  /** Once for each. */
  readonly onEnded: (ended: EndedConnection) => void;
}

export function createConnectionEnds({ database, clock, onEnded }: ConnectionEndDeps): ConnectionEnds {
  return {
    async end(row, reason) {
      const nowMs = clock();
      const isKept = row.kept === 1;
      const ended = await endConnection(database, row, {
        reason,
        nowMs,
        expiresAtMs: nowMs + (isKept && reason !== "revoked" ? endedKeptMs : revokedKeptMs),
        // A handle's client is told by its next refresh.
        tellAtMs: isKept && needsUser.has(reason) ? nowMs : null,
        keepsGrant: reason === "revoked",
      });
      if (ended) onEnded({ connection: row, reason });
      return ended;
    },
  };
}
