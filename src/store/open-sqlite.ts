// A SQLite file as a Database: for one replica, with commands of the same machine beside it. Work runs one piece after the other,
// each statement within the process's own turn: statements here touch a few rows by an index.

import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { Kysely } from "kysely";
import { createBoundedWork, workLimitMs } from "./bounded-work.ts";
import { type Database, DatabaseFailure } from "./database.ts";
import { createEffects } from "./effects.ts";
import { NodeSqliteDialect } from "./node-sqlite-dialect.ts";
import { classifySqliteError } from "./sqlite-failure.ts";
import type { Tables } from "./tables.ts";

/** How long another process that is opening the file is waited for. Only start waits like this: the process stands still. */
const openLimitMs = 1_000;
/** What is sealed in it opens for nobody, but who signed in when is nobody's business either. Its journals take the same mode. */
const fileMode = 0o600;

/**
 * @param file made if it is not there; `:memory:` for a database that ends with the process
 * @param busyMs how long a statement waits for another process that is writing. The whole process stands still meanwhile: for commands
 * @throws Error with the system's code where the file cannot be opened; DatabaseFailure where it is no database
 */
export function openSqlite(file: string, busyMs = 0): Database {
  if (file !== ":memory:") closeSync(openSync(file, "a", fileMode));
  const connection = open(file, busyMs);
  const bounded = createBoundedWork();
  let last: Promise<unknown> = Promise.resolve();

  function run<T>(work: (db: Kysely<Tables>) => Promise<T>, limitMs: number): Promise<T> {
    const effects = createEffects();
    const givenUp = Promise.withResolvers<never>();
    // Nobody listens to it while the piece still waits for its turn.
    givenUp.promise.catch(() => undefined);
    let expired = false;
    const turn = async () => {
      // Between two pieces the process sees to everything else.
      await setImmediate();
      if (expired) throw new DatabaseFailure("TIMEOUT", "refused");
      const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect({ connection, effects, isExpired: () => expired }) });
      try {
        // Whoever comes next does not wait for work that was given up.
        return await Promise.race([work(db), givenUp.promise]);
      } finally {
        if (connection.isTransaction) connection.exec("rollback");
      }
    };
    return bounded.run({
      limitMs,
      work() {
        const result = last.then(turn);
        last = result.catch(() => undefined);
        return result;
      },
      giveUp() {
        expired = true;
        const failure = new DatabaseFailure("TIMEOUT", effects.outcome());
        givenUp.reject(failure);
        return failure;
      },
    });
  }

  return {
    dialect: "sqlite",
    run: (work, { limitMs = workLimitMs } = {}) => run(work, limitMs),
    transaction: (work) => run((db) => db.transaction().execute(work), workLimitMs),
    async close() {
      if (await bounded.close()) connection.close();
    },
  };
}

function open(file: string, busyMs: number): DatabaseSync {
  const connection = new DatabaseSync(file, { timeout: openLimitMs, enableForeignKeyConstraints: true });
  try {
    // FULL: a commit is on the disk before it is answered; less would forget used codes and revocations with the power.
    connection.exec("pragma journal_mode = wal; pragma synchronous = full; pragma trusted_schema = off");
    connection.exec(`pragma busy_timeout = ${busyMs}`);
    return connection;
  } catch (error) {
    connection.close();
    const failure = classifySqliteError(error);
    throw failure === undefined ? error : new DatabaseFailure(failure.code, failure.outcome);
  }
}
