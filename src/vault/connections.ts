// Connections: a provider's tokens that are kept here, found again. How a sign-in is kept is keep-connection.ts, how its tokens are
// refreshed live-tokens.ts, how they end connection-ends.ts.

import type { Clock } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Connection, ConnectionEnd, Connections, HeldSignIns } from "../exchange/vault-ports.ts";
import { type ConnectionRow, readConnection, readHeldLast, readUsedLast } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import type { ConnectionColumns } from "./connection-columns.ts";
import type { ConnectionEnds } from "./connection-ends.ts";
import { type ConnectionGrant, tokenToTell } from "./connection-grant.ts";
import type { TokensOf } from "./live-tokens.ts";

/** Each further round means that it was refreshed, or somebody signed in, in between. */
const maxRounds = 8;

export interface ConnectionsDeps {
  readonly database: Database;
  readonly columns: ConnectionColumns;
  readonly ends: ConnectionEnds;
  readonly tokensOf: TokensOf;
  readonly keep: Connections["keep"];
  readonly clock: Clock;
  /** Whom tokens of that provider are shown to; undefined: it is not configured now. */
  readonly issuerOf: (provider: string) => string | undefined;
}

export function createConnections(deps: ConnectionsDeps): Connections & HeldSignIns {
  const { database, columns, ends, tokensOf, keep, clock, issuerOf } = deps;

  function found(row: ConnectionRow): Connection | undefined {
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
      if (ended) return reason === "revoked" ? toBeTold(current) : undefined;
      current = await readConnection(database, row.id);
    }
    throw storeUnavailable({ code: "BUSY", outcome: "refused" });
  }

  /** Out of an exchange it belongs to another registration, and a provider ends it for no other (RFC 7009 §2.1). Nobody holds it. */
  function toBeTold(row: ConnectionRow): Secret | undefined {
    const grant = row.sealed_grant === null ? undefined : columns.openGrant(row);
    return grant?.terms === undefined ? tokenToTell(grant, issuerOf(row.provider)) : undefined;
  }

  return {
    keep,
    async find(id) {
      const row = await readConnection(database, id);
      const isThere = row !== undefined && row.kept === 1 && row.ended_reason !== "revoked";
      return isThere ? found(row) : undefined;
    },
    async findOfHandle(id) {
      const row = await readConnection(database, id);
      return row === undefined || row.kept === 1 ? undefined : found(row);
    },
    async findOfAccount(accountId, clientIds) {
      const row = clientIds.length === 0 ? undefined : await readUsedLast(database, accountId, clientIds);
      return row === undefined || clock() >= row.expires_at ? undefined : found(row);
    },
    async findHeldBy(accountId, clientId) {
      const row = await readHeldLast(database, accountId, clientId);
      return row === undefined || clock() >= row.expires_at ? undefined : found(row);
    },
  };
}

const endedGrant: ConnectionGrant = {
  signIn: "",
  issuer: "",
  refreshToken: undefined,
  subject: undefined,
  terms: undefined,
  issue: undefined,
};
