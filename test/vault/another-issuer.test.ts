import { describe, expect, it } from "vitest";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { theIssuer } from "./fake-provider.ts";
import { createVaultRig, foundIn, removeSpools, shown } from "./vault-rig.ts";

const over = refusal("REAUTHENTICATION_REQUIRED");
const another = "https://another.example";

onEachDatabase((_, open) => {
  removeSpools();

  describe("a provider's name that became another issuer's", () => {
    it.each([true, false])("gets no token that the former one gave, by refresh or as its own: kept by its id %s", async (byId) => {
      const rig = createVaultRig();
      const vault = rig.process(await open());
      const { id } = await rig.signIn(vault, { byId });
      for (const beyond of [undefined, 0]) await expect(rig.ask(vault, id, { issuer: another, beyond })).rejects.toThrow(over);
      expect([rig.provider.presented, rig.ended]).toEqual([[], []]);
      // Nothing is lost by a mistake in a configuration that is taken back.
      expect((await rig.ask(vault, id, { beyond: 0 })).generation).toBe(1);
    });

    it("hears of no token that the former one gave when its connection is revoked", async () => {
      const rig = createVaultRig();
      const database = await open();
      const { id } = await rig.signIn(rig.process(database));
      const renamed = rig.process(database, { issuer: another });
      expect(await (await foundIn(renamed, id))?.end("revoked")).toBeUndefined();
      // Also not when it is told again.
      const [told, back] = [await foundIn(renamed, id), await foundIn(rig.process(database), id)];
      expect([told, back]).toEqual([undefined, undefined]);
    });

    it("is not shown the former one's refresh token after its user has signed in there", async () => {
      const rig = createVaultRig();
      const vault = rig.process(await open());
      await rig.signIn(vault);
      const tokens = { ...rig.provider.give(), issuer: another, refreshToken: undefined };
      const { id } = await rig.signIn(vault, { tokens });
      expect(shown(await rig.ask(vault, id, { issuer: another })).refreshToken).toBeUndefined();
      await expect(rig.ask(vault, id, { issuer: another, beyond: 1 })).rejects.toThrow(over);
      await expect(rig.ask(vault, id, { issuer: theIssuer })).rejects.toThrow(over);
      expect(rig.provider.presented).toEqual([]);
    });
  });
});
