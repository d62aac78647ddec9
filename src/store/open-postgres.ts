// PostgreSQL as a Database: how connections are made, bounded and ended. Nothing here waits for a server that is away longer than
// its limits, and start does not need it: the first piece of work connects.

import { Socket } from "node:net";
import { userInfo } from "node:os";
import { Kysely, PostgresDialect } from "kysely";
import { type CustomTypesConfig, Pool, type PoolConfig, types } from "pg";
import type { Secret } from "../exchange/secret.ts";
import { createBoundedWork, workLimitMs } from "./bounded-work.ts";
import type { Database } from "./database.ts";
import { createPostgresPiece } from "./postgres-piece.ts";
import { connectFailureCode } from "./postgres-failure.ts";
import type { Tables } from "./tables.ts";

/** Connections of one replica. Statements take about a millisecond, so these carry thousands per second. */
const maxConnections = 10;
/** For a connection to be free, or made: name look-up, TCP, TLS and login together. */
const connectLimitMs = 2_000;
/** After it the server ends a statement, waiting for locks included. */
const statementLimitMs = 2_000;
/** A transaction of ours is never idle: this one's process is gone or cut off, and its locks must not stay. */
const idleInTransactionLimitMs = workLimitMs;
const idleConnectionMs = 30_000;
const keepAliveMs = 10_000;
/** How long connections may take to say good-bye before they are cut. */
const lingerLimitMs = 500;

export interface PostgresAddress {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** True: the certificate must be valid for this host. */
  readonly tls: boolean;
  /** Undefined: the operating system's user, as PostgreSQL's own tools do. */
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly database: string;
}

export type PostgresEvent =
  | { readonly kind: "database_ready"; readonly host: string; readonly port: number }
  | { readonly kind: "database_away"; readonly host: string; readonly port: number; readonly code: string };

export interface PostgresOptions {
  /** Told once per change, never per attempt. */
  readonly log?: (event: PostgresEvent) => void;
  /** Milliseconds. */
  readonly connectLimitMs?: number;
  /** Milliseconds; of a single statement. */
  readonly statementLimitMs?: number;
}

/** Connects when it is first used. */
export function openPostgres(address: PostgresAddress, options: PostgresOptions = {}): Database {
  const { log = () => undefined } = options;
  const limits = {
    connectMs: options.connectLimitMs ?? connectLimitMs,
    statementMs: options.statementLimitMs ?? statementLimitMs,
  };
  const sockets = new Set<Socket>();
  const onAnswer = createStateReport(address, log);
  const pool = new Pool({ ...poolConfig(address, limits), stream: () => tracked(new Socket(), sockets) });
  // Without listeners a server that ends would end this process too: the pool hears of idle connections, and nobody of those that
  // are in use between two statements. The next statement on such a connection fails.
  pool.on("error", (error) => onAnswer(connectFailureCode(error)));
  pool.on("connect", (client) => client.on("error", () => undefined));
  const bounded = createBoundedWork();

  function run<T>(work: (db: Kysely<Tables>) => Promise<T>, limitMs?: number): Promise<T> {
    const piece = createPostgresPiece(pool, {
      statementMs: limitMs ?? limits.statementMs,
      ownLimit: limitMs !== undefined,
      onAnswer,
    });
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: piece.pool }) });
    return bounded.run({ limitMs: limitMs ?? workLimitMs, work: () => work(db), giveUp: () => piece.giveUp() });
  }

  return {
    dialect: "postgres",
    run: (work, { limitMs } = {}) => run(work, limitMs),
    transaction: (work) => run((db) => db.transaction().execute(work)),
    async close() {
      if (!(await bounded.close())) return;
      await pool.end();
      await cut(sockets);
    },
  };
}

/** Everything is said here, as the library takes what is left open from the environment (PGOPTIONS, PGPASSWORD, …). */
function poolConfig(address: PostgresAddress, limits: { readonly connectMs: number; readonly statementMs: number }): PoolConfig {
  const { host, port, tls, user, password, database } = address;
  return {
    host,
    port,
    database,
    user: user ?? userInfo().username,
    // A function, as the library keeps a string among its options and reads an empty one as none.
    password: () => password?.reveal() ?? "",
    ssl: tls ? { rejectUnauthorized: true } : false,
    sslnegotiation: "postgres",
    application_name: "cambio",
    options: "-c default_transaction_isolation=read\\ committed -c client_min_messages=warning",
    max: maxConnections,
    connectionTimeoutMillis: limits.connectMs,
    idleTimeoutMillis: idleConnectionMs,
    statement_timeout: limits.statementMs,
    lock_timeout: limits.statementMs,
    idle_in_transaction_session_timeout: idleInTransactionLimitMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    types: { getTypeParser },
  };
}

function tracked(socket: Socket, sockets: Set<Socket>): Socket {
  sockets.add(socket);
  return socket.once("close", () => sockets.delete(socket));
}

/** The pool does not wait for its connections' good-byes, and one that a silent server leaves open would keep the process alive. */
async function cut(sockets: ReadonlySet<Socket>): Promise<void> {
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, lingerLimitMs);
  await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  clearTimeout(timer);
}

const int8 = types.builtins.INT8;

/** 64-bit integers as numbers, as in SQLite; the library's own choice is text. */
const getTypeParser: CustomTypesConfig["getTypeParser"] = (oid, format) => {
  if (oid !== int8 || format === "binary") return types.getTypeParser(oid, format);
  return (text: string) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new RangeError("an integer of the database is beyond what a number holds exactly");
    return value;
  };
};

function createStateReport({ host, port }: PostgresAddress, log: (event: PostgresEvent) => void) {
  let reported: PostgresEvent["kind"] | undefined;
  return (trouble: string | undefined) => {
    const kind = trouble === undefined ? "database_ready" : "database_away";
    if (kind === reported) return;
    reported = kind;
    log(trouble === undefined ? { kind: "database_ready", host, port } : { kind: "database_away", host, port, code: trouble });
  };
}
