// The query builder's SQLite over Node's own: one piece of work on the one connection. It waits for other processes without holding
// up this one, reports what statements came to, and begins none after the piece was given up. Whose turn it is decides open-sqlite.ts.

import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type CompiledQuery, type DatabaseConnection, type Driver, type QueryResult, SqliteAdapter, SqliteDialect } from "kysely";
import { DatabaseFailure } from "./database.ts";
import type { Effects } from "./effects.ts";
import { classifySqliteError } from "./sqlite-failure.ts";

/** How long another process's write is waited for. Such writes take milliseconds. */
const busyLimitMs = 1_000;
const firstPauseMs = 1;
const maxPauseMs = 20;

export interface SqlitePiece {
  readonly connection: DatabaseSync;
  readonly effects: Effects;
  /** True once the piece was given up. */
  readonly isExpired: () => boolean;
}

export class NodeSqliteDialect extends SqliteDialect {
  readonly #piece: SqlitePiece;

  constructor(piece: SqlitePiece) {
    super({ database: () => Promise.reject(new Error("this dialect has a driver of its own")) });
    this.#piece = piece;
  }

  override createDriver(): Driver {
    return createDriver(this.#piece);
  }

  override createAdapter(): SqliteAdapter {
    return new NodeSqliteAdapter();
  }
}

/** SQLite's changes of schema are part of transactions, which the query builder's own adapter leaves unused. */
class NodeSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function createDriver({ connection, effects, isExpired }: SqlitePiece): Driver {
  function attempt(sql: string, values: readonly unknown[]): QueryResult<never> {
    if (isExpired()) throw new DatabaseFailure("TIMEOUT", effects.outcome());
    const sent = effects.sending(sql);
    try {
      const result = execute(connection, sql, values);
      sent.done();
      return result;
    } catch (error) {
      const failure = classifySqliteError(error);
      throw failure === undefined ? error : sent.failed(failure);
    }
  }

  async function patiently(sql: string, values: readonly unknown[] = []): Promise<QueryResult<never>> {
    const until = performance.now() + busyLimitMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
      try {
        return attempt(sql, values);
      } catch (error) {
        if (!(error instanceof DatabaseFailure) || error.code !== "BUSY" || performance.now() > until) throw error;
      }
      await sleep(pauseMs);
    }
  }

  const lease: DatabaseConnection = {
    executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => patiently(sql, parameters),
    streamQuery() {
      throw new Error("this database does not stream");
    },
  };
  return {
    init: async () => undefined,
    acquireConnection: async () => lease,
    // A transaction that reads first and then writes would fail where another process wrote in between: it locks at once.
    beginTransaction: async () => void (await patiently("begin")),
    commitTransaction: async () => void (await patiently("commit")),
    async rollbackTransaction() {
      // A full disk rolls back by itself. Rolling back once more would fail, and that would be reported in place of the cause.
      if (connection.isTransaction) attempt("rollback", []);
    },
    releaseConnection: async () => undefined,
    // The connection outlives the piece.
    destroy: async () => undefined,
  };
}

function execute(connection: DatabaseSync, sql: string, values: readonly unknown[]): QueryResult<never> {
  const statement = connection.prepare(sql === "begin" ? "begin immediate" : sql);
  // The query builder types its parameters as unknown; the driver refuses what it cannot bind.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const inputs = values as readonly SQLInputValue[];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's row type, which only the query builder knows
  if (statement.columns().length > 0) return { rows: statement.all(...inputs) as never[] };
  const { changes, lastInsertRowid } = statement.run(...inputs);
  return { numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid), rows: [] };
}
