// Connections: a provider's tokens that are kept here, one row for each sign-in or, by its id, for each client and account. How they are
// refreshed is refresh-connection.ts, how they end connection-ends.ts.

import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Connection, ConnectionEnd, Connections, Keeping } from "../exchange/vault-ports.ts";
import {
  advanceConnection,
  type ConnectionRow,
  insertConnection,
  readConnection,
  readKeptConnection,
  readUsedLast,
} from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import type { Writer } from "../store/stubborn-write.ts";
import type { ConnectionColumns, ConnectionContents } from "./connection-columns.ts";
import type { ConnectionEnds } from "./connection-ends.ts";
import type { ConnectionGrant } from "./connection-grant.ts";
import { afterSignIn } from "./next-tokens.ts";
import type { RefreshConnection } from "./refresh-connection.ts";

const idBytes = 16;
/** Each further round means that somebody signed in, or that it was refreshed or ended, in between. */
const maxRounds = 8;

export interface ConnectionsDeps {
  readonly database: Database;
  readonly columns: ConnectionColumns;
  readonly ends: ConnectionEnds;
  readonly tokensOf: RefreshConnection;
  readonly write: Writer;
  readonly clock: Clock;
  readonly random: (size: number) => Uint8Array;
}

export interface ConnectionsOptions {
  /** A connection that was not used for so long ends. */
  readonly idleMs: number;
  /** When it is to be refreshed in the background; null: never. */
  readonly dueAtMs: (row: Pick<ConnectionRow, "provider" | "kept">, contents: ConnectionContents) => number | null;
}

export function createConnections(deps: ConnectionsDeps, options: ConnectionsOptions): Connections {
  const { database, columns, ends, tokensOf, write, clock, random } = deps;

  function held(row: ConnectionRow): Connection | undefined {
    const isOver = row.ended_at !== null || clock() >= row.expires_at;
    const grant = isOver ? endedGrant : columns.openGrant(row);
    if (grant === undefined) return undefined;
    return {
      id: row.id,
      clientId: row.client_id,
      provider: row.provider,
      accountId: row.account_id === "" ? undefined : row.account_id,
      subject: grant.subject,
      startedAt: Math.floor(row.created_at / 1_000),
      terms: grant.terms,
      issue: grant.issue,
      generation: row.generation,
      tokens: (wish, signal) => tokensOf(row.id, { ...wish, isUse: true }, signal),
      end: (reason) => end(row, reason),
    };
  }

  async function end(row: ConnectionRow, reason: ConnectionEnd): Promise<Secret | undefined> {
    let current: ConnectionRow | undefined = row;
    for (let round = 0; round < maxRounds; round += 1) {
      if (current === undefined) return undefined;
      // One that was ended already is told upstream again: the answer of whoever ended it may have been lost.
      const ended = current.ended_at !== null || (await ends.end(current, reason));
      if (ended) return current.sealed_grant === null || reason !== "revoked" ? undefined : columns.openGrant(current)?.refreshToken;
      current = await readConnection(database, row.id);
    }
    throw storeUnavailable({ code: "BUSY", outcome: "refused" });
  }

  function rowOf({ clientId, provider, accountId, byId }: Keeping, id: string, contents: ConnectionContents): ConnectionRow {
    const place = { id, client_id: clientId, provider, account_id: accountId ?? "", generation: 0, kept: byId ? 1 : 0 };
    return { ...place, ...columns.seal(place, contents), ...timesOf(place, contents), ended_at: null, ended_reason: null, tell_at: null };
  }

  function timesOf(place: Pick<ConnectionRow, "provider" | "kept">, contents: ConnectionContents) {
    const nowMs = clock();
    const dueAt = options.dueAtMs(place, contents);
    return { created_at: nowMs, refreshed_at: nowMs, used_at: nowMs, due_at: dueAt, expires_at: nowMs + options.idleMs };
  }

  /** Undefined: another one is there by now, or the one that was there is not any more. */
  async function keepOnce(keeping: Keeping, freshId: string): Promise<{ id: string; generation: number } | undefined> {
    const contents = contentsOf(keeping);
    const { accountId, byId, clientId } = keeping;
    const before = byId && accountId !== undefined ? await readKeptConnection(database, accountId, clientId) : undefined;
    if (before === undefined) {
      const row = rowOf(keeping, freshId, contents);
      return (await insertConnection(database, row)) ? row : undefined;
    }
    const next = afterSignIn(columns.open(before), contents);
    const place = { ...before, generation: before.generation + 1 };
    const changed = { generation: place.generation, ...columns.seal(place, next), ...timesOf(place, next) };
    return (await advanceConnection(database, before, changed)) ? place : undefined;
  }

  return {
    async keep(keeping) {
      const id = Buffer.from(random(idBytes)).toString("base64url");
      for (let round = 0; round < maxRounds; round += 1) {
        const kept = await write(() => keepOnce(keeping, id));
        if (kept !== undefined) return { id: kept.id, generation: kept.generation };
      }
      throw storeUnavailable({ code: "BUSY", outcome: "refused" });
    },
    async find(id) {
      const row = await readConnection(database, id);
      const stands = row !== undefined && row.kept === 1 && row.ended_at === null && clock() < row.expires_at;
      return stands ? held(row) : undefined;
    },
    async findOfHandle(id) {
      const row = await readConnection(database, id);
      return row === undefined || row.kept === 1 ? undefined : held(row);
    },
    async findOfAccount(accountId, clientIds) {
      const row = clientIds.length === 0 ? undefined : await readUsedLast(database, accountId, clientIds);
      return row === undefined || clock() >= row.expires_at ? undefined : held(row);
    },
  };
}

const endedGrant: ConnectionGrant = { refreshToken: undefined, subject: undefined, terms: undefined, issue: undefined };

function contentsOf({ tokens, issue }: Keeping): ConnectionContents {
  const { refreshToken, subject, terms } = tokens;
  return { grant: { refreshToken, subject, terms, issue }, tokens };
}
