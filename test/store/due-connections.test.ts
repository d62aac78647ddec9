import { beforeEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import {
  hastenConnection,
  moveTelling,
  postponeConnection,
  readDueConnections,
  readIdleConnections,
  readUntoldConnections,
} from "../../src/store/due-connections.ts";
import { connectionRow, insertConnections } from "./connection-fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

onEachDatabase((_, open) => {
  let database: Database;
  const due = (nowMs: number, limit = 10) => readDueConnections(database, { provider: "main", nowMs, limit });

  beforeEach(async () => {
    database = await open();
  });

  test("what is due at one provider comes with what was due first in front, and no more than was asked for", async () => {
    await insertConnections(database, [
      connectionRow({ id: "later", due_at: 3_000 }),
      connectionRow({ id: "second", due_at: 2_000 }),
      connectionRow({ id: "first", due_at: 1_000, generation: 4 }),
      connectionRow({ id: "never", due_at: null }),
      connectionRow({ id: "elsewhere", due_at: 1, provider: "other" }),
    ]);
    expect(ids(await due(2_000))).toEqual(["first", "second"]);
    expect(await due(3_000, 1)).toEqual([
      { id: "first", client_id: "web", provider: "main", account_id: "account of first", generation: 4, due_at: 1_000 },
    ]);
  });

  test("what was refreshed, postponed or ended meanwhile is not postponed", async () => {
    await insertConnections(database, [connectionRow({ id: "a", due_at: 1_000 })]);
    const [seen] = await due(1_000);
    if (seen === undefined) throw new Error("it is not due");
    expect(await postponeConnection(database, seen, 5_000)).toBe(true);
    expect(await postponeConnection(database, seen, 9_000)).toBe(false);
    expect(await due(4_999)).toEqual([]);
    expect(ids(await due(5_000))).toEqual(["a"]);
  });

  test("one is made due at once, unless it has ended, was never there, or is refreshed by whoever has its handle", async () => {
    await insertConnections(database, [
      connectionRow({ id: "a", due_at: 9_000, generation: 7 }),
      connectionRow({ id: "ended", ended_at: 1, ended_reason: "revoked" }),
      connectionRow({ id: "handle", kept: 0 }),
    ]);
    expect(await hastenConnection(database, "a", 500)).toBe(7);
    expect(await hastenConnection(database, "ended", 500)).toBeUndefined();
    expect(await hastenConnection(database, "nobody", 500)).toBeUndefined();
    expect(await hastenConnection(database, "handle", 500)).toBeUndefined();
    expect(ids(await due(500))).toEqual(["a"]);
  });

  test("idle are those whose time is over and that have not ended", async () => {
    await insertConnections(database, [
      connectionRow({ id: "used", expires_at: 1_001 }),
      connectionRow({ id: "idle", expires_at: 1_000 }),
      connectionRow({ id: "ended", expires_at: 1_000, ended_at: 1, ended_reason: "revoked" }),
    ]);
    expect(ids(await readIdleConnections(database, 1_000, 10))).toEqual(["idle"]);
  });

  test("of one that needs its user one replica tells, and whoever was told of stays told", async () => {
    await insertConnections(database, [
      connectionRow({ id: "untold", ended_at: 1_000, ended_reason: "rejected", tell_at: 1_000 }),
      connectionRow({ id: "later", ended_at: 1_000, ended_reason: "in_doubt", tell_at: 9_000 }),
      connectionRow({ id: "told", ended_at: 1_000, ended_reason: "rejected", tell_at: null }),
    ]);
    const untold = await readUntoldConnections(database, 1_000, 10);
    expect(untold).toEqual([
      {
        id: "untold",
        client_id: "web",
        provider: "main",
        account_id: "account of untold",
        ended_reason: "rejected",
        ended_at: 1_000,
        tell_at: 1_000,
      },
    ]);
    const [first] = untold;
    if (first === undefined) throw new Error("there is none");
    const replicas = [database, await open()];
    const moved = await Promise.all(replicas.map((replica) => moveTelling(replica, first, 61_000)));
    expect(moved.filter(Boolean)).toEqual([true]);
    expect(await moveTelling(database, { id: "untold", tell_at: 61_000 }, null)).toBe(true);
    expect(ids(await readUntoldConnections(database, 1_000_000, 10))).toEqual(["later"]);
  });
});
