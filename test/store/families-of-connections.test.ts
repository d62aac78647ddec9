import { beforeEach, describe, expect, it } from "vitest";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import type { Database } from "../../src/store/database.ts";
import type { RefreshStep } from "../../src/vault/refresh-steps.ts";
import { refusal } from "../exchange/fixtures.ts";
import { foundIn, longDeadMs, refreshMs, removeSpools, twice } from "../vault/vault-rig.ts";
import { onEachDatabase } from "./database-rig.ts";
import { client, createFamilyRig, expectOver, type FamilyRig, handleIn, over, type Replica } from "./family-rig.ts";

removeSpools();

const tables = ["handle_families", "connections", "refresh_intents"] as const;

onEachDatabase((_name, open) => {
  let rig: FamilyRig;
  let database: Database;
  let handles: Replica;
  let first: Secret;
  beforeEach(async () => {
    rig = createFamilyRig("connection");
    database = await open();
    handles = rig.replica(database);
    first = await rig.issue(handles);
  });

  const use = (handle: Secret, at: Replica = handles) => rig.use(at, handle);
  const end = async (handle: Secret) => (await handles.findToEnd(client, handle))?.end();
  const family = () => database.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirstOrThrow());
  const connection = () => database.run((db) => db.selectFrom("connections").selectAll().executeTakeFirstOrThrow());
  /** @returns what sets everything back to how it is now */
  async function snapshot() {
    const rows = await Promise.all(tables.map((table) => database.run((db) => db.selectFrom(table).selectAll().execute())));
    return async () => {
      for (const [index, table] of tables.entries()) {
        await database.run((db) => db.deleteFrom(table).execute());
        for (const one of rows[index] ?? []) await database.run((db) => db.insertInto(table).values(one).execute());
      }
    };
  }
  /** Another replica uses the first handle, and is killed right at that step. */
  async function dyingAt(dieAt: RefreshStep): Promise<void> {
    const died = Promise.withResolvers<void>();
    const onStep = (step: RefreshStep) => void (step === dieAt && died.resolve());
    const dying = rig.replica(await open(), { spool: "of-the-dead", dieAt, onStep });
    void use(first, dying).catch(() => undefined);
    await died.promise;
  }
  const presented = () => rig.origin.presented;

  describe("a refresh that spent nothing", () => {
    it.each<Reason>(["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_RATE_LIMITED", "UPSTREAM_REJECTED_CLIENT"])(
      "leaves the handle as good as before: %s",
      async (reason) => {
        rig.origin.fails(async () => Promise.reject(new ExchangeError(reason)));
        await expect(use(first)).rejects.toThrow(refusal(reason));
        await expect(use(first)).resolves.toBeDefined();
        expect([presented().length, rig.revoked]).toEqual([2, []]);
      },
    );
  });

  describe("a refresh whose answer was lost", () => {
    const unforeseen: readonly (readonly [string, Error])[] = [
      ["OUTCOME_UNKNOWN", new ExchangeError("OUTCOME_UNKNOWN")],
      ["DEADLINE_EXCEEDED", new ExchangeError("DEADLINE_EXCEEDED")],
      ["what nobody foresaw", new TypeError("x is not a function")],
    ];
    it.each(unforeseen)("ends the handle, whose token is never shown again; what was handed out stays good: %s", async (_what, failure) => {
      rig.origin.fails(async () => Promise.reject(failure));
      await expect(use(first)).rejects.toBe(failure);
      await expectOver(use(first));
      const ended = [(await connection()).ended_reason, (await family()).ended_reason];
      expect([ended, presented().length, rig.revoked]).toEqual([["in_doubt", "lapsed"], 1, []]);
    });

    it("because its process died is in doubt: whoever asks is told to come back, and that nothing was sent for him", async () => {
      await dyingAt("sending");
      rig.clock.advance(refreshMs);
      await expect(use(first)).rejects.toMatchObject({ reason: "UPSTREAM_UNAVAILABLE", unasked: true });
      rig.clock.advance(longDeadMs);
      await expectOver(use(first));
      expect([presented().length, (await family()).ended_reason]).toEqual([0, "lapsed"]);
    });

    it("is found in the spool of the process that died, and answers the very handle", async () => {
      await dyingAt("spooled");
      rig.clock.advance(refreshMs);
      await expect(use(first)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
      expect(await rig.vaults.restart(database, "of-the-dead")).toEqual({ answers: 1, lost: 0, unsent: 0 });
      const second = handleIn(await use(first));
      await expect(use(second)).resolves.toBeDefined();
      expect(twice(presented())).toEqual([]);
    });

    it("between the compare-and-set on the connection and that on the family is answered from the connection", async () => {
      await dyingAt("committed");
      expect([(await connection()).generation, (await family()).generation]).toEqual([1, 0]);
      await expect(use(first)).resolves.toHaveProperty("accessToken");
      expect(presented().length).toBe(1);
    });
  });

  it("of ten whose call came to nothing without spending anything the others go on, one call for each generation", async () => {
    rig.origin.fails(async () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => use(first)));
    expect(all.filter((one) => one.status === "fulfilled").length).toBe(9);
    expect(presented().length).toBe(2);
  });

  it("a refusal that says no word of the provider ends the family, and leaves good what was handed out", async () => {
    await (await foundIn(handles.vault, (await connection()).id))?.end("rejected");
    await expectOver(use(first));
    expect([(await family()).ended_reason, rig.revoked]).toEqual(["lapsed", []]);
  });

  describe("a family that is ended", () => {
    it("leaves the provider's newest token to be told upstream, also to one who has to ask twice", async () => {
      await use(first);
      const ended = [await end(first), await end(first)];
      const [one, other] = ended.map((token) => token?.reveal());
      expect(one).toMatch(/^refresh-token-2-/);
      expect(other).toBe(one);
    });

    it("while it is rotated ends with what came of that", async () => {
      const second = handleIn(await use(first));
      let third: Secret | undefined;
      const beforeRevoking = async () => {
        third ??= await use(second).then(handleIn, () => undefined);
      };
      const ending = rig.replica(database, { beforeRevoking });
      await (await ending.findToEnd(client, first))?.end();
      await expectOver(use(second));
      expect(third).toBeUndefined();
      expect(presented().length).toBe(1);
    });
  });

  describe("a database that was set back to an earlier state", () => {
    it("ends the family and its connection by the first handle that is ahead: the spent token is shown to nobody, on no way", async () => {
      await database.run((db) => db.deleteFrom("connections").execute());
      await database.run((db) => db.deleteFrom("handle_families").execute());
      first = await rig.issue(handles, { accountId: "account-1" });
      const setBack = await snapshot();
      const second = handleIn(await use(first));
      await setBack();
      await expectOver(use(second));
      await expectOver(use(first));
      expect(await handles.vault.connections.findHeldBy("account-1", client)).toBeUndefined();
      const ended = [(await connection()).ended_reason, (await family()).ended_reason];
      expect([ended, presented().length, rig.revoked]).toEqual([["in_doubt", "set_back"], 1, []]);
    });

    it("answers an older handle that comes first with the provider's refusal, and nothing else", async () => {
      const setBack = await snapshot();
      const second = handleIn(await use(first));
      await setBack();
      await expect(use(first)).rejects.toThrow(over);
      await expectOver(use(second));
      expect((await connection()).ended_reason).toBe("rejected");
    });
  });
});
