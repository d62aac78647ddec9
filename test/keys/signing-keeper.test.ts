import { beforeEach, describe, expect, it } from "vitest";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import { type FrozenClock, frozenClock, masterKey, nowMs } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { hour, rules, signingReplica, storeOn } from "../store/signing-rig.ts";
import { judged } from "./own-keys.ts";

const es256 = { kind: "published", algorithm: "ES256" } as const;
const day = 24 * hour;

onEachDatabase((_, open) => {
  let clock: FrozenClock;
  let database: Database;
  beforeEach(async () => {
    clock = frozenClock();
    database = await open();
  });

  it("makes the first key, which signs at once, and a restart keeps it", async () => {
    const replica = signingReplica(database, clock);
    await replica.keeper.start();
    const token = await replica.signer.sign({ sub: "user-1" }, es256);
    const [key] = replica.ring.publicKeys().keys;
    expect(replica.events).toEqual([{ kind: "created", kid: key?.kid, algorithm: "ES256", activatesAtMs: nowMs }]);
    await replica.keeper.close();

    const restarted = signingReplica(await open(), clock);
    await restarted.keeper.start();
    expect(restarted.events).toEqual([]);
    expect(restarted.ring.publicKeys().keys).toEqual([key]);
    expect((await judged(restarted.ring.keySet, token)).kind).toBe("good");
  });

  it("makes a key for every algorithm that is asked for, also for one that is asked for later", async () => {
    const asked: ("ES256" | "EdDSA" | "RS256")[] = ["ES256", "EdDSA", "ES256"];
    const replica = signingReplica(database, clock, { algorithms: () => asked });
    await replica.keeper.start();
    const published = () => replica.ring.publicKeys().keys.map(({ alg }) => alg);
    expect(published().toSorted()).toEqual(["ES256", "EdDSA"]);
    asked.push("RS256");
    await replica.look();
    expect(published().toSorted()).toEqual(["ES256", "EdDSA", "RS256"]);
  });

  it("two replicas that start at the same instant make one key", async () => {
    const replicas = [signingReplica(database, clock), signingReplica(await open(), clock), signingReplica(await open(), clock)];
    await Promise.all(replicas.map(({ keeper }) => keeper.start()));
    expect(replicas.flatMap(({ events }) => events)).toHaveLength(1);
    const [first, ...others] = replicas.map(({ ring }) => ring.publicKeys());
    expect(first?.keys).toHaveLength(1);
    for (const other of others) expect(other).toEqual(first);
  });

  it("two replicas that rotate at the same instant make one successor, and agree on it", async () => {
    const replicas = [signingReplica(database, clock), signingReplica(await open(), clock)];
    for (const { keeper } of replicas) await keeper.start();
    clock.advance(rules.rotateEveryMs - rules.announceMs);
    await Promise.all(replicas.map((replica) => replica.look()));
    expect(replicas.flatMap(({ events }) => events)).toHaveLength(2);
    const [one, other] = replicas.map(({ ring }) => ring.publicKeys());
    expect(one?.keys).toHaveLength(2);
    expect(other).toEqual(one);
    clock.advance(hour);
    await Promise.all(replicas.map((replica) => replica.look()));
    clock.advance(rules.announceMs - hour / 2);
    const signing = replicas.map(({ ring }) => ring.active("ES256")?.kid);
    expect(signing).toEqual([one?.keys[1]?.kid, one?.keys[1]?.kid]);
  });

  it("removes what was dropped long ago, and nothing that still says who was replaced", async () => {
    const replica = signingReplica(database, clock);
    await replica.keeper.start();
    const kidsAfter = async (days: number) => {
      for (let passed = 0; passed < days; passed += 1) {
        clock.advance(day);
        await replica.look();
      }
      return (await replica.store.read()).map(({ seq }) => seq);
    };
    expect(await kidsAfter(4)).toEqual([1, 2, 3]);
    const later = await kidsAfter(60);
    expect(later.length).toBeLessThan(20);
    expect(later[0]).toBeGreaterThan(10);
    expect(replica.ring.publicKeys().keys.length).toBeLessThanOrEqual(3);
  });

  describe("while the database is away", () => {
    it("goes on with what is known, says so once, and is back by itself", async () => {
      let away = false;
      const failing: Pick<Database, "run" | "transaction"> = {
        run: (work, options) => (away ? Promise.reject(new DatabaseFailure("AWAY", "refused")) : database.run(work, options)),
        transaction: (work) => database.transaction(work),
      };
      const replica = signingReplica(failing, clock);
      await replica.keeper.start();
      away = true;
      for (let looks = 0; looks < 3; looks += 1) await replica.look();
      clock.advance(rules.announceMs - 1);
      expect((await judged(replica.ring.keySet, await replica.signer.sign({}, es256))).kind).toBe("good");
      clock.advance(2);
      await expect(replica.signer.sign({}, es256)).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
      away = false;
      await replica.look();
      expect((await judged(replica.ring.keySet, await replica.signer.sign({}, es256))).kind).toBe("good");
      expect(replica.events.slice(1)).toEqual([{ kind: "away", reason: "STORE_UNAVAILABLE" }, { kind: "back" }]);
    });

    it("does not start", async () => {
      const replica = signingReplica(database, clock);
      await database.close();
      await expect(replica.keeper.start()).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
    });
  });

  it("ends a key everywhere with the next look: it neither signs nor verifies nor is published", async () => {
    const [one, other] = [signingReplica(database, clock), signingReplica(await open(), clock)];
    for (const { keeper } of [one, other]) await keeper.start();
    const token = await one.signer.sign({}, es256);
    const ended = one.ring.active("ES256")?.kid ?? "";
    clock.advance(1_000);
    await storeOn(database).store.end(ended, clock());
    await Promise.all([one.look(), other.look()]);
    for (const replica of [one, other]) {
      expect((await judged(replica.ring.keySet, token)).kind).toBe("refused");
      expect(replica.ring.publicKeys().keys.map(({ kid }) => kid)).not.toContain(ended);
    }
    expect(one.ring.active("ES256")?.kid).toBe(other.ring.active("ES256")?.kid);
    expect((await judged(other.ring.keySet, await one.signer.sign({}, es256))).kind).toBe("good");
  });

  it("takes no key that was swapped in the table, raises the alarm, and goes on signing with another", async () => {
    const replica = signingReplica(database, clock, { algorithms: () => ["ES256", "EdDSA"] });
    await replica.keeper.start();
    const [one, other] = await database.run((db) => db.selectFrom("signing_keys").selectAll().execute());
    await database.run((db) =>
      db
        .updateTable("signing_keys")
        .set({ sealed_key: one?.sealed_key })
        .where("kid", "=", other?.kid ?? "")
        .execute(),
    );
    await replica.look();
    expect(replica.alarms).toEqual([{ kind: "unreadable", store: "signing_keys" }]);
    expect(replica.ring.publicKeys().keys.map(({ kid }) => kid)).not.toContain(other?.kid);
    for (const algorithm of ["ES256", "EdDSA"] as const) {
      const token = await replica.signer.sign({}, { kind: "published", algorithm });
      expect((await judged(replica.ring.keySet, token)).kind).toBe("good");
    }
  });

  it("under another sealing key reads none of them, and says of each that it cannot", async () => {
    await signingReplica(database, clock).keeper.start();
    const { store, alarms } = storeOn(await open(), [masterKey("other")]);
    expect(await store.read()).toMatchObject([{ held: { kind: "unreadable" } }]);
    expect(alarms).toHaveLength(1);
  });

  it.each([
    [0, 4_000],
    [0.5, 5_000],
    [1, 6_000],
  ])("waits about five seconds between looks, apart from others (%d)", async (random, ms) => {
    const replica = signingReplica(database, clock, { random: () => random });
    await replica.keeper.start();
    await replica.look();
    expect(replica.waits).toEqual([ms, ms]);
  });

  it("closed, it looks no more, also where it was never started", async () => {
    const [replica, idle] = [signingReplica(database, clock), signingReplica(database, clock)];
    await replica.keeper.start();
    await replica.look();
    await replica.keeper.close();
    await idle.keeper.close();
    expect(replica.waits).toHaveLength(2);
  });
});
