import { expect, it } from "vitest";
import { createFamilyEnding } from "../../src/store/family-ending.ts";
import { refusal } from "../exchange/fixtures.ts";
import { removeSpools } from "../vault/vault-rig.ts";
import { onSqlite } from "./database-rig.ts";
import { createFamilyRig } from "./family-rig.ts";

removeSpools();

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

  it("a family that lapses leaves alone what was handed out, and a later generation of it lives on", async () => {
    const { ending, row, rounds } = await start();
    await ending.lapse({ ...(await row()), generation: 7 }, "lapsed");
    expect((await row()).ended_at).toBeNull();
    await ending.lapse(await row(), "lapsed");
    expect([(await row()).ended_reason, rounds()]).toEqual(["lapsed", 0]);
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
