import { describe, expect, it } from "vitest";
import { ExchangeError, hasReason } from "../../src/exchange/errors.ts";
import type { RefreshedTokens } from "../../src/exchange/tokens.ts";
import type { LiveTokens } from "../../src/exchange/vault-ports.ts";
import { readConnection } from "../../src/store/connection-rows.ts";
import type { Database } from "../../src/store/database.ts";
import type { Vault } from "../../src/vault/vault.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { theIssuer } from "./fake-provider.ts";
import { createVaultRig, idleMs, inDoubtMs, longDeadMs, refreshMs, removeSpools, shown, twice, upstreamLimitMs } from "./vault-rig.ts";

const over = refusal("REAUTHENTICATION_REQUIRED");
const hourMs = 3_600_000;

onEachDatabase((_, open) => {
  removeSpools();

  async function start() {
    const rig = createVaultRig();
    const database = await open();
    const vault = rig.process(database);
    const { id } = await rig.signIn(vault);
    return { rig, database, vault, id };
  }

  /** Somebody was about to send, and is not heard of any more. */
  async function intended(spool: string) {
    const started = await start();
    const other = started.rig.process(started.database, { spool, dieAt: "sending" });
    started.rig.provider.instead.push((refreshToken, onSending) => {
      onSending();
      return started.rig.provider.send(refreshToken, () => undefined);
    });
    void started.rig.ask(other, started.id, { beyond: 0 }).catch(() => undefined);
    await expect.poll(async () => (await intents(started.database)).length).toBe(1);
    return started;
  }

  describe("tokens that are kept", () => {
    it("are answered while they last another minute, and the provider hears nothing", async () => {
      const { rig, vault, id } = await start();
      const first = shown(await rig.ask(vault, id));
      rig.clock.advance(hourMs - 60_001);
      expect(shown(await rig.ask(vault, id))).toEqual(first);
      expect(rig.provider.presented).toEqual([]);
    });

    it("are refreshed once they do not, or where they are not new enough for whoever asks", async () => {
      const { rig, vault, id } = await start();
      const first = shown(await rig.ask(vault, id));
      rig.clock.advance(hourMs - 60_000);
      const second = shown(await rig.ask(vault, id));
      const third = shown(await rig.ask(vault, id, { beyond: second.generation }));
      expect([first, second, third].map(({ generation }) => generation)).toEqual([0, 1, 2]);
      expect(rig.provider.presented).toEqual([first.refreshToken, second.refreshToken]);
      expect(shown(await rig.ask(vault, id, { beyond: first.generation }))).toEqual(third);
    });

    it("that never expire are not refreshed", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault, { accountId: "account-2", tokens: { ...rig.provider.give(), expiresAtMs: undefined } });
      rig.clock.advance(idleMs - 1);
      await rig.ask(vault, id);
      expect(rig.provider.presented).toEqual([]);
    });

    it.each<[string, Partial<RefreshedTokens>, readonly string[]]>([
      ["the refresh token", { refreshToken: undefined }, ["refreshToken"]],
      ["the ID token", { idToken: undefined }, ["idToken"]],
      ["the scopes", { scopes: undefined }, ["scopes"]],
      ["the access token, with its expiry", { accessToken: undefined, expiresAtMs: undefined }, ["accessToken", "expiresAtMs"]],
    ])("keep %s where the provider's answer has none", async (_what, missing, kept) => {
      const { rig, vault, id } = await start();
      const before = shown(await rig.ask(vault, id));
      const fresh = { ...rig.provider.give(), ...missing };
      rig.clock.advance(1_000);
      rig.provider.fails(() => fresh);
      const after = shown(await rig.ask(vault, id, { beyond: 0 }));
      const expected = { ...before, ...reveal(fresh), generation: 1 };
      for (const name of kept) Object.assign(expected, { [name]: before[name as keyof typeof before] });
      expect(after).toEqual(expected);
      expect(shown(await rig.ask(vault, id, { beyond: 0 }))).toEqual(after);
    });

    it("without a refresh token are never fresher than they are, and live on for whoever asks for no more", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault, { accountId: "account-2", tokens: { ...rig.provider.give(), refreshToken: undefined } });
      await expect(rig.ask(vault, id, { beyond: 0 })).rejects.toThrow(over);
      await expect(rig.ask(vault, id)).resolves.toMatchObject({ generation: 0 });
    });

    it("without a refresh token end with the access token", async () => {
      const { rig, vault } = await start();
      const { id } = await rig.signIn(vault, { accountId: "account-2", tokens: { ...rig.provider.give(), refreshToken: undefined } });
      await rig.ask(vault, id);
      rig.clock.advance(hourMs);
      await expect(rig.ask(vault, id)).rejects.toThrow(over);
      expect([rig.provider.presented, rig.ended]).toEqual([[], ["rejected"]]);
    });
  });

  it("of a hundred callers at three replicas at once one sends, and all get the same tokens", async () => {
    const { rig, vault, id } = await start();
    const replicas = [vault, rig.process(await open(), { spool: "two" }), rig.process(await open(), { spool: "three" })];
    const { refreshToken } = shown(await rig.ask(vault, id));
    rig.clock.advance(hourMs);
    const signal = AbortSignal.timeout(50_000);
    // A machine that is busy may keep a hundred callers from the database for a while: they ask again, as callers do.
    const insist = async (replica: Vault): Promise<LiveTokens> => {
      for (;;) {
        const tokens = await rig.ask(replica, id, { signal }).catch((failure: unknown) => {
          if (!hasReason(failure, "STORE_UNAVAILABLE")) throw failure;
        });
        if (tokens !== undefined) return tokens;
      }
    };
    const answers = await Promise.all(Array.from({ length: 100 }, (_each, index) => insist(replicas[index % 3] ?? vault)));
    expect(new Set(answers.map((answer) => JSON.stringify(shown(answer)))).size).toBe(1);
    expect(answers[0]?.generation).toBe(1);
    expect(rig.provider.presented).toEqual([refreshToken]);
  }, 60_000);

  describe("a refresh that nobody has heard of since its intent", () => {
    it("is waited for, as long as one can be under way", async () => {
      const { rig, vault, id } = await intended("other");
      rig.clock.advance(refreshMs - 20_000);
      const waits = rig.ask(vault, id, { beyond: 0, signal: AbortSignal.timeout(100) });
      await expect(waits).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    });

    it("is in doubt then: whoever asks is told when to come back, and that nothing was sent for him", async () => {
      const { rig, vault, id } = await intended("other");
      rig.clock.advance(refreshMs);
      const waits = rig.ask(vault, id, { beyond: 0 });
      await expect(waits).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE", { retryAfterMs: 5_000, unasked: true }));
      expect(rig.provider.presented).toEqual([]);
    });

    it.each(["other", "none"])("ends its connection after its time where nothing is taken twice: spool %s", async (spool) => {
      const { rig, vault, id } = await intended(spool);
      rig.clock.advance(spool === "none" ? refreshMs : longDeadMs);
      await expect(rig.ask(vault, id, { beyond: 0 })).rejects.toThrow(over);
      expect([rig.provider.presented, rig.ended]).toEqual([[], ["in_doubt"]]);
    });

    it("is repeated once after its time where its provider takes it, and no more than once", async () => {
      const { rig, vault, id } = await intended("other");
      rig.clock.advance(longDeadMs);
      rig.provider.fails(() => Promise.reject(new ExchangeError("OUTCOME_UNKNOWN")));
      const asked = { beyond: 0, lostAnswer: "retry_once" } as const;
      await expect(rig.ask(vault, id, asked)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
      await expect(rig.ask(vault, id, asked)).rejects.toThrow(over);
      expect([rig.provider.presented.length, rig.ended]).toEqual([1, ["in_doubt"]]);
    });

    it("keeps nobody from the tokens that are still good", async () => {
      const { rig, vault, id } = await intended("other");
      rig.clock.advance(longDeadMs);
      await expect(rig.ask(vault, id)).resolves.toMatchObject({ generation: 0 });
    });

    it("is told as late as its time allows, to the millisecond", async () => {
      const { rig, vault, id } = await intended("other");
      rig.clock.advance(inDoubtMs + 112_249);
      await expect(rig.ask(vault, id, { beyond: 0 })).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE", { retryAfterMs: 1 }));
    });
  });

  describe("a process that slept", () => {
    it("between its intent and sending sends nothing, and keeps nobody from sending", async () => {
      const { rig, vault, id } = await start();
      rig.provider.instead.push(async (refreshToken, onSending) => {
        rig.clock.advance(upstreamLimitMs);
        onSending();
        return rig.provider.send(refreshToken, onSending);
      });
      await expect(rig.ask(vault, id, { beyond: 0 })).rejects.toThrow(refusal("UPSTREAM_TIMEOUT"));
      expect(rig.provider.presented).toEqual([]);
      expect((await rig.ask(vault, id, { beyond: 0 })).generation).toBe(1);
    });

    it("before its intent, while another one refreshed, presents nothing: its intent is refused", async () => {
      const { rig, database, vault, id } = await start();
      let asleep = true;
      const woken = Promise.withResolvers<void>();
      const drowsy: Database = {
        ...database,
        async transaction(work) {
          if (asleep) await woken.promise;
          asleep = false;
          return database.transaction(work);
        },
      };
      const sleeper = rig.ask(rig.process(drowsy, { spool: "two" }), id, { beyond: 0 });
      const [first, second] = [await rig.ask(vault, id, { beyond: 0 }), await rig.ask(vault, id, { beyond: 1 })];
      expect([first.generation, second.generation]).toEqual([1, 2]);
      woken.resolve();
      expect(shown(await sleeper)).toEqual(shown(second));
      expect(twice(rig.provider.presented)).toEqual([]);
    });
  });

  describe("a use", () => {
    it("keeps a connection from ending, and is written down every ten minutes at most", async () => {
      const { rig, database, vault, id } = await start();
      const begun = rig.clock();
      rig.clock.advance(599_999);
      await rig.ask(vault, id);
      expect(await readConnection(database, id)).toMatchObject({ used_at: begun, expires_at: begun + idleMs });
      rig.clock.advance(1);
      await rig.ask(vault, id);
      expect(await readConnection(database, id)).toMatchObject({ used_at: begun + 600_000, expires_at: begun + 600_000 + idleMs });
    });

    it("is none where it is refreshed in the background, which takes no use back either", async () => {
      const { rig, database, vault, id } = await start();
      const begun = rig.clock();
      const held = rig.provider.hold();
      rig.clock.advance(600_000);
      const asking = { issuer: theIssuer, beyond: 0, send: rig.provider.send, lostAnswer: "reauthenticate", isUse: false } as const;
      const refreshed = vault.tokensOf(id, asking, AbortSignal.timeout(10_000));
      await held.arrived;
      await rig.ask(vault, id);
      held.answer();
      expect((await refreshed).generation).toBe(1);
      expect(await readConnection(database, id)).toMatchObject({
        generation: 1,
        used_at: begun + 600_000,
        expires_at: begun + 600_000 + idleMs,
      });
      rig.clock.advance(600_000);
      await vault.tokensOf(id, { ...asking, beyond: 1 }, AbortSignal.timeout(10_000));
      expect(await readConnection(database, id)).toMatchObject({
        generation: 2,
        used_at: begun + 600_000,
        expires_at: begun + 600_000 + idleMs,
      });
    });
  });
});

function reveal({ accessToken, refreshToken, idToken, scopes, expiresAtMs }: RefreshedTokens) {
  return {
    accessToken: accessToken?.reveal(),
    refreshToken: refreshToken?.reveal(),
    idToken: idToken?.reveal(),
    scopes,
    expiresAtMs,
  };
}

function intents(database: Database) {
  return database.run((db) => db.selectFrom("refresh_intents").selectAll().execute());
}
