// One piece of work on PostgreSQL's connections: what it leases, how long it waits for an answer, and how it is given up so that
// a server that fell silent costs a connection and never a caller. It decides nothing about statements.

import type { PostgresPool, PostgresPoolClient } from "kysely";
import type { Pool, PoolClient, QueryResult } from "pg";
import { DatabaseFailure } from "./database.ts";
import { createEffects } from "./effects.ts";
import { type Classified, classifyPostgresError, connectFailureCode } from "./postgres-failure.ts";

/** What the server's own word of it may need to get here. Beyond, the server is silent. */
const answerLimitMs = 500;

export interface PostgresPiece {
  /** For the query builder. */
  readonly pool: PostgresPool;
  /** Drops the connections that are leased; no statement is begun any more. */
  giveUp(): DatabaseFailure;
}

export interface PostgresPieceOptions {
  /** At which the server ends a statement. */
  readonly statementMs: number;
  /** True: other than the connections have it, so that they must be told. */
  readonly ownLimit: boolean;
  /** Undefined: the server answered. A code: it did not. */
  readonly onAnswer: (trouble: string | undefined) => void;
}

export function createPostgresPiece(pool: Pool, { statementMs, ownLimit, onAnswer }: PostgresPieceOptions): PostgresPiece {
  const effects = createEffects();
  const leases = new Set<{ drop(): void }>();
  let expired = false;
  const outOfTime = () => new DatabaseFailure("TIMEOUT", effects.outcome());

  async function answerOf(client: PoolClient, sql: string, values: readonly unknown[]): Promise<QueryResult> {
    const limit = Promise.withResolvers<never>();
    const silence = new DatabaseFailure("TIMEOUT", "unknown");
    const timer = setTimeout(() => limit.reject(silence), statementMs + answerLimitMs);
    try {
      return await Promise.race([client.query(sql, [...values]), limit.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function lease(): Promise<PostgresPoolClient> {
    if (expired) throw outOfTime();
    const client = await pool.connect().catch((error: unknown) => {
      const code = connectFailureCode(error);
      onAnswer(code);
      throw new DatabaseFailure(code, effects.outcome());
    });
    let released = false;
    let brokenBy: DatabaseFailure | undefined;
    const release = (destroy?: boolean) => {
      if (released) return;
      released = true;
      leases.delete(held);
      // A setting of its own must not outlive the piece.
      client.release(destroy === true || ownLimit);
    };
    const held = { drop: () => release(true) };
    leases.add(held);
    if (expired) {
      release();
      throw outOfTime();
    }

    async function query(sql: string, values: readonly unknown[]) {
      // The query builder rolls back what failed, and would report that in place of the failure.
      if (released) throw brokenBy ?? outOfTime();
      const sent = effects.sending(sql);
      try {
        const { command, rowCount, rows } = await answerOf(client, sql, values);
        // A commit of a transaction in which a statement had failed is answered by ROLLBACK.
        if (sql === "commit" && command === "ROLLBACK") throw new DatabaseFailure("ABORTED", "refused");
        sent.done();
        onAnswer(undefined);
        return { command, rowCount: rowCount ?? 0, rows };
      } catch (error) {
        const failure: Classified = classifyPostgresError(error);
        // Its answer may still come, or never: neither the rest of the piece nor anybody else may use this connection.
        const told = sent.failed(failure);
        if (failure.outcome === "unknown") {
          brokenBy = told;
          release(true);
        }
        onAnswer(failure.outcome === "unknown" ? failure.code : undefined);
        throw told;
      }
    }

    if (ownLimit) {
      try {
        for (const setting of ["statement_timeout", "lock_timeout"]) await query(`set ${setting} = ${Math.ceil(statementMs)}`, []);
      } catch (error) {
        release();
        throw error;
      }
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the query builder's generic result
    return { query, release } as unknown as PostgresPoolClient;
  }

  return {
    pool: { connect: lease, end: async () => undefined, options: {} },
    giveUp() {
      expired = true;
      for (const held of leases) held.drop();
      return outOfTime();
    },
  };
}
