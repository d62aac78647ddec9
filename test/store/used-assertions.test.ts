import { beforeEach, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import type { UsedAssertions } from "../../src/exchange/one-time-ports.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import type { Database } from "../../src/store/database.ts";
import { createUsedAssertions } from "../../src/store/used-assertions.ts";
import { type FrozenClock, frozenClock, masterKey, nowMs } from "../cache/fixtures.ts";
import { usedAssertionsContract } from "../cache/used-assertions-contract.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";
import { createLossyDatabase } from "./lossy-database.ts";

const soon = nowMs + 300_000;
const [a, b] = [masterKey("a"), masterKey("b")];
let clock: FrozenClock;

function on(database: Database, keys: readonly MasterKey[] = [a]): UsedAssertions {
  return createUsedAssertions({ database, names: createOneTimeNames(keys), clock });
}

onEachDatabase((_, open) => {
  let database: Database;
  let used: UsedAssertions;
  let other: UsedAssertions;

  beforeEach(async () => {
    clock = frozenClock();
    database = await open();
    [used, other] = [on(database), on(await open())];
  });

  usedAssertionsContract({
    replicas: () => [used, other],
    async pass(ms) {
      clock.advance(ms);
    },
  });

  test("replicas in the middle of a change of keys still share one memory", async () => {
    expect(await on(database, [a, b]).claim("batch", "id-1", soon)).toBe(true);
    expect(await on(database, [b]).claim("batch", "id-1", soon)).toBe(false);
  });

  test("no id is readable in the database", async () => {
    await used.claim("batch", "readable-id", soon);
    const rows = await database.run((db) => db.selectFrom("one_time").selectAll().execute());
    expect(rows).toMatchObject([{ expires_at: soon, sealed: null }]);
    expect(JSON.stringify(rows)).not.toContain("readable");
  });

  test("an answer that was lost is unavailable and never a yes; the assertion stays used", async () => {
    const lossy = createLossyDatabase(database);
    lossy.lose(1);
    await expect(on(lossy).claim("batch", "id-1", soon)).rejects.toEqual(refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 }));
    expect(await other.claim("batch", "id-1", soon)).toBe(false);
  });
});
