import { beforeEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { endLease, takeLease } from "../../src/store/leases.ts";
import { onEachDatabase } from "./database-rig.ts";

const name = "keeper main";
const claim = (holder: string, nowMs: number) => ({ name, holder, nowMs, untilMs: nowMs + 30_000 });

onEachDatabase((_, open) => {
  let database: Database;

  beforeEach(async () => {
    database = await open();
  });

  test("one holder has it until it is over, renews it meanwhile, and another one takes it then", async () => {
    expect(await takeLease(database, claim("one", 0))).toBe(true);
    expect(await takeLease(database, claim("two", 29_999))).toBe(false);
    expect(await takeLease(database, claim("one", 29_999))).toBe(true);
    expect(await takeLease(database, claim("two", 30_000))).toBe(false);
    expect(await takeLease(database, claim("two", 59_999))).toBe(true);
    expect(await takeLease(database, claim("one", 60_000))).toBe(false);
  });

  test("of many that ask at the same moment one has it", async () => {
    const replicas = [database, await open(), await open()];
    const asking = Array.from({ length: 30 }, async (_one, index) => {
      const replica = replicas[index % replicas.length] ?? database;
      return takeLease(replica, claim(`holder ${index}`, 0));
    });
    expect((await Promise.all(asking)).filter(Boolean)).toEqual([true]);
  });

  test("given back it is another's from that instant on; one that was lost is not given back for its new holder", async () => {
    await takeLease(database, claim("one", 0));
    await endLease(database, { name, holder: "two", untilMs: 0 });
    expect(await takeLease(database, claim("two", 1_000))).toBe(false);
    await endLease(database, { name, holder: "one", untilMs: 2_000 });
    expect(await takeLease(database, claim("two", 1_999))).toBe(false);
    expect(await takeLease(database, claim("two", 2_000))).toBe(true);
  });
});
