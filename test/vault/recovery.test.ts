import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readConnection } from "../../src/store/connection-rows.ts";
import type { RefreshStep } from "../../src/vault/refresh-steps.ts";
import { masterKey } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { createVaultRig, longDeadMs, refreshMs, removeSpools, shown } from "./vault-rig.ts";

const over = refusal("REAUTHENTICATION_REQUIRED");

onEachDatabase((_, open) => {
  removeSpools();

  /** A process that was killed right at that step of its refresh. */
  async function killedAt(dieAt: RefreshStep, spool = "one") {
    const rig = createVaultRig();
    const database = await open();
    const other = rig.process(database, { spool: "two" });
    const { id } = await rig.signIn(other);
    const told = Promise.withResolvers<void>();
    const onStep = (step: RefreshStep) => {
      if (step === dieAt) told.resolve();
    };
    void rig.ask(rig.process(database, { spool, dieAt, onStep }), id, { beyond: 0 }).catch(() => undefined);
    await told.promise;
    return { rig, database, other, id };
  }

  describe("a process that was killed", () => {
    it.each<[RefreshStep, string, object]>([
      ["intended", "nothing had been sent, and it is sent now", { answers: 0, lost: 0, unsent: 1 }],
      ["spooled", "its spool has the answer", { answers: 1, lost: 0, unsent: 0 }],
      ["committed", "the database has the answer", { answers: 0, lost: 0, unsent: 0 }],
    ])("at %s loses nothing: %s", async (step, _why, found) => {
      const { rig, database, other, id } = await killedAt(step);
      expect(await rig.restart(database, "one")).toEqual(found);
      const tokens = shown(await rig.ask(other, id, { beyond: 0 }));
      expect(tokens.generation).toBe(1);
      expect(rig.provider.made).toContain(tokens.accessToken);
      expect((await rig.ask(other, id, { beyond: 1 })).generation).toBe(2);
      expect(rig.provider.presented.length).toBe(2);
      expect([rig.ended, rig.alarms, readdirSync(rig.spoolPath("one"))]).toEqual([[], [], []]);
    });

    it("and whose answer the next start has no key for loses nothing by that: the one after it has", async () => {
      const { rig, database, other, id } = await killedAt("spooled");
      expect(await rig.restart(database, "one", [masterKey("another")])).toEqual({ answers: 0, lost: 0, unsent: 0 });
      expect(rig.alarms).toEqual(["spool unreadable"]);
      expect(await rig.restart(database, "one")).toEqual({ answers: 1, lost: 0, unsent: 0 });
      expect((await rig.ask(other, id, { beyond: 0 })).generation).toBe(1);
      expect(rig.provider.presented).toHaveLength(1);
    });

    it.each<RefreshStep>(["sending", "answered"])(
      "at %s may have lost the answer: its connection ends, and nobody sends again",
      async (step) => {
        const { rig, database, other, id } = await killedAt(step);
        const { length } = rig.provider.presented;
        expect(await rig.restart(database, "one")).toEqual({ answers: 0, lost: 1, unsent: 0 });
        await expect(rig.ask(other, id, { beyond: 0 })).rejects.toThrow(over);
        expect([rig.provider.presented.length, rig.ended]).toEqual([length, ["in_doubt"]]);
        expect(await readConnection(database, id)).toMatchObject({ ended_reason: "in_doubt", tell_at: rig.clock(), sealed_tokens: null });
      },
    );

    it.each<RefreshStep>(["sending", "answered"])("at %s is made up for once where its provider takes a token twice", async (step) => {
      const { rig, database, other, id } = await killedAt(step);
      await rig.restart(database, "one");
      const answer = rig.provider.give();
      rig.provider.fails(() => answer);
      const tokens = await rig.ask(other, id, { beyond: 0, lostAnswer: "retry_once" });
      expect(shown(tokens).accessToken).toBe(answer.accessToken.reveal());
      expect(rig.ended).toEqual([]);
    });

    it.each<RefreshStep>(["intended", "sending", "answered", "spooled"])(
      "at %s and never comes back: its connection is in doubt for a time, and then it ends",
      async (step) => {
        const { rig, other, id } = await killedAt(step);
        const { length } = rig.provider.presented;
        rig.clock.advance(refreshMs);
        await expect(rig.ask(other, id, { beyond: 0 })).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
        rig.clock.advance(longDeadMs - refreshMs);
        await expect(rig.ask(other, id, { beyond: 0 })).rejects.toThrow(over);
        expect([rig.provider.presented.length, rig.ended]).toEqual([length, ["in_doubt"]]);
      },
    );

    it("and comes back while it is in doubt has its answer all the same", async () => {
      const { rig, database, other, id } = await killedAt("spooled");
      rig.clock.advance(longDeadMs - 1);
      await rig.restart(database, "one");
      expect((await rig.ask(other, id, { beyond: 0 })).generation).toBe(1);
    });

    it("and comes back after its connection has ended brings nothing back", async () => {
      const { rig, database, other, id } = await killedAt("spooled");
      rig.clock.advance(longDeadMs);
      await expect(rig.ask(other, id, { beyond: 0 })).rejects.toThrow(over);
      expect(await rig.restart(database, "one")).toEqual({ answers: 0, lost: 0, unsent: 0 });
      expect(await readConnection(database, id)).toMatchObject({ ended_reason: "in_doubt", sealed_grant: null, sealed_tokens: null });
      expect(readdirSync(rig.spoolPath("one"))).toEqual([]);
    });

    it("and comes back after its user has signed in again brings the older tokens to nobody", async () => {
      const { rig, database, other, id } = await killedAt("spooled");
      const tokens = rig.provider.give();
      await rig.signIn(other, { tokens });
      expect(await rig.restart(database, "one")).toEqual({ answers: 0, lost: 0, unsent: 0 });
      expect(shown(await rig.ask(other, id)).accessToken).toBe(tokens.accessToken.reveal());
    });

    it.each<RefreshStep>(["intended", "spooled"])(
      "without a spool, at %s, is in doubt for no longer than a refresh takes",
      async (step) => {
        const { rig, other, id } = await killedAt(step, "none");
        rig.clock.advance(refreshMs);
        await expect(rig.ask(other, id, { beyond: 0 })).rejects.toThrow(over);
        expect(rig.ended).toEqual(["in_doubt"]);
      },
    );
  });

  it("a process that starts without a spool takes nothing from another one without, which is sending", async () => {
    const rig = createVaultRig();
    const database = await open();
    const [first, second] = [rig.process(database, { spool: "none" }), rig.process(database, { spool: "none" })];
    const { id } = await rig.signIn(first);
    const held = rig.provider.hold();
    const refreshed = rig.ask(first, id, { beyond: 0 });
    await held.arrived;
    expect(await rig.restart(database, "none")).toEqual({ answers: 0, lost: 0, unsent: 0 });
    const waits = rig.ask(second, id, { beyond: 0, signal: AbortSignal.timeout(100) });
    await expect(waits).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    held.answer();
    expect(shown(await rig.ask(second, id, { beyond: 0 }))).toEqual(shown(await refreshed));
    expect(rig.provider.presented.length).toBe(1);
  });

  it("taking up a spool again, after it was broken off, does the rest and harms nothing", async () => {
    const { rig, database, other, id } = await killedAt("spooled");
    await rig.restart(database, "one");
    expect(await rig.restart(database, "one")).toEqual({ answers: 0, lost: 0, unsent: 0 });
    expect((await rig.ask(other, id, { beyond: 0 })).generation).toBe(1);
  });

  it("a spool says nothing of intents that belong to another one", async () => {
    const { rig, database, other, id } = await killedAt("sending");
    expect(await rig.restart(database, "two")).toEqual({ answers: 0, lost: 0, unsent: 0 });
    rig.clock.advance(refreshMs);
    await expect(rig.ask(other, id, { beyond: 0 })).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
  });
});
