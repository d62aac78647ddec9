import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { migrateCommand } from "../../src/cli/migrate.ts";
import { resealCommand } from "../../src/cli/reseal.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import type { Database } from "../../src/store/database.ts";
import { createOneTimeStore } from "../../src/store/one-time-store.ts";
import { openDatabase } from "../../src/store/open-database.ts";
import { sealedColumns } from "../../src/store/sealed-columns.ts";
import { frozenClock, masterKey, pendingState } from "../cache/fixtures.ts";

const [old, fresh] = [masterKey("old", 1), masterKey("fresh", 2)];
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cambio-commands-"));
  file = join(folder, "cambio.db");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What the commands read of a configuration. */
function configured(database: Configuration["database"] | "file", keys: readonly MasterKey[] = [fresh, old]): Configuration {
  const given = database === "file" ? { location: { kind: "sqlite" as const, file }, migrate_at_start: true, handle_idle: 1 } : database;
  return { database: given, sealing: keys.length === 0 ? undefined : { keys } } as unknown as Configuration;
}

async function run(
  command: (configuration: Configuration, output: { out(text: string): void; error(text: string): void }) => Promise<number>,
  configuration: Configuration,
) {
  const written = { out: "", error: "" };
  const status = await command(configuration, {
    out: (text) => void (written.out += text),
    error: (text) => void (written.error += text),
  });
  return { status, ...written };
}

async function inside<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase({ kind: "sqlite", file });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const keep = (key: MasterKey, state: string) =>
  inside((database) =>
    createOneTimeStore({
      database,
      names: createOneTimeNames([fresh, old]),
      sealer: createSealer([key], sealedColumns.pendingState.purpose),
      clock: frozenClock(),
      onAlarm: () => undefined,
    }).keepState(state, pendingState({ codeVerifier: new Secret("canary-verifier") })),
  );

describe("cambio migrate", () => {
  test("says which steps it took, and then that there are none", async () => {
    expect(await run(migrateCommand, configured("file"))).toEqual({
      status: 0,
      out: "applied 0001-first-tables\napplied 0002-signing-keys\napplied 0003-vault\n",
      error: "",
    });
    expect(await run(migrateCommand, configured("file"))).toEqual({ status: 0, out: "the database is up to date\n", error: "" });
  });

  test("refuses a database of a newer version", async () => {
    await run(migrateCommand, configured("file"));
    await inside((database) =>
      database.run((db) => sql`insert into cambio_migrations values ('9999-later', '2040-01-01T00:00:00.000Z')`.execute(db)),
    );
    const { status, error } = await run(migrateCommand, configured("file"));
    expect(status).toBe(1);
    expect(error).toContain("newer version");
  });

  test.each<[string, () => Configuration, string]>([
    ["no database is configured", () => configured(undefined), "there is no database"],
    [
      "its server is away",
      () =>
        configured({
          location: {
            kind: "postgres",
            address: {
              host: "127.0.0.1",
              port: 1,
              tls: false,
              user: "canary-user",
              password: new Secret("canary-password"),
              database: "x",
            },
          },
          migrate_at_start: false,
          handle_idle: 1,
        }),
      "the database cannot be used: ECONNREFUSED",
    ],
    [
      "its folder is missing",
      () =>
        configured({ location: { kind: "sqlite", file: join(folder, "canary-folder", "x.db") }, migrate_at_start: true, handle_idle: 1 }),
      "the database cannot be opened: ENOENT",
    ],
  ])("fails with one line where %s", async (_, configuration, line) => {
    const { status, out, error } = await run(migrateCommand, configuration());
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(error).toContain(line);
    expect(error.split("\n").length).toBe(2);
    expect(error).not.toContain("canary");
  });
});

describe("cambio reseal", () => {
  test("says for each column what it did, and that the other keys may go", async () => {
    await run(migrateCommand, configured("file"));
    await keep(old, "one");
    await keep(fresh, "two");
    const { status, out, error } = await run(resealCommand, configured("file"));
    expect({ status, error }).toEqual({ status: 0, error: "" });
    expect(out).toContain("one_time.sealed: 1 resealed under fresh, 1 already, 0 unreadable\n");
    expect(out).toContain("handle_families.sealed_grant: 0 resealed under fresh, 0 already, 0 unreadable\n");
    expect(out).toContain("every sealed column is under the first key\n");
    expect((await run(resealCommand, configured("file", [fresh]))).status).toBe(0);
  });

  test("ends with 1 where something is unreadable, and leaves it", async () => {
    await run(migrateCommand, configured("file"));
    await keep(masterKey("lost", 9), "one");
    const { status, out, error } = await run(resealCommand, configured("file"));
    expect(status).toBe(1);
    expect(out).toContain("0 resealed under fresh, 0 already, 1 unreadable\n");
    expect(out).not.toContain("everything");
    expect(error).toContain("unreadable was left as it is");
    expect(await inside((database) => database.run((db) => db.selectFrom("one_time").select("name").execute()))).toHaveLength(1);
  });

  test("does nothing to a database that is not up to date, nor without a key", async () => {
    expect(await run(resealCommand, configured("file"))).toEqual({
      status: 1,
      out: "",
      error: "the database is not up to date: run cambio migrate\n",
    });
    expect((await run(resealCommand, configured("file", []))).error).toContain("no key to seal with");
  });
});
