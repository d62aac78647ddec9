import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import {
  advanceConnection,
  type ConnectionRow,
  endConnection,
  insertConnection,
  type NextTokens,
} from "../../src/store/connection-rows.ts";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import {
  insertIntent,
  loseIntent,
  readIntents,
  readUnsettled,
  type RefreshIntent,
  withdrawIntent,
} from "../../src/store/refresh-intents.ts";
import { nowMs } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase, onPostgres, type OpenDatabase } from "./database-rig.ts";

const connection: ConnectionRow = {
  id: "connection-1",
  client_id: "web",
  provider: "main",
  account_id: "account-1",
  kept: 1,
  generation: 3,
  sealed_grant: Buffer.from("grant"),
  sealed_tokens: Buffer.from("tokens"),
  created_at: nowMs,
  refreshed_at: nowMs,
  used_at: nowMs,
  due_at: null,
  ended_at: null,
  ended_reason: null,
  tell_at: null,
  expires_at: nowMs + 1_000,
};
const at = { id: connection.id, generation: connection.generation };
const next: NextTokens = {
  generation: 4,
  sealed_grant: Buffer.from("next"),
  sealed_tokens: Buffer.from("next"),
  refreshed_at: nowMs,
  due_at: null,
};

const intent = (given: Partial<RefreshIntent> = {}): RefreshIntent => ({
  connection_id: connection.id,
  generation: 3,
  attempt: 0,
  spool: "one",
  call: "call-1",
  created_at: nowMs,
  outcome: null,
  ...given,
});

async function start(open: OpenDatabase): Promise<Database> {
  const database = await open();
  await insertConnection(database, connection);
  return database;
}

onEachDatabase((_, open) => {
  describe("the right to send", () => {
    it("is one caller's for each attempt, however many want it at once", async () => {
      const first = await start(open);
      const databases = [first, await open(), await open()];
      const wanted = Array.from({ length: 20 }, (_each, index) =>
        insertIntent(databases[index % 3] ?? first, intent({ call: `call-${index}` })),
      );
      // On SQLite one of two processes may be told that the file is busy: it has no right to send either.
      const got = await Promise.allSettled(wanted);
      expect(got.filter((one) => one.status === "fulfilled" && one.value).length).toBe(1);
    });

    it("is nobody's for a generation that is over, or is not there yet, nor for a connection that has ended or never was", async () => {
      const database = await start(open);
      await advanceConnection(database, at, next);
      expect(await insertIntent(database, intent())).toBe(false);
      expect(await insertIntent(database, intent({ generation: 5 }))).toBe(false);
      expect(await insertIntent(database, intent({ connection_id: "connection-2" }))).toBe(false);
      await endConnection(
        database,
        { ...at, generation: 4 },
        { reason: "revoked", nowMs, expiresAtMs: nowMs, tellAtMs: null, keepsGrant: true },
      );
      expect(await insertIntent(database, intent({ generation: 4 }))).toBe(false);
      expect(await readUnsettled(database, "one")).toEqual([]);
    });

    it("ends with its generation", async () => {
      const database = await start(open);
      await insertIntent(database, intent());
      expect(await advanceConnection(database, at, next)).toBe(true);
      expect(await advanceConnection(database, at, next)).toBe(false);
      expect(await readIntents(database, at)).toEqual([]);
    });

    it("is given back or lost by whoever has it, once, and by nobody else", async () => {
      const database = await start(open);
      await insertIntent(database, intent());
      expect(await withdrawIntent(database, intent({ call: "call-2" }))).toBe(false);
      expect(await loseIntent(database, intent({ call: "call-2" }))).toBe(false);
      expect(await withdrawIntent(database, intent())).toBe(true);
      expect(await insertIntent(database, intent({ call: "call-3" }))).toBe(true);
      expect(await withdrawIntent(database, intent())).toBe(false);
      expect(await loseIntent(database, intent({ call: "call-3" }))).toBe(true);
      expect(await withdrawIntent(database, intent({ call: "call-3" }))).toBe(false);
      expect(await readIntents(database, at)).toMatchObject([{ call: "call-3", outcome: "lost" }]);
    });
  });
});

onPostgres((open) => {
  it("somebody who wants to send while the next tokens are being written waits for that, and then may not", async () => {
    const database = await start(open);
    const { holding, arrived, release } = held(await open());
    const advancing = advanceConnection(holding, at, next);
    await arrived;
    const wanted = insertIntent(database, intent());
    const first = await Promise.race([wanted.then(() => "sent"), untilBlocked(database).then(() => "waits")]);
    release();
    expect([first, await advancing, await wanted]).toEqual(["waits", true, false]);
  });

  it("an intent whose answer was lost, and which the server commits late, is taken back after that and not before", async () => {
    const database = await start(open);
    const { holding, arrived, release } = held(await open());
    const late = insertIntent(holding, intent());
    await arrived;
    const withdrawn = withdrawIntent(database, intent());
    const first = await Promise.race([withdrawn.then(() => "nothing found"), untilBlocked(database).then(() => "waits")]);
    release();
    expect([first, await late, await withdrawn]).toEqual(["waits", true, true]);
    expect(await readIntents(database, at)).toEqual([]);
  });

  it("a database that is gone is unavailable, and no word about what it holds", async () => {
    const gone: Database = { ...(await start(open)), transaction: () => Promise.reject(new DatabaseFailure("AWAY", "refused")) };
    for (const work of [insertIntent, withdrawIntent]) await expect(work(gone, intent())).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
  });
});

/** A transaction that is held open right before its commit. */
function held(database: Database) {
  const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding: Database = {
    ...database,
    transaction: (work) =>
      database.transaction(async (db) => {
        const result = await work(db);
        arrived.resolve();
        await released.promise;
        return result;
      }),
  };
  return { holding, arrived: arrived.promise, release: released.resolve };
}

async function untilBlocked(database: Database): Promise<void> {
  await expect.poll(() => waiting(database)).toBeGreaterThan(0);
}

/** How many sessions wait for another one's lock. */
async function waiting(database: Database): Promise<number> {
  const { rows } = await database.run((db) =>
    sql<{ pid: number }>`select pid from pg_stat_activity where wait_event_type = 'Lock'`.execute(db),
  );
  return rows.length;
}
