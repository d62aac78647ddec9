// The query builder's SQLite over Node's own: one piece of work on the one connection. It reports what the piece's statements came
// to, and begins none after the piece was given up. Whose turn it is, is decided by open-sqlite.ts.

import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { SqliteAdapter, type SqliteDatabase, SqliteDialect } from "kysely";
import { DatabaseFailure } from "./database.ts";
import type { Effects } from "./effects.ts";
import { classifySqliteError } from "./sqlite-failure.ts";

export class NodeSqliteDialect extends SqliteDialect {
  constructor(connection: DatabaseSync, effects: Effects, isExpired: () => boolean) {
    super({ database: createPieceConnection(connection, effects, isExpired) });
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

function createPieceConnection(connection: DatabaseSync, effects: Effects, isExpired: () => boolean): SqliteDatabase {
  function attempt<T>(sql: string, act: () => T): T {
    if (isExpired()) throw new DatabaseFailure("TIMEOUT", effects.outcome());
    const sent = effects.sending(sql);
    try {
      const result = act();
      sent.done();
      return result;
    } catch (error) {
      const failure = classifySqliteError(error);
      throw failure === undefined ? error : sent.failed(failure);
    }
  }

  return {
    // The connection outlives the piece.
    close: () => undefined,
    prepare(sql) {
      const statement = attempt(reading, () => connection.prepare(spelling(sql, connection)));
      return {
        reader: statement.columns().length > 0,
        all: (values) => attempt(sql, () => statement.all(...inputs(values))),
        run: (values) => attempt(sql, () => statement.run(...inputs(values))),
        iterate: (values) => statement.iterate(...inputs(values)),
      };
    },
  };
}

/** Preparing a statement has no more effect than one that reads. */
const reading = "select ";

function spelling(sql: string, connection: DatabaseSync): string {
  // A transaction that reads first and then writes would fail where another process wrote in between: it locks at once.
  if (sql === "begin") return "begin immediate";
  // A full disk rolls back by itself. Rolling back once more would fail, and that would be reported in place of the cause.
  if (sql === "rollback" && !connection.isTransaction) return "pragma user_version";
  return sql;
}

/** The query builder types its parameters as unknown; the driver refuses what it cannot bind. */
function inputs(values: readonly unknown[]): SQLInputValue[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return values as SQLInputValue[];
}
