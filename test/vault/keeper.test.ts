import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Circumstance, ExchangeError, type FailureFacts, type Reason } from "../../src/exchange/errors.ts";
import type { SendRefresh } from "../../src/exchange/vault-ports.ts";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import type { Sender } from "../../src/vault/provider-keeper.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { createReplica, type Replica, type ReplicaOptions } from "./keeper-rig.ts";
import { type FakeProvider, fakeProvider, theIssuer } from "./fake-provider.ts";
import { idleMs } from "./vault-rig.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

const minuteMs = 60_000;
const upstream = (status: number): Circumstance => ({ kind: "upstream", endpoint: "token", status });

onEachDatabase((_, open) => {
  let time: VirtualTime;
  let provider: FakeProvider;
  let database: Database;
  let sender: Sender;
  let replicas: Replica[];

  beforeEach(async () => {
    time = createVirtualTime();
    provider = fakeProvider(time.clock);
    database = await open();
    replicas = [];
    sender = { issuer: theIssuer, send: provider.send, lostAnswer: "reauthenticate", perSecond: 10, atOnce: 4 };
  });
  afterEach(() => Promise.all(replicas.map(({ keeper }) => keeper.close())));

  function replica(given: ReplicaOptions & { readonly over?: Database } = {}): Replica {
    const made = createReplica(time, given.over ?? database, { senderOf: () => sender, ...given });
    replicas.push(made);
    return made;
  }

  async function keep({ vault }: Replica, count: number, providerName = "main"): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let number = 0; number < count; number += 1) {
      const keeping = { clientId: "web", provider: providerName, accountId: `${providerName} ${number}`, byId: true, issue: undefined };
      ids.push((await vault.connections.keep({ ...keeping, tokens: provider.give() })).id);
    }
    return ids;
  }

  const isDue = (nowMs = time.clock()) =>
    database.run((db) => db.updateTable("connections").set({ due_at: nowMs }).where("ended_at", "is", null).execute());
  const rows = () => database.run((db) => db.selectFrom("connections").selectAll().orderBy("id").execute());
  const passes = async (ms: number) => {
    const until = time.clock() + ms;
    await time.run(() => time.clock() >= until);
  };
  const briefly =
    (lifeMs: number): SendRefresh =>
    async (_token, onSending) => {
      onSending();
      return { ...provider.give(), expiresAtMs: time.clock() + lifeMs };
    };
  const fails = (reason: Reason, facts: FailureFacts = {}) =>
    provider.fails(() => {
      throw new ExchangeError(reason, facts);
    });

  describe("a connection", () => {
    test("is refreshed before its token runs out, again and again, and that is no use of it", async () => {
      const one = replica();
      const [id = ""] = await keep(one, 1);
      const began = time.clock();
      one.keeper.start();
      for (let round = 1; round <= 3; round += 1) {
        const [row] = await rows();
        const dueInMs = (row?.due_at ?? 0) - time.clock();
        time.clock.advance(dueInMs - 3_000);
        await passes(2_000);
        expect(one.outcomes).toHaveLength(round - 1);
        await time.run(() => one.outcomes.length === round);
      }
      expect(one.outcomes).toEqual(["main OK", "main OK", "main OK"]);
      // Tokens of an hour, refreshed ten minutes before they end.
      expect(time.clock() - began).toBeLessThanOrEqual(3 * 50 * minuteMs + 6_000);
      expect(await rows()).toMatchObject([{ id, generation: 3, used_at: began, ended_at: null }]);
      expect(one.failures).toEqual([]);
    });

    test.each([0, 1_000, -3_600_000])(
      "whose tokens live %d ms is not refreshed without end: its provider is asked once a minute",
      async (lifeMs) => {
        const one = replica();
        provider.instead.push(...Array.from({ length: 200 }, () => briefly(lifeMs)));
        await keep(one, 1);
        await isDue();
        one.keeper.start();
        await passes(10 * minuteMs);
        expect([one.outcomes.length > 5, one.outcomes.length < 12]).toEqual([true, true]);
      },
    );

    test("that its provider refuses ends, and whoever asks hears of it", async () => {
      const one = replica();
      const [id] = await keep(one, 1);
      await isDue();
      fails("REAUTHENTICATION_REQUIRED");
      one.keeper.start();
      await time.run(() => one.outcomes.length === 1);
      expect(one.outcomes).toEqual(["main REAUTHENTICATION_REQUIRED"]);
      expect(one.ended).toEqual([`${id} rejected`]);
    });

    test("whose answer was lost is looked at a minute later, and never sent again", async () => {
      const one = replica();
      const [id] = await keep(one, 1);
      await isDue();
      fails("OUTCOME_UNKNOWN");
      one.keeper.start();
      await time.run(() => one.ended.length === 1);
      expect(one.ended).toEqual([`${id} in_doubt`]);
      expect(provider.presented).toHaveLength(1);
    });

    test("that does not open here is left alone for an hour, and holds up no other", async () => {
      const one = replica();
      const ids = await keep(one, 3);
      await isDue();
      await database.run((db) =>
        db
          .updateTable("connections")
          .set({ sealed_grant: Buffer.from("foreign") })
          .where("id", "=", ids[1] ?? "")
          .execute(),
      );
      one.keeper.start();
      await passes(10_000);
      expect(one.outcomes.toSorted()).toEqual(["main OK", "main OK", "main REAUTHENTICATION_REQUIRED"]);
      expect(one.failures).toEqual(["connections unreadable"]);
    });

    test("that nobody used for the configured time ends, and its user is not called for", async () => {
      const one = replica({ providers: [] });
      const [id] = await keep(one, 1);
      one.keeper.start();
      time.clock.advance(idleMs - 2 * minuteMs);
      await passes(minuteMs);
      expect(one.ended).toEqual([]);
      await passes(4 * minuteMs);
      expect(one.ended).toEqual([`${id} idle`]);
      expect(await rows()).toMatchObject([{ ended_reason: "idle", tell_at: null }]);
    });
  });

  describe("a provider", () => {
    test("that fails is left alone for a while, and nothing ends", async () => {
      const one = replica();
      await keep(one, 3);
      await isDue();
      fails("UPSTREAM_UNAVAILABLE", { cause: upstream(503) });
      one.keeper.start();
      await passes(4_000);
      expect(provider.presented).toHaveLength(1);
      await passes(2 * minuteMs);
      expect(one.outcomes.toSorted()).toEqual(["main OK", "main OK", "main OK", "main UPSTREAM_UNAVAILABLE"]);
      expect(one.ended).toEqual([]);
    });

    test("that asks for a pause because of one connection leaves that one alone in full, and everybody else for half a minute", async () => {
      const one = replica({ providers: ["main", "other"] });
      await keep(one, 2);
      await keep(one, 2, "other");
      fails("UPSTREAM_RATE_LIMITED", { retryAfterMs: 90_000, cause: upstream(429) });
      sender = { ...sender, atOnce: 1 };
      await isDue();
      one.keeper.start();
      await passes(29_000);
      expect(one.outcomes.filter((outcome) => outcome.endsWith("UPSTREAM_RATE_LIMITED"))).toHaveLength(1);
      const limited = one.outcomes.find((outcome) => outcome.endsWith("LIMITED"))?.split(" ")[0] ?? "";
      const answered = () => one.outcomes.filter((outcome) => outcome === `${limited} OK`).length;
      expect([one.outcomes.length, answered()]).toEqual([3, 0]);
      await passes(3_000);
      expect(answered()).toBe(1);
      await passes(55_000);
      expect(answered()).toBe(1);
      await passes(3 * minuteMs);
      expect([answered(), one.ended]).toEqual([2, []]);
    });

    test("that asks for a pause twice gets it to the second", async () => {
      const one = replica();
      await keep(one, 3);
      for (let number = 0; number < 2; number += 1) fails("UPSTREAM_RATE_LIMITED", { retryAfterMs: 90_000, cause: upstream(429) });
      sender = { ...sender, atOnce: 1 };
      await isDue();
      one.keeper.start();
      await passes(119_000);
      expect(one.outcomes).toHaveLength(2);
      await passes(5 * minuteMs);
      expect(one.outcomes.filter((outcome) => outcome.endsWith("OK"))).toHaveLength(3);
    });

    test("that turns down a fifth of what it is asked is left alone for minutes, and that is said once", async () => {
      const one = replica();
      await keep(one, 30);
      await isDue();
      for (let number = 0; number < 20; number += 1) fails("REAUTHENTICATION_REQUIRED", { cause: upstream(401) });
      one.keeper.start();
      await passes(minuteMs);
      expect(one.refused).toEqual(["main"]);
      // Those that were under way when it was noticed come to their end.
      expect(provider.presented.length).toBeLessThanOrEqual(10 + sender.atOnce);
      await passes(5 * minuteMs);
      expect(one.outcomes).toHaveLength(30);
    });

    test("says how late the oldest is that is due", async () => {
      const one = replica();
      await keep(one, 1);
      await isDue(time.clock() - 7_000);
      one.keeper.start();
      await time.run(() => one.lagMs.has("main"));
      await passes(2_000);
      expect(one.lagMs.get("main")?.slice(0, 2)).toEqual([7_000, 0]);
    });
  });

  describe("replicas", () => {
    test("are one at a time at a provider; one that lost its lease stops, the next goes on after it, and no token is sent twice", async () => {
      const [one, other] = [replica({ name: "one" }), replica({ name: "other", over: await open() })];
      await keep(one, 150);
      await isDue();
      one.keeper.start();
      await time.run(() => one.outcomes.length >= 20);
      other.keeper.start();
      await passes(5_000);
      expect(other.outcomes).toEqual([]);
      // Somebody else has it by now, as after a long pause of this process.
      const died = one.outcomes.length;
      await database.run((db) =>
        db
          .updateTable("leases")
          .set({ holder: "a dead one", until: time.clock() + 25_000 })
          .execute(),
      );
      await passes(20_000);
      expect(one.outcomes.length - died).toBeLessThanOrEqual(50 + sender.atOnce);
      await time.run(() => one.outcomes.length + other.outcomes.length >= 150);
      expect(new Set([...one.outcomes, ...other.outcomes])).toEqual(new Set(["main OK"]));
      expect(new Set(provider.presented).size).toBe(provider.presented.length);
      expect(await rows()).toHaveLength(150);
    });

    test("hand over at once when one stops, and it waits for what is under way", async () => {
      const [one, other] = [replica({ name: "one" }), replica({ name: "other", over: await open() })];
      await keep(one, 40);
      await isDue();
      one.keeper.start();
      await time.run(() => one.outcomes.length >= 5);
      const held = provider.hold();
      let arrived = false;
      void held.arrived.then(() => (arrived = true));
      await time.run(() => arrived);
      let closed = false;
      const closing = one.keeper.close().then(() => (closed = true));
      await passes(0);
      expect(closed).toBe(false);
      held.answer();
      await closing;
      const stopped = one.outcomes.length;
      other.keeper.start();
      const began = time.clock();
      await time.run(() => one.outcomes.length + other.outcomes.length >= 40);
      expect(one.outcomes).toHaveLength(stopped);
      // As long as the rest takes at that rate, and no lease beside.
      expect(time.clock() - began).toBeLessThan(10_000);
    });
  });

  test("a database that goes away ends nothing: rounds fail until it is back", async () => {
    let away = false;
    const failing: Database = {
      ...database,
      run: (work, options) => (away ? Promise.reject(new DatabaseFailure("AWAY", "refused")) : database.run(work, options)),
      transaction: (work) => (away ? Promise.reject(new DatabaseFailure("AWAY", "refused")) : database.transaction(work)),
    };
    const one = replica({ over: failing });
    await keep(one, 2);
    one.keeper.start();
    away = true;
    await passes(3_000);
    expect(one.failures.length).toBeGreaterThan(1);
    expect(new Set(one.failures)).toEqual(new Set(["refreshes: STORE_UNAVAILABLE"]));
    away = false;
    await isDue();
    await passes(5_000);
    expect(one.outcomes).toEqual(["main OK", "main OK"]);
  });

  test("a provider that is not configured any more is not asked", async () => {
    const one = replica();
    await keep(one, 1);
    await isDue();
    const gone = createReplica(time, database, { senderOf: () => undefined });
    replicas.push(gone);
    gone.keeper.start();
    await passes(10_000);
    expect([gone.outcomes, gone.failures]).toEqual([[], []]);
    expect(provider.presented).toEqual([]);
  });
});
