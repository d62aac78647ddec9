import { beforeEach, expect, test } from "vitest";
import { maxTellingsPerProvider, type TellingQueue } from "../../src/exchange/revocation-ports.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { createTellingNames } from "../../src/sealing/telling-names.ts";
import type { Database } from "../../src/store/database.ts";
import { sealedColumns } from "../../src/store/sealed-columns.ts";
import { createUpstreamRevocationQueue } from "../../src/store/upstream-revocations.ts";
import { flipped, type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { telling, tellingQueueContract, tokensOf } from "../cache/upstream-revocations-contract.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";

onEachDatabase((_, open) => {
  let clock: FrozenClock;
  let database: Database;
  let alarms: number;
  let queues: readonly [TellingQueue, TellingQueue];

  function queueOn(on: Database, key = "a"): TellingQueue {
    const sealer = createSealer([masterKey(key)], sealedColumns.upstreamToken.purpose);
    return createUpstreamRevocationQueue({
      database: on,
      sealer,
      nameOf: createTellingNames(masterKey("a")),
      clock,
      onAlarm: () => {
        alarms += 1;
      },
    });
  }

  beforeEach(async () => {
    clock = frozenClock();
    alarms = 0;
    database = await open();
    queues = [queueOn(database), queueOn(await open())];
  });

  tellingQueueContract({ queues: () => queues, clock: () => clock });

  test("it survives the process", async () => {
    await (await queues[0].add(telling()))?.later(clock());
    expect(tokensOf(await queueOn(await open()).takeDue(10))).toEqual(["token-1"]);
  });

  test("whoever reads the database learns no token", async () => {
    await queues[0].add(telling("readable"));
    const rows = await database.run((db) => db.selectFrom("upstream_revocations").selectAll().execute());
    expect(rows.map((row) => Buffer.from(row.sealed_token).toString("latin1")).join("")).not.toContain("readable");
    expect(JSON.stringify(rows)).not.toContain("readable");
  });

  test.each<[string, (sealed: Uint8Array) => Record<string, unknown>]>([
    ["changed in one bit", (sealed) => ({ sealed_token: flipped(sealed, 200) })],
    ["cut short", (sealed) => ({ sealed_token: sealed.subarray(0, -1) })],
    ["moved to another provider, which would be told it", () => ({ provider: "attacker" })],
    ["moved to another row", () => ({ id: "00000000-0000-4000-8000-000000000000" })],
    ["called another kind of token", () => ({ hint: "access_token" })],
  ])("a row that was %s is told to nobody and is an alarm; the others are told", async (_name, tamper) => {
    await (await queues[0].add(telling("victim")))?.later(clock());
    const { sealed_token: sealed } = await database.run((db) =>
      db.selectFrom("upstream_revocations").selectAll().executeTakeFirstOrThrow(),
    );
    await database.run((db) => db.updateTable("upstream_revocations").set(tamper(sealed)).execute());
    await (await queues[0].add(telling("other")))?.later(clock());
    expect(tokensOf(await queues[1].takeDue(10))).toEqual(["other"]);
    expect(alarms).toBe(1);
    expect(await queues[0].takeDue(10)).toEqual([]);
    expect(alarms).toBe(1);
  });

  test("a replica that lacks the key leaves a row to one that has it", async () => {
    await (await queues[0].add(telling()))?.later(clock());
    expect(await queueOn(database, "x").takeDue(10)).toEqual([]);
    clock.advance(300_000);
    expect(tokensOf(await queues[1].takeDue(10))).toEqual(["token-1"]);
  });

  test("one provider's outage fills its own share and no other's", async () => {
    const { add } = queues[0];
    await add(telling());
    await database.transaction(async (db) => {
      const row = await db.selectFrom("upstream_revocations").selectAll().executeTakeFirstOrThrow();
      const rows = Array.from({ length: maxTellingsPerProvider - 1 }, (_entry, index) => ({ ...row, id: `copy-${index}` }));
      for (let at = 0; at < rows.length; at += 1_000)
        await db
          .insertInto("upstream_revocations")
          .values(rows.slice(at, at + 1_000))
          .execute();
    });
    await expect(add(telling("beyond"))).rejects.toEqual(
      refusal("STORE_UNAVAILABLE", { cause: expect.objectContaining({ code: "FULL" }) }),
    );
    await expect(add(telling("a", { provider: "other" }))).resolves.toBeDefined();
  });

  test("a database that is closed is STORE_UNAVAILABLE", async () => {
    const taken = await queues[0].add(telling());
    await database.close();
    for (const ask of [() => queues[0].add(telling()), () => queues[0].takeDue(1), () => queues[0].dropExpired(), () => taken?.done()]) {
      await expect(ask()).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
    }
  });
});
