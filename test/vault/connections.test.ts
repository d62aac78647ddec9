import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { readConnection } from "../../src/store/connection-rows.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { theIssuer } from "./fake-provider.ts";
import { createVaultRig, foundIn, idleMs, removeSpools, shown, twice } from "./vault-rig.ts";

const over = refusal("REAUTHENTICATION_REQUIRED");

onEachDatabase((_, open) => {
  removeSpools();

  async function start() {
    const rig = createVaultRig();
    const database = await open();
    return { rig, database, vault: rig.process(database) };
  }

  describe("a sign-in that is kept by its id", () => {
    it("is one for each client and account, also when ten sign in at once at two replicas", async () => {
      const { rig, database, vault } = await start();
      const vaults = [vault, rig.process(await open(), { spool: "two" })];
      const kept = await Promise.all(Array.from({ length: 10 }, (_each, index) => rig.signIn(vaults[index % 2] ?? vault)));
      expect(new Set(kept.map(({ id }) => id)).size).toBe(1);
      expect((await database.run((db) => db.selectFrom("connections").selectAll().execute())).length).toBe(1);
      await expect(rig.ask(vault, kept[0]?.id ?? "")).resolves.toMatchObject({ generation: 9 });
    });

    it("has the same id after the next sign-in, with the tokens of that", async () => {
      const { rig, vault } = await start();
      const first = await rig.signIn(vault);
      rig.clock.advance(60_000);
      const tokens = rig.provider.give();
      expect(await rig.signIn(vault, { tokens })).toEqual({ id: first.id, generation: 1 });
      expect(shown(await rig.ask(vault, first.id)).accessToken).toBe(tokens.accessToken.reveal());
      expect((await vault.connections.find(first.id))?.startedAt).toBe(Math.floor(rig.clock() / 1_000));
    });

    it("keeps the older refresh token where a later sign-in gives none", async () => {
      const { rig, vault } = await start();
      const tokens = rig.provider.give();
      const { id } = await rig.signIn(vault, { tokens });
      await rig.signIn(vault, { tokens: { ...rig.provider.give(), refreshToken: undefined } });
      expect(shown(await rig.ask(vault, id)).refreshToken).toBe(tokens.refreshToken.reveal());
      expect((await rig.ask(vault, id, { beyond: 1 })).generation).toBe(2);
    });

    it("of another client or another account is another one", async () => {
      const { rig, vault } = await start();
      const ids = [
        await rig.signIn(vault),
        await rig.signIn(vault, { clientId: "worker" }),
        await rig.signIn(vault, { accountId: "account-2" }),
      ].map(({ id }) => id);
      expect(new Set(ids).size).toBe(3);
      expect(await vault.connections.findOfAccount("account-1", ["worker"])).toMatchObject({ id: ids[1], clientId: "worker" });
    });

    it("is found by its account for these clients only, the one that was used last", async () => {
      const { rig, vault } = await start();
      const first = await rig.signIn(vault);
      rig.clock.advance(600_000);
      const second = await rig.signIn(vault, { clientId: "worker" });
      expect((await vault.connections.findOfAccount("account-1", ["web", "worker"]))?.id).toBe(second.id);
      rig.clock.advance(600_000);
      await rig.ask(vault, first.id);
      expect((await vault.connections.findOfAccount("account-1", ["web", "worker"]))?.id).toBe(first.id);
      expect(await vault.connections.findOfAccount("account-1", [])).toBeUndefined();
      expect(await vault.connections.findOfAccount("account-2", ["web"])).toBeUndefined();
    });
  });

  describe("a sign-in for which a handle stands", () => {
    it("is found by nobody who knows its id, and is not shared with its account", async () => {
      const { rig, vault } = await start();
      const [first, second] = [await rig.signIn(vault, { byId: false }), await rig.signIn(vault, { byId: false })];
      expect(first.id).not.toBe(second.id);
      expect(await vault.connections.find(first.id)).toBeUndefined();
      expect(await vault.connections.findOfAccount("account-1", ["web"])).toBeUndefined();
      expect((await vault.connections.findOfHandle(first.id))?.id).toBe(first.id);
    });

    it("is found by its account for its own client alone, the one that was used last, and not once it has ended", async () => {
      const { rig, vault } = await start();
      const first = await rig.signIn(vault, { byId: false });
      rig.clock.advance(600_000);
      const second = await rig.signIn(vault, { byId: false });
      await rig.signIn(vault, { clientId: "worker" });
      const { connections } = vault;
      expect((await connections.findHeldBy("account-1", "web"))?.id).toBe(second.id);
      expect(await connections.findHeldBy("account-1", "worker")).toBeUndefined();
      expect(await connections.findHeldBy("account-2", "web")).toBeUndefined();
      await (await connections.findOfHandle(second.id))?.end("revoked");
      expect((await connections.findHeldBy("account-1", "web"))?.id).toBe(first.id);
    });

    it("needs no account; what is kept by its id is none of its kind", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault, { byId: false, accountId: undefined });
      expect((await vault.connections.findOfHandle(id))?.accountId).toBeUndefined();
      const kept = await rig.signIn(vault);
      expect(await vault.connections.findOfHandle(kept.id)).toBeUndefined();
    });
  });

  describe("a connection that has ended", () => {
    it("gives no tokens, is not found by its id, and tells once what its provider has to hear", async () => {
      const { rig, vault } = await start();
      const tokens = rig.provider.give();
      const { id } = await rig.signIn(vault, { tokens });
      const connection = await vault.connections.find(id);
      expect((await connection?.end("revoked"))?.reveal()).toBe(tokens.refreshToken.reveal());
      expect(await vault.connections.find(id)).toBeUndefined();
      expect(await vault.connections.findOfAccount("account-1", ["web"])).toBeUndefined();
      await expect(rig.ask(vault, id)).rejects.toThrow(over);
      await expect(
        connection?.tokens(
          { issuer: theIssuer, beyond: 0, send: rig.provider.send, lostAnswer: "reauthenticate" },
          AbortSignal.timeout(1_000),
        ),
      ).rejects.toThrow(over);
      expect([rig.provider.presented, rig.ended]).toEqual([[], ["revoked"]]);
    });

    it("does not come back by its older tokens: the next sign-in is another one", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault);
      await (await foundIn(vault, id))?.end("revoked");
      const next = await rig.signIn(vault, { tokens: { ...rig.provider.give(), refreshToken: undefined } });
      expect(next.id).not.toBe(id);
      expect(shown(await rig.ask(vault, next.id)).refreshToken).toBeUndefined();
    });

    it("while it was refreshed is over all the same, and the refresh token that came is not lost for whoever ends it", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault);
      const connection = await vault.connections.find(id);
      await rig.ask(vault, id, { beyond: 0 });
      const current = shown(await rig.ask(vault, id));
      expect((await connection?.end("revoked"))?.reveal()).toBe(current.refreshToken);
    });

    it("keeps no token in its row, but the one that its provider has to hear", async () => {
      const { rig, database, vault } = await start();
      const [revoked, rejected] = [await rig.signIn(vault), await rig.signIn(vault, { accountId: "account-2" })];
      await (await foundIn(vault, revoked.id))?.end("revoked");
      expect(await (await foundIn(vault, rejected.id))?.end("rejected")).toBeUndefined();
      expect(await readConnection(database, revoked.id)).toMatchObject({ sealed_grant: expect.anything(), sealed_tokens: null });
      expect(await readConnection(database, rejected.id)).toMatchObject({ sealed_grant: null, sealed_tokens: null, due_at: null });
    });

    it("because nobody used it needs its user again, by its id and by a handle", async () => {
      const { rig, vault } = await start();
      const [kept, held] = [await rig.signIn(vault), await rig.signIn(vault, { byId: false })];
      rig.clock.advance(idleMs);
      await expect(rig.ask(vault, kept.id)).rejects.toThrow(over);
      expect(await vault.connections.findOfAccount("account-1", ["web"])).toBeUndefined();
      await expect(rig.ask(vault, held.id)).rejects.toThrow(over);
      expect(rig.provider.presented).toEqual([]);
    });
  });

  describe("somebody who signs in while a refresh is under way", () => {
    it("gets a connection of its own tokens, and the answer of the refresh is of no use any more", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault);
      const held = rig.provider.hold();
      const refreshing = rig.ask(vault, id, { beyond: 0 });
      await held.arrived;
      const tokens = rig.provider.give();
      await rig.signIn(vault, { tokens });
      held.answer();
      expect(shown(await refreshing).accessToken).toBe(tokens.accessToken.reveal());
    });

    it("and whose provider ends the older grant by that keeps the new one: the refusal is of the older one", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault);
      const tokens = rig.provider.give();
      rig.provider.fails(async () => {
        await rig.signIn(vault, { tokens });
        throw new ExchangeError("REAUTHENTICATION_REQUIRED");
      });
      expect(shown(await rig.ask(vault, id, { beyond: 0 })).accessToken).toBe(tokens.accessToken.reveal());
      expect(rig.ended).toEqual([]);
    });

    it("and is given no refresh token does not take over the one that is being sent", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault);
      const held = rig.provider.hold();
      const refreshing = rig.ask(vault, id, { beyond: 0 });
      await held.arrived;
      const again = rig.signIn(vault, { tokens: { ...rig.provider.give(), refreshToken: undefined } });
      held.answer();
      const [refreshed, { generation }] = [await refreshing, await again];
      expect([refreshed.generation, generation]).toEqual([1, 2]);
      expect((await rig.ask(vault, id, { beyond: 2 })).generation).toBe(3);
      expect(twice(rig.provider.presented)).toEqual([]);
    });

    it("and is given no refresh token, after the answer for the older one was lost, does not send that again", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault);
      rig.provider.fails(() => Promise.reject(new ExchangeError("OUTCOME_UNKNOWN")));
      await expect(rig.ask(vault, id, { beyond: 0 })).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
      const tokens = { ...rig.provider.give(), refreshToken: undefined };
      await rig.signIn(vault, { tokens });
      expect(shown(await rig.ask(vault, id)).accessToken).toBe(tokens.accessToken.reveal());
      await expect(rig.ask(vault, id, { beyond: 1 })).rejects.toThrow(over);
      expect(rig.provider.presented.length).toBe(1);
    });
  });
});
