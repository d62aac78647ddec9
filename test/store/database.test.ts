import { inspect } from "node:util";
import { beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { onEachDatabase } from "./database-rig.ts";

const row = (name: string, overrides: { nonce?: string; sealed?: Uint8Array | null } = {}) => ({
  name,
  nonce: "nonce",
  sealed: null,
  expires_at: 1_800_000_000_000,
  ...overrides,
});
const add = (database: Database, name: string) => database.run((db) => db.insertInto("one_time").values(row(name)).execute());
const names = async (database: Database) => {
  const rows = await database.run((db) => db.selectFrom("one_time").select("name").orderBy("name").execute());
  return rows.map(({ name }) => name);
};

onEachDatabase((_, open) => {
  let database: Database;
  let replica: Database;

  beforeEach(async () => {
    [database, replica] = [await open(), await open()];
  });

  test("what one replica wrote another one reads: instants as numbers, sealed columns as bytes", async () => {
    const sealed = Uint8Array.of(0, 1, 2, 128, 255, 0);
    await database.run((db) => db.insertInto("one_time").values(row("a", { sealed })).execute());
    const [read] = await replica.run((db) => db.selectFrom("one_time").selectAll().execute());
    expect(read?.expires_at).toBe(1_800_000_000_000);
    expect(read?.sealed).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(read?.sealed ?? []).equals(sealed)).toBe(true);
  });

  test("a transaction is carried out as a whole", async () => {
    await database.transaction(async (db) => {
      await db.insertInto("one_time").values(row("a")).execute();
      await db.insertInto("one_time").values(row("b")).execute();
    });
    expect(await names(replica)).toEqual(["a", "b"]);
  });

  test("a transaction whose work fails leaves nothing, and its own failure is what the caller gets", async () => {
    const failure = new Error("ours");
    const work = database.transaction(async (db) => {
      await db.insertInto("one_time").values(row("a")).execute();
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
    expect(await names(replica)).toEqual([]);
  });

  test("fifty replicas' pieces at the same moment are all carried out", async () => {
    await Promise.all(Array.from({ length: 50 }, (_entry, index) => add(database, `n${index}`)));
    expect((await names(replica)).length).toBe(50);
  });

  describe("a failure", () => {
    test("carries neither the statement nor a value, however it is looked at", async () => {
      await add(database, "victim-name");
      const failure = await database
        .run((db) =>
          db
            .insertInto("one_time")
            .values(row("victim-name", { nonce: "secret-nonce" }))
            .execute(),
        )
        .catch((error: unknown) => error);
      const shown = [inspect(failure, { depth: 9, showHidden: true }), JSON.stringify(failure), String(failure), (failure as Error).stack];
      for (const word of ["victim-name", "secret-nonce", "insert into", "one_time"]) expect(shown.join("\n")).not.toContain(word);
      expect(failure).toMatchObject({ name: "DatabaseFailure", outcome: "refused" });
      expect(failure).not.toHaveProperty("cause");
    });

    test("of the only statement says that nothing was done", async () => {
      await add(database, "a");
      await expect(add(database, "a")).rejects.toMatchObject({ outcome: "refused" });
    });

    test("after a statement that was carried out does not say that nothing was done", async () => {
      const work = database.run(async (db) => {
        await db.insertInto("one_time").values(row("a")).execute();
        await db.insertInto("one_time").values(row("a")).execute();
      });
      await expect(work).rejects.toMatchObject({ outcome: "unknown" });
    });

    test("in a transaction says that nothing was done, also after other statements", async () => {
      const work = database.transaction(async (db) => {
        await db.insertInto("one_time").values(row("a")).execute();
        await db.insertInto("one_time").values(row("a")).execute();
      });
      await expect(work).rejects.toMatchObject({ outcome: "refused" });
      expect(await names(replica)).toEqual([]);
    });
  });

  describe("work that does not end is given up at its limit:", () => {
    test("the caller is told, nothing more of it is begun, and other work goes on", async () => {
      const held = Promise.withResolvers<void>();
      const late: unknown[] = [];
      const work = database.run(
        async (db) => {
          await held.promise;
          await db
            .insertInto("one_time")
            .values(row("late"))
            .execute()
            .catch((error: unknown) => late.push(error));
        },
        { limitMs: 50 },
      );
      await expect(work).rejects.toMatchObject({ code: "TIMEOUT", outcome: "refused" });
      await add(database, "a");
      held.resolve();
      await eventually("the late statement's failure", () => late.length > 0);
      expect(late).toMatchObject([{ code: "TIMEOUT", outcome: "refused" }]);
      expect(await names(replica)).toEqual(["a"]);
    });

    test("in the middle of a transaction it leaves nothing behind, no lock either", async () => {
      const held = Promise.withResolvers<void>();
      const work = database.run(
        (db) =>
          db.transaction().execute(async (inside) => {
            await inside.insertInto("one_time").values(row("a")).execute();
            await held.promise;
          }),
        { limitMs: 50 },
      );
      await expect(work).rejects.toMatchObject({ code: "TIMEOUT", outcome: "refused" });
      await add(replica, "a");
      held.resolve();
      expect(await names(database)).toEqual(["a"]);
    });
  });

  test("more work than it can ever do in time is refused at once, not queued", async () => {
    const held = Promise.withResolvers<void>();
    const pieces = Array.from({ length: 1_000 }, () => database.run(() => held.promise));
    await expect(database.run(() => held.promise)).rejects.toMatchObject({ code: "BUSY", outcome: "refused" });
    held.resolve();
    await Promise.all(pieces);
    await add(database, "a");
  });

  test("closed, it lets the work under way end and refuses more", async () => {
    const held = Promise.withResolvers<void>();
    const under = database.run(async (db) => {
      await held.promise;
      await db.insertInto("one_time").values(row("a")).execute();
    });
    const closed = database.close();
    await expect(add(database, "b")).rejects.toMatchObject({ code: "CLOSED", outcome: "refused" });
    held.resolve();
    await under;
    await closed;
    await database.close();
    expect(await names(replica)).toEqual(["a"]);
  });
});
