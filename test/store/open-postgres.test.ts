import { inspect } from "node:util";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { Database } from "../../src/store/database.ts";
import { openPostgres, type PostgresAddress, type PostgresEvent } from "../../src/store/open-postgres.ts";
import { makeCertificate } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { startHangingEndpoint } from "../support/tcp-hang.ts";

/** Shorter than a service's, and still long for a loaded machine. */
const connectLimitMs = 700;
const statementLimitMs = 400;
let server: PostgresServer;
let events: PostgresEvent[];
const opened: Database[] = [];

function open(address: PostgresAddress = server.address()): Database {
  const database = openPostgres(address, { log: (event) => void events.push(event), connectLimitMs, statementLimitMs });
  opened.push(database);
  return database;
}

/** With a service's own limits, for what takes a test some time to arrange. */
function openPatient(): Database {
  const database = openPostgres(server.address());
  opened.push(database);
  return database;
}

const read = (database: Database) => database.run(async (db) => (await sql<{ n: number }>`select n from things`.execute(db)).rows);
const write = (database: Database) => database.run((db) => sql`insert into things values (1)`.execute(db));
const one = (database: Database) => database.run(async (db) => (await sql`select 1 as n`.execute(db)).rows);
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
const count = async () => (await server.query("select n from things")).length;

/** Ends the connection whose statement begins like this, as an operator or a shutdown does. */
async function terminate(beginning: string): Promise<void> {
  const where = `from pg_stat_activity where state = 'active' and query like '${beginning}%' and pid <> pg_backend_pid()`;
  await eventually("the statement", async () => (await server.query(`select 1 ${where}`)).length === 1);
  await server.query(`select pg_terminate_backend(pid) ${where}`);
}

/** What it fails with, and after how many milliseconds. */
async function failing(work: Promise<unknown>): Promise<{ failure: unknown; ms: number }> {
  const start = performance.now();
  const failure = await work.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
  return { failure, ms: performance.now() - start };
}

beforeAll(async () => {
  server = await startPostgres();
});
beforeEach(async () => {
  events = [];
  await server.query("drop table if exists things; create table things (n bigint)");
});
afterEach(async () => {
  server.resume();
  await Promise.all(opened.splice(0).map((database) => database.close()));
});
afterAll(() => server.stop());

describe("a server that cannot be reached", () => {
  test("nothing listens: nothing was done, at once, and it works when there is one", async () => {
    await server.kill();
    const database = open();
    const { failure, ms } = await failing(write(database));
    expect(failure).toMatchObject({ name: "DatabaseFailure", code: "ECONNREFUSED", outcome: "refused" });
    expect(ms).toBeLessThan(1_000);
    await server.start();
    await write(database);
    expect(await count()).toBe(1);
  });

  test("a black hole: nothing was done, within the limit, for more callers than there are connections", async () => {
    const hole = await startHangingEndpoint();
    const database = open({ ...server.address(), port: hole.port });
    const failures = await Promise.all(Array.from({ length: 30 }, () => failing(write(database))));
    for (const { failure, ms } of failures) {
      expect(failure).toMatchObject({ name: "DatabaseFailure", outcome: "refused" });
      expect(ms).toBeLessThan(2_000);
    }
    expect(hole.accepted()).toBeLessThanOrEqual(20);
    await hole.stop();
  });

  test("its database is missing: the server's word for it, and nothing was done", async () => {
    const { failure } = await failing(write(open(server.address("missing"))));
    expect(failure).toMatchObject({ code: "3D000", outcome: "refused" });
  });
});

describe("a server that falls silent", () => {
  test("in the middle of a statement: it may have been done, within the limit, and the connection is not used again", async () => {
    const database = open();
    await write(database);
    server.pause();
    const { failure, ms } = await failing(write(database));
    expect(failure).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
    expect(ms).toBeLessThan(2_000);
    server.resume();
    await write(database);
    await eventually("the statement that was given up", async () => (await count()) === 3);
  });

  test("in the middle of a transaction: nothing was done, and no lock stays", async () => {
    const database = open();
    const work = database.transaction(async (db) => {
      await sql`lock table things in access exclusive mode`.execute(db);
      await sql`insert into things values (1)`.execute(db);
      server.pause();
      await sql`insert into things values (2)`.execute(db);
    });
    expect((await failing(work)).failure).toMatchObject({ code: "TIMEOUT", outcome: "refused" });
    server.resume();
    await write(database);
    expect(await count()).toBe(1);
  });

  test("leaves no connection behind once the database is closed", async () => {
    const before = sockets();
    const database = open();
    await write(database);
    server.pause();
    await database.close();
    expect(sockets()).toBe(before);
  });
});

describe("a server that ends", () => {
  test("takes neither the process along nor the next piece of work", async () => {
    const database = open();
    await write(database);
    await server.restart();
    await write(database);
    expect(await count()).toBe(2);
  });

  test("in the middle of a statement leaves open whether it was done", async () => {
    const database = openPatient();
    const settled = failing(database.run((db) => sql`insert into things select 1 from pg_sleep(10)`.execute(db)));
    await terminate("insert");
    expect((await settled).failure).toMatchObject({ code: "57P01", outcome: "unknown" });
    await write(database);
    expect(await count()).toBe(1);
  });

  test("in the middle of a transaction is what the caller is told, and not that the rest of it failed", async () => {
    const work = openPatient().transaction(async (db) => {
      await sql`insert into things values (1)`.execute(db);
      await sql`select pg_sleep(10) as pause`.execute(db);
    });
    const settled = failing(work);
    await terminate("select pg_sleep");
    expect((await settled).failure).toMatchObject({ code: "57P01", outcome: "refused" });
    expect(await count()).toBe(0);
  });

  test("is reported once, and so is its return", async () => {
    const database = open();
    await Promise.all([write(database), write(database)]);
    await server.kill();
    await Promise.all([failing(write(database)), failing(write(database))]);
    await failing(write(database));
    await server.start();
    await write(database);
    const at = { host: "127.0.0.1", port: server.port };
    expect(events).toMatchObject([
      { kind: "database_ready", ...at },
      { kind: "database_away", ...at },
      { kind: "database_ready", ...at },
    ]);
  });
});

test("a statement that waits for somebody's lock is ended by the server: nothing was done, and its connection goes on", async () => {
  const [holder, database] = [open(), open()];
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = holder.transaction(async (db) => {
    await sql`lock table things in access exclusive mode`.execute(db);
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  const { failure, ms } = await failing(write(database));
  expect(failure).toMatchObject({ outcome: "refused", code: expect.stringMatching(/^(57014|55P03)$/) });
  expect(ms).toBeLessThan(2_000);
  held.resolve();
  await holding;
  await write(database);
  expect(await count()).toBe(1);
});

test("a transaction that went on after a refused statement is not reported as done", async () => {
  const work = open().transaction(async (db) => {
    await sql`insert into things values (1)`.execute(db);
    await sql`insert into nothing values (1)`.execute(db).catch(() => undefined);
  });
  await expect(work).rejects.toMatchObject({ name: "DatabaseFailure", code: "ABORTED", outcome: "refused" });
  expect(await count()).toBe(0);
});

test("the server itself ends what a replica that is cut off leaves open", async () => {
  const { rows } = await open().run((db) =>
    sql`select name, setting from pg_settings where name in ('idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout')
      order by name`.execute(db),
  );
  expect(rows).toEqual([
    { name: "idle_in_transaction_session_timeout", setting: "5000" },
    { name: "lock_timeout", setting: String(statementLimitMs) },
    { name: "statement_timeout", setting: String(statementLimitMs) },
  ]);
});

test("an integer beyond what a number holds exactly is a mistake, not another number", async () => {
  await server.query("insert into things values (9007199254740993)");
  await expect(read(open())).rejects.toMatchObject({ name: "DatabaseFailure" });
  await server.query("update things set n = 9007199254740991");
  expect(await read(open())).toEqual([{ n: 9_007_199_254_740_991 }]);
});

test("the environment of the process changes nothing about its connections", async () => {
  const given = { PGOPTIONS: "-c default_transaction_read_only=on", PGSSLMODE: "no-verify", PGUSER: "nobody", PGAPPNAME: "other" };
  Object.assign(process.env, given);
  try {
    await write(open());
  } finally {
    for (const name of Object.keys(given)) delete process.env[name];
  }
  expect(await count()).toBe(1);
});

test("neither the password nor the address's user is in a failure", async () => {
  const password = new Secret("canary-password");
  const closed = { ...server.address(), user: "canary-user", password, port: 1 };
  const unknown = { ...server.address("missing"), user: "canary-user", password };
  for (const address of [closed, unknown]) {
    const { failure } = await failing(write(open(address)));
    const shown = `${inspect(failure, { depth: 9, showHidden: true })} ${JSON.stringify(events)}`;
    expect(shown).toContain("DatabaseFailure");
    expect(shown).not.toContain("canary");
  }
});

describe("with TLS", () => {
  const certificate = makeCertificate("localhost");
  const trusted = getCACertificates("default");
  let secure: PostgresServer;
  const at = (host: string) => ({ ...secure.address(), tls: true, host });

  beforeAll(async () => {
    secure = await startPostgres({ tls: certificate });
  });
  afterEach(() => setDefaultCACertificates(trusted));
  afterAll(() => secure.stop());

  test("a server whose certificate nobody vouches for gets no password", async () => {
    const { failure } = await failing(one(open(at("localhost"))));
    expect(failure).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT", outcome: "refused" });
  });

  test("a server with another host's certificate is refused, though it is valid", async () => {
    setDefaultCACertificates([certificate.cert]);
    const { failure } = await failing(one(open(at("127.0.0.1"))));
    expect(failure).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID", outcome: "refused" });
    expect(await one(open(at("localhost")))).toEqual([{ n: 1 }]);
  });

  test("a server that does not speak it is refused rather than spoken to in clear", async () => {
    const { failure } = await failing(one(open({ ...server.address(), tls: true })));
    expect(failure).toMatchObject({ code: "AWAY", outcome: "refused" });
  });
});
