import { beforeEach, expect, test } from "vitest";
import type { RevocationLog } from "../../src/exchange/revocation-ports.ts";
import type { Database } from "../../src/store/database.ts";
import { createRevocationLog } from "../../src/store/revocation-log.ts";
import { nowSeconds, revocationLogContract, subjectRevocation, tokenRevocation } from "../cache/revocation-log-contract.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";

onEachDatabase((_, open) => {
  let databases: readonly [Database, Database];
  let logs: readonly [RevocationLog, RevocationLog];

  beforeEach(async () => {
    databases = [await open(), await open()];
    logs = [createRevocationLog(databases[0]), createRevocationLog(databases[1])];
  });

  revocationLogContract({ logs: () => logs });

  test("an append that fails half-way leaves no gap and takes nothing back", async () => {
    const [log] = logs;
    const [database] = databases;
    await log.append(tokenRevocation("a"));
    const breaking: Pick<Database, "run" | "transaction"> = {
      run: (work) => database.run(work),
      transaction: (work) =>
        database.transaction(async (db) => {
          await work(db);
          throw new Error("the process ended here");
        }),
    };
    await expect(createRevocationLog(breaking).append(tokenRevocation("a", { expiresAt: nowSeconds + 900 }))).rejects.toThrow("ended here");
    const { head, entries } = await log.readSince(0, 10);
    expect(head.seq).toBe(1);
    expect(entries).toEqual([{ seq: 1, revocation: tokenRevocation("a") }]);
    expect((await log.append(tokenRevocation("b"))).seq).toBe(2);
  });

  test("a subject's row that has lost its instant refuses all of that subject's tokens, not none", async () => {
    await logs[0].append(subjectRevocation("alice"));
    await databases[0].run((db) => db.updateTable("revocations").set({ until: null }).execute());
    const { entries } = await logs[1].readSince(0, 10);
    expect(entries.map(({ revocation }) => revocation)).toEqual([subjectRevocation("alice", { until: nowSeconds + 300 })]);
  });

  test("a database that is closed is STORE_UNAVAILABLE", async () => {
    await databases[0].close();
    await expect(logs[0].append(tokenRevocation("a"))).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
    await expect(logs[0].readSince(0, 1)).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
  });
});
