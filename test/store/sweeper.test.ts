import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import { createSweeper, type Sweeper } from "../../src/store/sweeper.ts";
import { frozenClock, nowMs } from "../cache/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { onEachDatabase, onPostgres } from "./database-rig.ts";

const toleranceMs = 300_000;
/** The last instant that is swept now, and the first that is not. */
const [over, alive] = [nowMs - toleranceMs, nowMs - toleranceMs + 1_000];
const failures: unknown[] = [];
let sweepers: Sweeper[];
/** Ends a sweeper's wait between two rounds. */
let nextRound: () => void;
let waitedMs: number[];

beforeEach(() => {
  failures.length = 0;
  sweepers = [];
  waitedMs = [];
});
afterEach(() => Promise.all(sweepers.map((sweeper) => sweeper.close())));

function sweeperOn(database: Database): Sweeper {
  const sweeper = createSweeper({
    database,
    clock: frozenClock(),
    onFailure: (failure) => void failures.push(failure),
    wait: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        waitedMs.push(ms);
        nextRound = resolve;
        signal.addEventListener("abort", () => reject(new Error("closed")));
      }),
  });
  sweepers.push(sweeper);
  return sweeper;
}

const mark = (name: string, expiresAt: number) => ({ name, nonce: "", sealed: null, expires_at: expiresAt });
const names = async (database: Database) =>
  (await database.run((db) => db.selectFrom("one_time").select("name").orderBy("name").execute())).map((row) => row.name);

onEachDatabase((_, open) => {
  let database: Database;

  beforeEach(async () => {
    database = await open();
  });

  test("what is expired goes from every table, and what another replica's clock may still count stays", async () => {
    await database.run(async (db) => {
      await db
        .insertInto("one_time")
        .values([mark("alive", alive), mark("over", over)])
        .execute();
      const revocation = { kind: "token", provider: "main", until: null } as const;
      await db
        .insertInto("revocations")
        .values([
          { ...revocation, seq: 1, id: "alive", expires_at: alive / 1_000 },
          { ...revocation, seq: 2, id: "over", expires_at: over / 1_000 },
        ])
        .execute();
      const family = { client_id: "web", provider: "main", generation: 1, created_at: 0, rotated_at: 0, tokens: "[]" };
      const sealed_grant = Buffer.from("sealed");
      await db
        .insertInto("handle_families")
        .values([
          { ...family, id: "alive", sealed_grant, expires_at: alive },
          { ...family, id: "over", sealed_grant, expires_at: over },
        ])
        .execute();
    });
    sweeperOn(database).start();
    await eventually("the first round", () => waitedMs.length === 1);
    expect(await names(database)).toEqual(["alive"]);
    for (const table of ["revocations", "handle_families"] as const) {
      expect(await database.run((db) => db.selectFrom(table).select("id").execute())).toEqual([{ id: "alive" }]);
    }
    expect(await database.run((db) => db.selectFrom("revocation_head").select("id").execute())).toEqual([{ id: 1 }]);
    expect(failures).toEqual([]);
  });

  test("more than one statement takes goes in one round, also where two replicas sweep at the same time", async () => {
    const marks = Array.from({ length: 2_345 }, (_entry, index) => mark(`n${index}`, over));
    await database.transaction(async (db) => {
      for (let at = 0; at < marks.length; at += 500)
        await db
          .insertInto("one_time")
          .values(marks.slice(at, at + 500))
          .execute();
    });
    sweeperOn(database).start();
    sweeperOn(await open()).start();
    await eventually("both first rounds", () => waitedMs.length === 2);
    expect(await names(database)).toEqual([]);
    expect(failures).toEqual([]);
  });

  test("a round that fails is reported, and the next one comes a minute later all the same", async () => {
    let broken = true;
    const failing: Database = {
      ...database,
      run: (work, options) => (broken ? Promise.reject(new DatabaseFailure("AWAY", "refused")) : database.run(work, options)),
    };
    await database.run((db) => db.insertInto("one_time").values(mark("over", over)).execute());
    sweeperOn(failing).start();
    await eventually("the first round", () => waitedMs.length === 1);
    expect(failures).toEqual(["one_time", "revocations", "handle_families", "connections"].map((table) => ({ table, code: "AWAY" })));
    broken = false;
    nextRound();
    await eventually("the second round", () => waitedMs.length === 2);
    expect(await names(database)).toEqual([]);
    expect(waitedMs).toEqual([60_000, 60_000]);
  });

  test("closed, it begins nothing more, also where it was never started", async () => {
    const sweeper = sweeperOn(database);
    sweeper.start();
    await eventually("the first round", () => waitedMs.length === 1);
    await sweeper.close();
    await sweeperOn(database).close();
    expect(waitedMs.length).toBe(1);
  });
});

onPostgres((open) => {
  test("a row that somebody holds is left to the next round instead of waited for", async () => {
    const [database, other] = [await open(), await open()];
    await database.run((db) =>
      db
        .insertInto("one_time")
        .values([mark("free", over), mark("held", over)])
        .execute(),
    );
    await other.transaction(async (db) => {
      await db.selectFrom("one_time").selectAll().where("name", "=", "held").forUpdate().execute();
      sweeperOn(database).start();
      await eventually("the first round", () => waitedMs.length === 1);
      expect(await names(database)).toEqual(["held"]);
    });
    expect(failures).toEqual([]);
    nextRound();
    await eventually("the second round", () => waitedMs.length === 2);
    expect(await names(database)).toEqual([]);
  });
});
