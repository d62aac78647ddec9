// What an operator orders about connections: list, refresh, revoke. A refresh is not made here: it becomes due, and a running service makes
// it, within its provider's rate and with its spool. Revoking ends the row, and its provider hears of it from the queue.

import type { Clock } from "../exchange/ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import { createSealer } from "../sealing/sealer.ts";
import { createTellingNames } from "../sealing/telling-names.ts";
import { type ConnectionsPage, type ListedConnection, listConnections } from "../store/connection-list.ts";
import { type ConnectionEndReason, type ConnectionRow, readConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import { hastenConnection } from "../store/due-connections.ts";
import { sealedColumns } from "../store/sealed-columns.ts";
import { createUpstreamRevocationQueue } from "../store/upstream-revocations.ts";
import { createConnectionColumns } from "./connection-columns.ts";
import { tokenToTell } from "./connection-grant.ts";
import { createConnectionEnds } from "./connection-ends.ts";

const lookEveryMs = 250;
/** Each further round means that it was refreshed in between. */
const maxRounds = 8;

export type RefreshAnswer =
  | { readonly kind: "refreshed"; readonly generation: number }
  | { readonly kind: "ended"; readonly reason: ConnectionEndReason }
  /** It is still due. */
  | { readonly kind: "waiting" }
  /** A refresh handle stands for it: it is refreshed by whoever has that. */
  | { readonly kind: "handle" | "unknown" };

export type RevokeAnswer =
  /** told: the queue has its refresh token. untold: there was none, it does not open here, or it is another issuer's. */
  | { readonly kind: "told" | "untold"; readonly provider: string }
  | { readonly kind: "ended_before"; readonly reason: ConnectionEndReason }
  | { readonly kind: "busy" | "unknown" };

/** Each throws ExchangeError STORE_UNAVAILABLE. */
export interface ConnectionOrders {
  list(page: ConnectionsPage): Promise<readonly ListedConnection[]>;
  /** Makes it due, and waits no longer than `limitMs` for what becomes of it. */
  refresh(id: string, limitMs: number): Promise<RefreshAnswer>;
  revoke(id: string): Promise<RevokeAnswer>;
}

export interface ConnectionOrdersDeps {
  readonly database: Database;
  /** The first seals, all of them open. */
  readonly keys: readonly [MasterKey, ...MasterKey[]];
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<unknown>;
  /** Whom tokens of that provider are shown to; undefined: it is not configured. */
  readonly issuerOf: (provider: string) => string | undefined;
}

export function createConnectionOrders({ database, keys, clock, wait, issuerOf }: ConnectionOrdersDeps): ConnectionOrders {
  const columns = createConnectionColumns(keys, () => undefined);
  const ends = createConnectionEnds({ database, clock, onEnded: () => undefined });
  const queue = createUpstreamRevocationQueue({
    database,
    clock,
    sealer: createSealer(keys, sealedColumns.upstreamToken.purpose),
    nameOf: createTellingNames(keys[0]),
    onAlarm: () => undefined,
  });

  async function tellProvider(row: ConnectionRow): Promise<RevokeAnswer> {
    const token = tokenToTell(columns.openGrant(row), issuerOf(row.provider));
    if (token === undefined) return { kind: "untold", provider: row.provider };
    await queue.add({ provider: row.provider, token, hint: "refresh_token" });
    return { kind: "told", provider: row.provider };
  }

  return {
    list: (page) => listConnections(database, page),
    async refresh(id, limitMs) {
      const untilMs = clock() + limitMs;
      const before = await hastenConnection(database, id, clock());
      for (;;) {
        const row = await readConnection(database, id);
        if (row === undefined) return { kind: "unknown" };
        if (row.ended_reason !== null) return { kind: "ended", reason: row.ended_reason };
        if (row.kept === 0) return { kind: "handle" };
        if (before !== undefined && row.generation > before) return { kind: "refreshed", generation: row.generation };
        if (clock() >= untilMs) return { kind: "waiting" };
        await wait(lookEveryMs);
      }
    },
    async revoke(id) {
      for (let round = 0; round < maxRounds; round += 1) {
        const row = await readConnection(database, id);
        if (row === undefined) return { kind: "unknown" };
        // Ended by an earlier order that did not come as far as its provider: it is told now.
        if (row.ended_reason === "revoked")
          return row.sealed_grant === null ? { kind: "ended_before", reason: "revoked" } : tellProvider(row);
        if (row.ended_reason !== null) return { kind: "ended_before", reason: row.ended_reason };
        if (await ends.end(row, "revoked")) return tellProvider(row);
      }
      return { kind: "busy" };
    },
  };
}
