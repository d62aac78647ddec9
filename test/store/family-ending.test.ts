import { expect, it } from "vitest";
import { createFamilyEnding } from "../../src/store/family-ending.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onSqlite } from "./database-rig.ts";
import { createFamilyRig } from "./family-rig.ts";

onSqlite((open) => {
  /** @param rotating whether the family comes to another generation whenever its tokens are being revoked */
  async function start(rotating = false) {
    const rig = createFamilyRig();
    const database = await open();
    await rig.issue(rig.replica(database));
    const row = () => database.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirstOrThrow());
    const advance = async () => {
      const { generation } = await row();
      await database.run((db) =>
        db
          .updateTable("handle_families")
          .set({ generation: generation + 1 })
          .execute(),
      );
    };
    let rounds = 0;
    const ending = createFamilyEnding({
      database,
      clock: rig.clock,
      async revokeTokens() {
        rounds += 1;
        if (rotating) await advance();
      },
    });
    return { database, ending, row, rounds: () => rounds };
  }

  it("a claim that was given back after somebody took its owner for dead leaves nothing in doubt", async () => {
    const { ending, row } = await start();
    await ending.doubt({ ...(await row()), claim: "its owner's" }, "its owner's");
    expect((await row()).ended_at).toBeNull();
    await ending.doubt(await row());
    expect((await row()).ended_reason).toBe("in_doubt");
  });

  it("a family that is rotated faster than it can be ended is not ended half, and that is no yes", async () => {
    const family = await start(true);
    await expect(family.ending.end(await family.row(), "reused")).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
    expect([(await family.row()).ended_at, family.rounds()]).toEqual([null, 8]);
  });

  it("a family that is forgotten meanwhile has nothing left to end", async () => {
    const { database, ending, row } = await start();
    const before = { ...(await row()), generation: 7 };
    await database.run((db) => db.deleteFrom("handle_families").execute());
    expect(await ending.end(before, "revoked")).toBeUndefined();
  });
});
