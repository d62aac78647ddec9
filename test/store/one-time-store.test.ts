import { readFile } from "node:fs/promises";
import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import type { OneTimeStore } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { encodePendingState } from "../../src/sealing/pending-state-codec.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { Database } from "../../src/store/database.ts";
import { createOneTimeStore } from "../../src/store/one-time-store.ts";
import { openPostgres } from "../../src/store/open-postgres.ts";
import { associatedData, sealedColumns } from "../../src/store/sealed-columns.ts";
import { type FrozenClock, flipped, frozenClock, masterKey, nowMs, pendingState } from "../cache/fixtures.ts";
import { oneTimeContract } from "../cache/one-time-contract.ts";
import { refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { onEachDatabase, onPostgres, onSqlite } from "./database-rig.ts";
import { createLossyDatabase } from "./lossy-database.ts";

const code = new Secret("code-1");
const { purpose } = sealedColumns.pendingState;
const [a, b] = [masterKey("a"), masterKey("b")];
const unavailable = refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });
let clock: FrozenClock;
let alarms: unknown[];
/** Waits between attempts to undo a claim: noted, and over at once. */
let waits: number[];

beforeEach(() => {
  clock = frozenClock();
  alarms = [];
  waits = [];
});

function storeOn(database: Database, keys: readonly MasterKey[] = [a]): OneTimeStore {
  return createOneTimeStore({
    database,
    names: createOneTimeNames(keys),
    sealer: createSealer(keys, purpose),
    clock,
    onAlarm: (alarm) => void alarms.push(alarm),
    wait: async (ms) => void waits.push(ms),
  });
}

const rows = (database: Database) => database.run((db) => db.selectFrom("one_time").selectAll().orderBy("name").execute());

onEachDatabase((_, open) => {
  let database: Database;
  let store: OneTimeStore;
  let other: OneTimeStore;

  beforeEach(async () => {
    database = await open();
    store = storeOn(database);
    other = storeOn(await open());
  });

  const set = (sealed: Uint8Array | null) => database.run((db) => db.updateTable("one_time").set({ sealed }).execute());
  const kept = async () => Buffer.from((await rows(database))[0]?.sealed ?? []);

  oneTimeContract({
    stores: () => [store, other],
    async expire() {
      clock.advance(600_000);
    },
  });

  test("marks live to the last millisecond of their ten minutes", async () => {
    await store.claimCode("main", code);
    await store.keepState("state", pendingState());
    expect((await rows(database)).map((row) => row.expires_at)).toEqual([nowMs + 600_000, nowMs + 600_000]);
    clock.advance(599_999);
    expect(await store.claimCode("main", code)).toBeUndefined();
    expect(await store.takeState("state")).toBeDefined();
  });

  test("an expired mark that fifty callers find at the same moment goes to one of them", async () => {
    await store.claimCode("main", code);
    clock.advance(600_000);
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_entry, index) => (index % 2 === 0 ? store : other).claimCode("main", code)),
    );
    expect(claims.filter((claim) => claim !== undefined).length).toBe(1);
  });

  test("neither code nor state nor verifier is readable in the database", async () => {
    await store.claimCode("main", new Secret("readable-code"));
    await store.keepState("readable-state", pendingState({ codeVerifier: new Secret("readable-verifier") }));
    const stored = await rows(database);
    expect(stored.length).toBe(2);
    const shown = stored.map((row) => `${row.name} ${row.nonce} ${Buffer.from(row.sealed ?? []).toString("latin1")}`);
    expect(shown.join("\n")).not.toContain("readable");
  });

  describe("a state tampered with in the database is unknown, gone, and an alarm:", () => {
    test.each<[string, () => Promise<unknown>]>([
      ["replaced", () => set(Buffer.from("{}"))],
      ["emptied", () => set(Buffer.alloc(0))],
      ["taken out", () => set(null)],
      ["one bit changed", async () => set(flipped(await kept(), 300))],
      ["cut short", async () => set((await kept()).subarray(0, -1))],
      ["made huge", () => set(Buffer.alloc(1024 * 1024))],
      [
        "larger than anything that is kept, though genuine",
        async () => {
          const huge = encodePendingState(pendingState({ redirectUri: `https://app.example/${"x".repeat(17_000)}` }));
          const [row] = await rows(database);
          await set(createSealer([a], purpose).seal(huge, associatedData(sealedColumns.pendingState, { name: row?.name ?? "" })));
        },
      ],
      ["sealed for another purpose", async () => set(createSealer([a], "verification").seal(Buffer.from("{}"), ["one_time"]))],
      [
        "sealed under a key of the same name that is not ours",
        async () => set(createSealer([masterKey("a", 7)], purpose).seal(Buffer.from("{}"), [])),
      ],
      [
        "swapped for another sign-in's",
        async () => {
          const [victim] = await rows(database);
          await store.keepState("attacker", pendingState({ redirectUri: "https://attacker.example/" }));
          const swapped = (await rows(database)).find((row) => row.name !== victim?.name);
          await database.run((db) =>
            db
              .deleteFrom("one_time")
              .where("name", "=", swapped?.name ?? "")
              .execute(),
          );
          await set(swapped?.sealed ?? null);
        },
      ],
    ])("%s", async (_name, tamper) => {
      await store.keepState("victim", pendingState());
      await tamper();
      expect(await store.takeState("victim")).toBeUndefined();
      expect(alarms).toEqual([{ kind: "unreadable", store: "states" }]);
      expect(await rows(database)).toEqual([]);
    });
  });

  describe("while master keys rotate", () => {
    test.each([
      ["before and after the new key was added", [a], [a, b]],
      ["before and after it became the first", [a, b], [b, a]],
      ["before and after the old one was removed", [b, a], [b]],
    ])("replicas that have their keys from %s share one authority", async (_name, before, after) => {
      const [old, fresh] = [storeOn(await open(), before), storeOn(await open(), after)];
      for (const [first, second] of [[old, fresh] as const, [fresh, old] as const]) {
        const claim = await first.claimCode("main", code);
        expect(claim).toBeDefined();
        expect(await second.claimCode("main", code)).toBeUndefined();
        await claim?.release();
        expect(await rows(database)).toEqual([]);
      }
      const claims = await Promise.all(
        Array.from({ length: 50 }, (_entry, index) => (index % 2 === 0 ? old : fresh).claimCode("main", code)),
      );
      expect(claims.filter((claim) => claim !== undefined).length).toBe(1);
    });

    test("a claim that finds one of its names taken leaves none of the others marked", async () => {
      await storeOn(database, [b]).claimCode("main", code);
      expect(await storeOn(database, [a, b]).claimCode("main", code)).toBeUndefined();
      expect((await rows(database)).length).toBe(1);
    });

    test("a sign-in begun under the old first key ends under the new one, and the other way round, once", async () => {
      const [old, fresh] = [storeOn(database, [a, b]), storeOn(database, [b, a])];
      for (const [first, second] of [[old, fresh] as const, [fresh, old] as const]) {
        await first.keepState("state", pendingState());
        expect(await second.takeState("state")).toEqual(pendingState());
        expect(await first.takeState("state")).toBeUndefined();
      }
      expect(alarms).toEqual([]);
    });
  });

  describe("when the database cannot tell, the answer is STORE_UNAVAILABLE:", () => {
    test("it is closed: for every method, and nothing of the question is in the answer", async () => {
      await database.close();
      for (const asked of [
        store.claimCode("main", code),
        store.keepState("secret-state", pendingState()),
        store.takeState("secret-state"),
      ]) {
        const failure: unknown = await asked.catch((error: unknown) => error);
        expect(failure).toEqual(unavailable);
        expect(failure).toMatchObject({ cause: { kind: "store", code: "CLOSED", outcome: "refused" } });
        expect(JSON.stringify(failure)).not.toContain("secret-state");
      }
      expect(waits).toEqual([]);
    });

    test("a claim whose answer was lost is undone, so that the user's next attempt is not refused as a replay", async () => {
      const lossy = createLossyDatabase(await open());
      lossy.lose(1);
      await expect(storeOn(lossy).claimCode("main", code)).rejects.toEqual(unavailable);
      await eventually("undoing", async () => (await rows(database)).length === 0);
      expect(await store.claimCode("main", code)).toBeDefined();
    });

    test("undoing is tried again when it fails, for a bounded number of times", async () => {
      const lossy = createLossyDatabase(await open());
      lossy.lose(3);
      await expect(storeOn(lossy).claimCode("main", code)).rejects.toEqual(unavailable);
      await eventually("undoing", () => waits.length === 7);
      expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000]);
      expect(await rows(database)).toEqual([]);
    });

    test("undoing takes back its own mark only: another replica's claim stays", async () => {
      const lossy = createLossyDatabase(await open());
      // The answer to the claim is lost, and so are those to all attempts to undo it but the last.
      lossy.lose(7);
      await expect(storeOn(lossy).claimCode("main", code)).rejects.toEqual(unavailable);
      await eventually("undoing", async () => (await rows(database)).length === 0);
      expect(await other.claimCode("main", code)).toBeDefined();
      await eventually("the last attempt", () => waits.length === 7);
      expect(await store.claimCode("main", code)).toBeUndefined();
    });

    test("release never throws, and a code that could not be given back is given back in the background", async () => {
      const lossy = createLossyDatabase(await open());
      const claim = await storeOn(lossy).claimCode("main", code);
      lossy.lose(1);
      await claim?.release();
      await eventually("giving it back", async () => (await rows(database)).length === 0);
      expect(await store.claimCode("main", code)).toBeDefined();
    });
  });

  test("a pending state beyond its bound is a mistake of ours and is not kept", async () => {
    const huge = pendingState({ redirectUri: `https://app.example/${"x".repeat(17_000)}` });
    await expect(store.keepState("state", huge)).rejects.toThrow("larger than its bound");
    expect(await rows(database)).toEqual([]);
  });
});

onSqlite((open, file) => {
  test("a copy of the file opens nothing for whoever has no key", async () => {
    const database = await open();
    await storeOn(database).keepState("state", pendingState({ codeVerifier: new Secret("readable-verifier") }));
    await database.run((db) => sql`pragma wal_checkpoint(truncate)`.execute(db));
    const copied = (await readFile(file())).toString("latin1");
    for (const secret of ["readable-verifier", "https://app.example", "backend", "nonce-1"]) expect(copied).not.toContain(secret);
    const thief = storeOn(await open(), [masterKey("a", 7)]);
    expect(await thief.takeState("state")).toBeUndefined();
  });
});

onPostgres((open, server) => {
  test("killed and started again under load: every claim is won, lost or unavailable, and none is won twice", async () => {
    const [store, other] = [storeOn(await open()), storeOn(await open())];
    const wins = new Map<string, number>();
    const failures = new Set<string>();
    const attempt = async (text: string, on: OneTimeStore) => {
      try {
        if ((await on.claimCode("main", new Secret(text))) !== undefined) wins.set(text, (wins.get(text) ?? 0) + 1);
      } catch (error) {
        failures.add((error as Error).message);
      }
    };
    const round = (name: string) =>
      Promise.all(Array.from({ length: 200 }, (_entry, index) => attempt(`${name}-${index >> 1}`, index % 2 === 0 ? store : other)));
    await round("before");
    const during = round("during");
    await server().kill();
    await during;
    await round("away");
    await server().start();
    await round("after");
    expect([...failures]).toEqual(["STORE_UNAVAILABLE"]);
    expect(Math.max(...wins.values())).toBe(1);
    const won = (name: string) => [...wins.keys()].filter((text) => text.startsWith(name)).length;
    expect([won("before"), won("away"), won("after")]).toEqual([100, 0, 100]);
  });

  test("a server that falls silent: unavailable within the limit, and what it does later all the same is undone", async () => {
    const address = server().address("cambio");
    const short = openPostgres(address, { connectLimitMs: 700, statementLimitMs: 400 });
    const observer = await open();
    const store = createOneTimeStore({
      database: short,
      names: createOneTimeNames([a]),
      sealer: createSealer([a], purpose),
      clock,
      onAlarm: (alarm) => void alarms.push(alarm),
      wait: () => eventually("the late mark", async () => (await rows(observer)).length === 1),
    });
    await store.takeState("connects");
    server().pause();
    const start = performance.now();
    await expect(store.claimCode("main", code)).rejects.toMatchObject({ reason: "STORE_UNAVAILABLE", cause: { outcome: "unknown" } });
    expect(performance.now() - start).toBeLessThan(2_000);
    server().resume();
    await eventually("the late mark's end", async () => (await storeOn(observer).claimCode("main", code)) !== undefined);
    await short.close();
  });
});
