import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";

let folder: string;
let file: string;
const opened: Database[] = [];

function open(at = file): Database {
  const database = openSqlite(at);
  opened.push(database);
  return database;
}

const make = (database: Database) => database.run((db) => sql`create table if not exists things (n bigint)`.execute(db));
const write = (database: Database) => database.run((db) => sql`insert into things values (1)`.execute(db));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-sqlite-"));
  file = join(folder, "cambio.db");
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
  await rm(folder, { recursive: true, force: true });
});

test("nobody but its user may read the file, nor its journals", async () => {
  await make(open());
  for (const name of ["cambio.db", "cambio.db-wal", "cambio.db-shm"]) {
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  }
});

test("the mode that an operator gave to the file stays", async () => {
  await writeFile(file, "");
  await chmod(file, 0o640);
  await make(open());
  expect((await stat(file)).mode & 0o777).toBe(0o640);
});

test("a commit is on the disk before it is answered", async () => {
  const database = open();
  const { rows } = await database.run(async (db) => ({
    rows: [...(await sql`pragma synchronous`.execute(db)).rows, ...(await sql`pragma journal_mode`.execute(db)).rows],
  }));
  expect(rows).toEqual([{ synchronous: 2 }, { journal_mode: "wal" }]);
});

test("a file in a missing folder fails with the system's word, one that is no database with SQLite's", async () => {
  expect(() => openSqlite(join(folder, "missing", "cambio.db"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  await writeFile(file, "this is not a database, whatever its name says ".repeat(40));
  expect(() => openSqlite(file)).toThrow(expect.objectContaining({ name: "DatabaseFailure", code: "NOTADB" }));
  expect((await readFile(file, "utf8")).startsWith("this is not")).toBe(true);
});

test("while another process writes, a transaction that read first is not refused for it", async () => {
  const [database, other] = [open(), open()];
  await make(database);
  const failing = database.transaction(async (db) => {
    await sql`select * from things`.execute(db);
    // Had this transaction only begun to read, this write would come in between and spoil it.
    await expect(write(other)).rejects.toMatchObject({ code: "BUSY", outcome: "refused" });
    await sql`insert into things values (2)`.execute(db);
  });
  await failing;
  const { rows } = await other.run((db) => sql`select n from things`.execute(db));
  expect(rows).toEqual([{ n: 2 }]);
});

test("another process's write is waited for, and everything else goes on meanwhile", async () => {
  const database = open();
  await make(database);
  const other = new DatabaseSync(file);
  other.exec("begin immediate");
  const writing = write(database);
  const inTransaction = database.transaction((db) => sql`insert into things values (2)`.execute(db));
  // Were the process to stand still, this would come too late.
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  other.exec("commit");
  other.close();
  await Promise.all([writing, inTransaction]);
  expect((await database.run((db) => sql`select n from things`.execute(db))).rows.length).toBe(2);
});

test("another process's lock that does not end is not waited for without end, and nothing was done", async () => {
  const database = open();
  await make(database);
  const other = new DatabaseSync(file);
  other.exec("begin exclusive");
  await expect(write(database)).rejects.toMatchObject({ code: "BUSY", outcome: "refused" });
  await expect(database.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: "BUSY", outcome: "refused" });
  other.exec("rollback");
  other.close();
  await write(database);
});

test("work that waits for its turn beyond its limit is not begun at all", async () => {
  const database = open();
  const held = Promise.withResolvers<void>();
  const first = database.run(() => held.promise);
  let begun = false;
  const second = database.run(
    async () => {
      begun = true;
    },
    { limitMs: 20 },
  );
  await expect(second).rejects.toMatchObject({ code: "TIMEOUT", outcome: "refused" });
  held.resolve();
  await first;
  await make(database);
  expect(begun).toBe(false);
});

test("a full disk in the middle of a transaction is what the caller is told, and nothing was done", async () => {
  const database = open();
  await make(database);
  const work = database.transaction(async (db) => {
    await sql`pragma max_page_count = 10`.execute(db);
    await sql`insert into things values (1)`.execute(db);
    await sql`insert into things values (zeroblob(100000))`.execute(db);
  });
  await expect(work).rejects.toMatchObject({ code: "FULL", outcome: "refused" });
  expect((await database.run((db) => sql`select n from things`.execute(db))).rows).toEqual([]);
});

test("a database in memory is one of its own", async () => {
  const [one, two] = [open(":memory:"), open(":memory:")];
  await make(one);
  await write(one);
  await expect(write(two)).rejects.toMatchObject({ name: "DatabaseFailure", outcome: "refused" });
});

test("an integer beyond what a number holds exactly is a mistake, not another number", async () => {
  const database = open();
  await make(database);
  await database.run((db) => sql`insert into things values (9007199254740993)`.execute(db));
  await expect(database.run((db) => sql`select n from things`.execute(db))).rejects.toThrow(/too large|out of range/i);
});

test("a command waits for a service that is writing, where the service itself never stands still", async () => {
  await make(open());
  // It lets go by itself: whoever waits for a lock of SQLite stands still, and could tell nobody.
  const holder = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     const { DatabaseSync } = require("node:sqlite");
     const database = new DatabaseSync(workerData);
     database.exec("begin immediate");
     parentPort.postMessage("held");
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
     database.exec("commit");
     database.close();`,
    { eval: true, workerData: file },
  );
  const ended = once(holder, "exit");
  await once(holder, "message");
  const command = openSqlite(file, 10_000);
  await expect(write(command)).resolves.toBeDefined();
  await command.close();
  await ended;
});
