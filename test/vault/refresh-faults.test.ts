import { mkdirSync, readdirSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import { readConnection } from "../../src/store/connection-rows.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { eventually } from "../support/eventually.ts";
import { type Fate, faulty } from "./faulty-database.ts";
import { createVaultRig, foundIn, longDeadMs, refreshMs, removeSpools, shown, twice, type VaultRig } from "./vault-rig.ts";

const over = refusal("REAUTHENTICATION_REQUIRED");
const storeAway = refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });
/** Waits for nothing but the event loop. */
const wait = () => setImmediate();

onEachDatabase((_, open) => {
  removeSpools();

  async function start() {
    const rig = createVaultRig();
    const real = await open();
    const database = faulty(real);
    const vault = rig.process(database, { wait });
    const other = rig.process(await open(), { wait, spool: "two" });
    const { id } = await rig.signIn(other);
    const intents = () => real.run((db) => db.selectFrom("refresh_intents").selectAll().execute());
    return { rig, real, database, vault, other, id, intents };
  }
  type Setup = Awaited<ReturnType<typeof start>>;

  /** Refreshes; what is given becomes of the database's work from the moment the token is sent. */
  function refreshWith({ rig, database, vault, id }: Setup, prepare: () => void) {
    const answer = rig.provider.give();
    rig.provider.fails(() => {
      prepare();
      return answer;
    });
    return { answer, refreshed: rig.ask(vault, id, { beyond: 0 }), database };
  }

  const failWith = (setup: Setup, reason: Reason, prepare: () => void = () => undefined) => {
    setup.rig.provider.fails(() => {
      prepare();
      throw new ExchangeError(reason);
    });
    return setup.rig.ask(setup.vault, setup.id, { beyond: 0 });
  };

  describe("a database that fails before anything is sent", () => {
    it.each<[string, readonly Fate[]]>([
      ["when the connection is found", ["refused"]],
      ["when its row is read", ["fine", "refused"]],
      ["when its intents are read", ["fine", "fine", "refused"]],
      ["when the intent is refused", ["fine", "fine", "fine", "refused"]],
      ["when the answer to the intent is lost", ["fine", "fine", "fine", "lost"]],
    ])("%s: the call is unavailable, nothing is sent, and it can be asked again", async (_when, fates) => {
      const setup = await start();
      setup.database.next(...fates);
      await expect(setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).rejects.toThrow(storeAway);
      expect(setup.rig.provider.presented).toEqual([]);
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });

    it("and stays away for long after it has taken the intent: the intent is taken back when it is there again", async () => {
      const setup = await start();
      setup.database.next("fine", "fine", "fine", "lost", ...Array.from({ length: 40 }, (): Fate => "refused"));
      await expect(setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).rejects.toThrow(storeAway);
      await eventually("the intent is taken back", async () => (await setup.intents()).length === 0);
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });
  });

  it("a database that takes no writes for long leaves no more behind, however often callers come", async () => {
    const setup = await start();
    const before = setup.rig.provider.presented.length;
    let writes = 0;
    const readOnly: Database = {
      ...setup.real,
      transaction: () => {
        writes += 1;
        return Promise.reject(new DatabaseFailure("25006", "refused"));
      },
    };
    const vault = setup.rig.process(readOnly, { wait, spool: "three" });
    for (let call = 0; call < 20; call += 1) await expect(setup.rig.ask(vault, setup.id, { beyond: 0 })).rejects.toThrow(storeAway);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect([writes, setup.rig.provider.presented.length]).toEqual([20, before]);
    await vault.close();
  });

  it("a connection that is revoked while its provider answers leaves no token there that nobody is told of", async () => {
    const setup = await start();
    const held = setup.rig.provider.hold();
    const refreshed = setup.rig.ask(setup.vault, setup.id, { beyond: 0 });
    await held.arrived;
    await (await foundIn(setup.other, setup.id))?.end("revoked");
    held.answer();
    await expect(refreshed).rejects.toThrow(over);
    expect(setup.rig.told).toEqual([setup.rig.provider.made.filter((token) => token.startsWith("refresh-")).at(-1)]);
  });

  describe("a refresh that fails", () => {
    it("before anything left is free for the next one at once", async () => {
      const setup = await start();
      setup.rig.provider.instead.push(() => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE", { unasked: true })));
      await expect(setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });

    it("by a mistake of ours before anything left is as free", async () => {
      const setup = await start();
      setup.rig.provider.instead.push(() => Promise.reject(new TypeError("x is not a function")));
      await expect(setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).rejects.toThrow(TypeError);
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });

    it.each<Reason>(["UPSTREAM_RATE_LIMITED", "UPSTREAM_REJECTED_CLIENT", "SCOPE_NOT_ALLOWED"])(
      "because the provider turned the request down, and not the token, keeps the token: %s",
      async (reason) => {
        const setup = await start();
        await expect(failWith(setup, reason)).rejects.toThrow(refusal(reason));
        expect(readdirSync(setup.rig.spoolPath("one"))).toEqual([]);
        expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
        expect(setup.rig.ended).toEqual([]);
      },
    );

    it("again and again leaves nothing that grows", async () => {
      const setup = await start();
      for (let time = 0; time < 25; time += 1) await failWith(setup, "UPSTREAM_RATE_LIMITED").catch(() => undefined);
      expect([await setup.intents(), readdirSync(setup.rig.spoolPath("one"))]).toEqual([[], []]);
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });

    it.each<[string, () => Error]>([
      ["no answer", () => new ExchangeError("OUTCOME_UNKNOWN")],
      ["a mistake of ours", () => new TypeError("x is not a function")],
    ])("after its token was sent ends the connection where nothing is taken twice: %s", async (_what, failure) => {
      const setup = await start();
      setup.rig.provider.fails(() => Promise.reject(failure()));
      await expect(setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).rejects.toThrow(failure().message);
      await expect(setup.rig.ask(setup.other, setup.id, { beyond: 0 })).rejects.toThrow(over);
      expect([setup.rig.provider.presented.length, setup.rig.ended]).toEqual([1, ["in_doubt"]]);
    });

    it("after its token was sent is repeated where its provider takes it twice", async () => {
      const setup = await start();
      await expect(failWith(setup, "OUTCOME_UNKNOWN")).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
      const tokens = await setup.rig.ask(setup.other, setup.id, { beyond: 0, lostAnswer: "retry_once" });
      expect([tokens.generation, setup.rig.provider.presented.length, setup.rig.ended]).toEqual([1, 2, []]);
    });

    it("because the provider refuses the token ends the connection for good, and asks nobody again", async () => {
      const setup = await start();
      await expect(failWith(setup, "REAUTHENTICATION_REQUIRED")).rejects.toThrow(over);
      await expect(setup.rig.ask(setup.other, setup.id, { beyond: 0, lostAnswer: "retry_once" })).rejects.toThrow(over);
      await expect(setup.rig.ask(setup.other, setup.id)).rejects.toThrow(over);
      expect([setup.rig.provider.presented.length, setup.rig.ended]).toEqual([1, ["rejected"]]);
      expect(await readConnection(setup.real, setup.id)).toMatchObject({
        sealed_grant: null,
        sealed_tokens: null,
        ended_reason: "rejected",
      });
    });
  });

  describe("a database that is away while a failure is noted down", () => {
    it.each<[Reason, Fate]>([
      ["UPSTREAM_RATE_LIMITED", "refused"],
      ["UPSTREAM_RATE_LIMITED", "lost"],
    ])("for a moment keeps the token all the same: %s, %s", async (reason, fate) => {
      const setup = await start();
      await expect(failWith(setup, reason, () => setup.database.next(fate, fate))).rejects.toThrow(refusal(reason));
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });

    it.each<[Reason, string, unknown]>([
      ["REAUTHENTICATION_REQUIRED", "rejected", storeAway],
      ["OUTCOME_UNKNOWN", "in_doubt", refusal("OUTCOME_UNKNOWN")],
    ])("for long notes it down when it is back: %s", async (reason, ended, told) => {
      const setup = await start();
      await expect(failWith(setup, reason, () => setup.database.away(true))).rejects.toThrow(told);
      setup.database.away(false);
      await expect(setup.rig.ask(setup.other, setup.id, { beyond: 0 })).rejects.toThrow(over);
      // The one who notes it down tells it once he knows that he has; the other may have read it by then.
      await eventually("it is told", () => setup.rig.ended.length > 0);
      expect([setup.rig.provider.presented.length, setup.rig.ended]).toEqual([1, [ended]]);
    });

    it.each<Reason>(["REAUTHENTICATION_REQUIRED", "OUTCOME_UNKNOWN"])(
      "and it was of older tokens: whoever has signed in meanwhile keeps the new ones, after %s",
      async (reason) => {
        const setup = await start();
        const tokens = setup.rig.provider.give();
        setup.rig.provider.fails(async () => {
          await setup.rig.signIn(setup.other, { tokens });
          setup.database.next("refused", "lost");
          throw new ExchangeError(reason);
        });
        expect(shown(await setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).accessToken).toBe(tokens.accessToken.reveal());
        expect(setup.rig.ended).toEqual([]);
      },
    );
  });

  describe("a database that fails between the provider's answer and its writing", () => {
    it.each<readonly Fate[]>([["refused", "refused"], ["lost"], ["lost", "lost"]])("for a moment loses nothing: %s", async (...fates) => {
      const setup = await start();
      const { answer, refreshed } = refreshWith(setup, () => setup.database.next(...fates));
      expect(shown(await refreshed).accessToken).toBe(answer.accessToken.reveal());
      expect(shown(await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).accessToken).toBe(answer.accessToken.reveal());
      expect(readdirSync(setup.rig.spoolPath("one"))).toEqual([]);
    });

    it("for long: the caller is told to come back, and gets those very tokens then, without the provider being asked", async () => {
      const setup = await start();
      const { answer, refreshed } = refreshWith(setup, () => setup.database.away(true));
      await expect(refreshed).rejects.toThrow(storeAway);
      expect(readdirSync(setup.rig.spoolPath("one")).filter((name) => name.endsWith(".answer")).length).toBe(1);
      setup.database.away(false);
      expect(shown(await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).accessToken).toBe(answer.accessToken.reveal());
      expect(setup.rig.provider.presented.length).toBe(1);
      await eventually("the spool is empty", () => readdirSync(setup.rig.spoolPath("one")).length === 0);
    });

    it("for long, and the process dies: the next one writes down what is in the spool", async () => {
      const setup = await start();
      const { answer, refreshed } = refreshWith(setup, () => setup.database.away(true));
      await expect(refreshed).rejects.toThrow(storeAway);
      setup.vault.kill();
      expect(await setup.rig.restart(setup.real, "one")).toEqual({ answers: 1, lost: 0, unsent: 0 });
      expect(shown(await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).accessToken).toBe(answer.accessToken.reveal());
    });

    it("and the connection was ended meanwhile: the answer gives nobody anything", async () => {
      const setup = await start();
      const { refreshed } = refreshWith(setup, () => setup.database.next("refused"));
      const connection = await setup.other.connections.find(setup.id);
      await expect(Promise.all([refreshed, connection?.end("revoked")])).rejects.toThrow(over);
      expect(readdirSync(setup.rig.spoolPath("one"))).toEqual([]);
    });
  });

  describe("a spool that cannot be written to", () => {
    it("before the token is sent: nothing is sent, the call is unavailable, and others can go on", async () => {
      const setup = await start();
      mkdirSync(join(setup.rig.spoolPath("one"), `${setup.id}.0.0.sending`));
      await expect(setup.rig.ask(setup.vault, setup.id, { beyond: 0 })).rejects.toThrow(
        refusal("STORE_UNAVAILABLE", { cause: { kind: "store", code: "EISDIR", outcome: "refused" } }),
      );
      expect(setup.rig.provider.presented).toEqual([]);
      expect((await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).generation).toBe(1);
    });

    it("after the answer has come is told, and the answer is kept in the database", async () => {
      const setup = await start();
      const { answer, refreshed } = refreshWith(setup, () => blocked(setup.rig, setup.id));
      expect(shown(await refreshed).accessToken).toBe(answer.accessToken.reveal());
      expect(shown(await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).accessToken).toBe(answer.accessToken.reveal());
      expect(setup.rig.unspooled()).toBe(1);
    });

    it("and a database that is away: the answer is written down when that is back, as long as the process lives", async () => {
      const setup = await start();
      const { answer, refreshed } = refreshWith(setup, () => {
        blocked(setup.rig, setup.id);
        setup.database.away(true);
      });
      await expect(refreshed).rejects.toThrow(storeAway);
      setup.database.away(false);
      expect(shown(await setup.rig.ask(setup.other, setup.id, { beyond: 0 })).accessToken).toBe(answer.accessToken.reveal());
      expect(setup.rig.provider.presented.length).toBe(1);
    });

    it("and a database that is away, and the process dies: the connection ends, and nothing is sent again", async () => {
      const setup = await start();
      const { refreshed } = refreshWith(setup, () => {
        blocked(setup.rig, setup.id);
        setup.database.away(true);
      });
      await expect(refreshed).rejects.toThrow(storeAway);
      setup.vault.kill();
      expect(await setup.rig.restart(setup.real, "one")).toEqual({ answers: 0, lost: 1, unsent: 0 });
      await expect(setup.rig.ask(setup.other, setup.id, { beyond: 0 })).rejects.toThrow(over);
      expect([setup.rig.provider.presented.length, setup.rig.ended]).toEqual([1, ["in_doubt"]]);
    });
  });

  describe("a sign-in that is kept while the database fails", () => {
    it.each<readonly Fate[]>([["refused", "refused"], ["lost"], ["fine", "lost"], ["lost", "lost", "lost"]])(
      "for a moment is kept once: %s",
      async (...fates) => {
        const setup = await start();
        const tokens = setup.rig.provider.give();
        for (const accountId of ["account-1", "account-2"]) {
          setup.database.next(...fates);
          const { id } = await setup.rig.signIn(setup.vault, { tokens, accountId });
          expect(shown(await setup.rig.ask(setup.other, id)).accessToken).toBe(tokens.accessToken.reveal());
        }
        expect((await setup.real.run((db) => db.selectFrom("connections").select("id").execute())).length).toBe(2);
      },
    );

    it.each(["account-1", "account-2"])(
      "and is refreshed before it is known that it was kept does not go back to a spent token: %s",
      async (accountId) => {
        const setup = await start();
        const { rig, database, other } = setup;
        // One that is there is replaced by the first piece of work; one that is not is inserted by the second.
        database.next(...(accountId === "account-1" ? [] : (["fine"] as const)), "lost");
        let refreshed = false;
        const drowsy = rig.process(database, {
          spool: "three",
          async wait() {
            if (refreshed) return;
            refreshed = true;
            const found = await other.connections.findOfAccount(accountId, ["web"]);
            if (found !== undefined) await rig.ask(other, found.id, { beyond: found.generation });
          },
        });
        const { id, generation } = await rig.signIn(drowsy, { accountId });
        expect(refreshed).toBe(true);
        await rig.ask(other, id, { beyond: generation });
        expect(twice(rig.provider.presented)).toEqual([]);
        expect(rig.ended).toEqual([]);
      },
    );
  });

  it("a connection whose refresh was in doubt when its user signs in again is as good as new", async () => {
    const setup = await start();
    await failWith(setup, "OUTCOME_UNKNOWN").catch(() => undefined);
    const { id } = await setup.rig.signIn(setup.other);
    expect(id).toBe(setup.id);
    setup.rig.clock.advance(longDeadMs + refreshMs);
    expect((await setup.rig.ask(setup.other, id, { beyond: 1 })).generation).toBe(2);
  });
});

/** The answer cannot be written: something else has its name. */
function blocked(rig: VaultRig, id: string): void {
  mkdirSync(join(rig.spoolPath("one"), `${id}.0.0.answer.new`));
}
