import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { type DatabaseLocation, openDatabase } from "../../src/store/open-database.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { DatabaseStartError, wireDatabase } from "../../src/wiring/database.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-canary-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const log = createLog({ level: "error", destination: { write: () => undefined } });

const failureOf = (location: DatabaseLocation, migrates = true): Promise<unknown> =>
  wireDatabase({ location, migrate_at_start: migrates, handle_idle: 1 }, log).then(
    async ({ database }) => database.close(),
    (failure: unknown) => failure,
  );

const inFolder = (name: string): DatabaseLocation => ({ kind: "sqlite", file: join(folder, name) });

/** A table of somebody else's stands where one of ours must be made. */
async function occupied(): Promise<DatabaseLocation> {
  const location = inFolder("occupied.db");
  const database = openDatabase(location);
  await database.run((db) => sql`create table one_time (other text)`.execute(db));
  await database.close();
  return location;
}

async function noDatabase(): Promise<DatabaseLocation> {
  await writeFile(join(folder, "text.db"), "a text that is longer than the header of a database, ".repeat(40));
  return inFolder("text.db");
}

const away: DatabaseLocation = {
  kind: "postgres",
  address: { host: "127.0.0.1", port: 1, tls: false, user: "canary", password: new Secret("canary"), database: "canary" },
};

const fileAdvice = "Check database.file, its folder and this user's rights.";
const urlAdvice = "Check database.url, and that PostgreSQL answers there.";

describe("a start with a database", () => {
  it.each<[string, () => DatabaseLocation | Promise<DatabaseLocation>, string]>([
    ["whose folder is missing", () => inFolder("nowhere/cambio.db"), `the database file cannot be used (ENOENT). ${fileAdvice}`],
    ["whose file is a folder", () => inFolder(""), `the database file cannot be used (EISDIR). ${fileAdvice}`],
    ["whose file is no database", noDatabase, `the database file cannot be used (NOTADB). ${fileAdvice}`],
    ["whose tables cannot be made", occupied, `the database file cannot be used (SQLITE_1). ${fileAdvice}`],
    ["whose server is away", () => away, `the database cannot be used (ECONNREFUSED). ${urlAdvice}`],
  ])("%s says what to look at, and no part of its address", async (_name, location, message) => {
    const failure = await failureOf(await location());
    expect(failure).toBeInstanceOf(DatabaseStartError);
    expect(String(failure)).toBe(`DatabaseStartError: ${message}`);
  });

  it("that is not up to date says how it comes to be", async () => {
    expect(String(await failureOf(inFolder("cambio.db"), false))).toContain("Run `cambio migrate`");
  });

  it("that can be used goes on", async () => {
    expect(await failureOf(inFolder("cambio.db"))).toBeUndefined();
  });
});
