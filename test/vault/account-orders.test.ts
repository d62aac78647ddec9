import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Announcement } from "../../src/cache/revocation-codec.ts";
import { type Announcements, createRevocations, type FollowedRevocations } from "../../src/cache/revocations.ts";
import type { RevocableToken } from "../../src/exchange/ports.ts";
import type { Database } from "../../src/store/database.ts";
import { readDueConnections } from "../../src/store/due-connections.ts";
import { createRevocationLog } from "../../src/store/revocation-log.ts";
import { createAccountOrders } from "../../src/vault/account-orders.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { nowSeconds, subjectRevocation } from "../cache/revocation-log-contract.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { connectionRow, insertConnections } from "../store/connection-fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { eventually } from "../support/eventually.ts";
import { accountsOn, providerOf, unreadUser, userOf } from "./account-rig.ts";

const accepted = undefined;
const disabled = refusal("ACCOUNT_DISABLED", { field: "SUBJECT_TOKEN" });
const revoked = refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
const withinMs = 1_000;
const farAhead = 100 * 366 * 24 * 3_600;
const day = 24 * 3_600;

const there = (issuedAt = nowSeconds, subject = "1"): RevocableToken => ({ provider: "discord", id: "jti:x", subject, issuedAt });

const said = (by: FollowedRevocations, token: RevocableToken): unknown => outcomeOf(() => by.check(token));

/** Announcements as they go out, and come in, at one replica. */
function wire(): { announcements: Announcements; say(announcement: Announcement): void; told: Announcement[] } {
  const listeners: ((announcement: Announcement) => void)[] = [];
  const told: Announcement[] = [];
  return {
    told,
    announcements: { publish: (one) => void told.push(one), listen: (hear) => void listeners.push(hear) },
    say: (one) => listeners.forEach((hear) => hear(one)),
  };
}

onEachDatabase((_, open) => {
  let clock: FrozenClock;
  let database: Database;
  let opened: FollowedRevocations[];
  let id: string;

  beforeEach(async () => {
    clock = frozenClock();
    database = await open();
    opened = [];
    id = (await accountsOn(database).accounts.signedIn(providerOf("discord"), userOf("1"))).id;
  });
  afterEach(() => Promise.all(opened.map((one) => one.close())));

  const ordersOn = (ofThat: Database, given: { clock?: FrozenClock } = {}) =>
    createAccountOrders({
      database: ofThat,
      keys: [masterKey("k")],
      clock: given.clock ?? clock,
      subjectsOf: ({ id: name, provider, providerUserId }, nowMs) => [
        { provider, subject: providerUserId, of: "user", overAt: nowMs / 1_000 + day },
        { provider: "cambio", subject: `discord:${name}`, of: "account", overAt: nowMs / 1_000 + day },
      ],
    });

  async function follower(announcements?: Announcements, readEveryMs = 5): Promise<FollowedRevocations> {
    const log = createRevocationLog(await open());
    const one = createRevocations({ log, announcements, clock, lagMs: 5_000, onState: () => undefined }, { readEveryMs });
    opened.push(one);
    await one.start();
    return one;
  }

  const here = (issuedAt = nowSeconds): RevocableToken => ({ provider: "cambio", id: "jti:y", subject: `discord:${id}`, issuedAt });
  const sayings = (by: FollowedRevocations, issuedAt?: number): readonly unknown[] => [said(by, there(issuedAt)), said(by, here(issuedAt))];

  async function untilSaid(by: FollowedRevocations, outcome: unknown, issuedAt?: number): Promise<void> {
    await eventually("the word", () => (said(by, here(issuedAt)) === accepted) === (outcome === accepted), withinMs).catch(() => undefined);
    expect(sayings(by, issuedAt)).toEqual([outcome, outcome]);
  }

  test("disabling an account ends the refreshing of its connections in the background, and of no others", async () => {
    const { id: other } = await accountsOn(database).accounts.signedIn(providerOf("discord"), userOf("2"));
    const due = { provider: "discord", due_at: 1 };
    await insertConnections(database, [
      connectionRow({ id: "its", account_id: id, ...due }),
      connectionRow({ id: "another's", account_id: other, ...due }),
    ]);
    await ordersOn(database).disable({ id });
    const left = await readDueConnections(database, { provider: "discord", nowMs: clock(), limit: 10 });
    expect(left.map((one) => one.id)).toEqual(["another's"]);
  });

  describe("disabling an account", () => {
    test("is in its row, and makes every replica refuse its tokens within a second: of before, of later, and long after", async () => {
      const replicas = [await follower(), await follower()];
      for (const one of replicas) expect(sayings(one)).toEqual([accepted, accepted]);
      expect(await ordersOn(database).disable({ id })).toEqual({
        kind: "disabled",
        account: { id, provider: "discord", issuer: "https://discord.example", providerUserId: "1" },
      });
      expect(await accountsOn(database).accounts.find(id)).toMatchObject({ disabled: true });
      for (const one of replicas) await untilSaid(one, disabled);
      for (const issuedAt of [0, nowSeconds + 60, nowSeconds + farAhead])
        expect(sayings(await follower(), issuedAt)).toEqual([disabled, disabled]);
      clock.advance(farAhead * 1_000);
      expect(sayings(await follower(), nowSeconds + farAhead)).toEqual([disabled, disabled]);
    });

    test("touches nobody else: not a like-named user of another provider, nor another user of the same", async () => {
      await ordersOn(database).disable({ provider: "discord", issuer: "https://discord.example", providerUserId: "1" });
      const one = await follower();
      expect(said(one, there(nowSeconds, "2"))).toBe(accepted);
      expect(said(one, { ...there(), provider: "other" })).toBe(accepted);
    });

    test("twice changes nothing, and an account that nobody has is unknown", async () => {
      const orders = ordersOn(database);
      await orders.disable({ id });
      clock.advance(10_000);
      expect(await orders.disable({ id })).toMatchObject({ kind: "disabled_before" });
      expect((await orders.list({ provider: undefined, after: "", limit: 1 }))[0]?.disabledAtMs).toBe(clock() - 10_000);
      expect(await orders.disable({ id: "nobody" })).toEqual({ kind: "unknown" });
      expect(await orders.enable({ provider: "other", issuer: "https://other.example", providerUserId: "1" })).toEqual({ kind: "unknown" });
      expect((await createRevocationLog(database).readSince(0, 10)).entries).toHaveLength(2);
    });

    test("is done as a whole or not at all", async () => {
      const breaking: Database = {
        ...database,
        transaction: (work) =>
          database.transaction(async (db) => {
            await work(db);
            throw new Error("the process ended here");
          }),
      };
      await expect(ordersOn(breaking).disable({ id })).rejects.toThrow("ended here");
      expect(await accountsOn(database).accounts.find(id)).toMatchObject({ disabled: false });
      expect((await createRevocationLog(database).readSince(0, 10)).entries).toEqual([]);
    });
  });

  describe("enabling it again", () => {
    test("lets new tokens pass within a second, and none that was issued before", async () => {
      const one = await follower();
      await ordersOn(database).disable({ id });
      await untilSaid(one, disabled);
      clock.advance(60_000);
      expect(await ordersOn(await open()).enable({ id })).toMatchObject({ kind: "enabled" });
      expect(await accountsOn(database).accounts.find(id)).toMatchObject({ disabled: false });
      await untilSaid(one, accepted, nowSeconds + 61);
      for (const replica of [one, await follower()]) {
        expect(sayings(replica, nowSeconds + 61)).toEqual([accepted, accepted]);
        for (const before of [0, nowSeconds, nowSeconds + 59, nowSeconds + 60])
          expect(sayings(replica, before)).toEqual([revoked, revoked]);
      }
    });

    test("what it leaves behind is forgotten once no token of before can be alive", async () => {
      await ordersOn(database).disable({ id });
      await ordersOn(database).enable({ id });
      const { entries } = await createRevocationLog(database).readSince(0, 10);
      expect(entries.map(({ revocation }) => revocation.expiresAt)).toEqual([nowSeconds + day, nowSeconds + day]);
    });

    test("brings back nothing that was revoked otherwise", async () => {
      const log = createRevocationLog(database);
      const [before, between] = [nowSeconds + 3_000, nowSeconds + 4_000];
      await log.append(subjectRevocation("1", { provider: "discord", until: before, expiresAt: nowSeconds + day }));
      await ordersOn(database).disable({ id });
      await log.append({ kind: "token", provider: "discord", id: "jti:stolen", expiresAt: nowSeconds + day });
      await log.append(subjectRevocation(`discord:${id}`, { provider: "cambio", until: between, expiresAt: nowSeconds + day }));
      await ordersOn(database).enable({ id });
      const one = await follower();
      expect([said(one, there(before)), said(one, there(before + 1))]).toEqual([revoked, accepted]);
      expect([said(one, here(between)), said(one, here(between + 1))]).toEqual([revoked, accepted]);
      expect(said(one, { ...there(before + 1), id: "jti:stolen" })).toEqual(revoked);
    });

    test("by a clock that is behind lets no token of before the disabling pass", async () => {
      await ordersOn(database).disable({ id });
      await ordersOn(database, { clock: frozenClock(clock() - 3_600_000) }).enable({ id });
      const one = await follower();
      expect(sayings(one, nowSeconds)).toEqual([revoked, revoked]);
      expect(sayings(one, nowSeconds + 1)).toEqual([accepted, accepted]);
    });

    test("of one that is not disabled ends nobody's tokens", async () => {
      expect(await ordersOn(database).enable({ id })).toMatchObject({ kind: "not_disabled" });
      expect(sayings(await follower())).toEqual([accepted, accepted]);
    });

    test("and disabling it once more counts, each time", async () => {
      const one = await follower();
      for (const round of [1, 2, 3]) {
        await ordersOn(database).disable({ id });
        await untilSaid(one, disabled, nowSeconds + 1_000);
        await ordersOn(database).enable({ id });
        await untilSaid(one, accepted, nowSeconds + 1_000 + round);
      }
      expect((await createRevocationLog(database).readSince(0, 10)).entries).toHaveLength(2);
    });
  });

  const connectionsNow = () =>
    database.run((db) => db.selectFrom("connections").selectAll().where("account_id", "=", id).orderBy("id").execute());

  describe("forgetting an account", () => {
    test("that does not open lets its user in again, by a new account with a new id, and keeps nothing of before", async () => {
      const sealed = { provider: "discord", due_at: 1, sealed_grant: Buffer.from("g"), sealed_tokens: Buffer.from("t") };
      await insertConnections(database, [
        connectionRow({ id: "kept", account_id: id, kept: 1, ...sealed }),
        connectionRow({ id: "behind a handle", account_id: id, kept: 0, ...sealed }),
        connectionRow({ id: "another's", account_id: "other", ...sealed }),
      ]);
      await database.run((db) =>
        db
          .updateTable("accounts")
          .set({ sealed_user: Buffer.from("of a key that is gone") })
          .execute(),
      );
      const { accounts } = accountsOn(database);
      await expect(accounts.signedIn(providerOf("discord"), userOf("1"))).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
      expect(await ordersOn(database).forget(id)).toMatchObject({ kind: "forgotten", account: { id, providerUserId: "1" } });
      const ended = { ended_at: clock(), ended_reason: "revoked", sealed_grant: null, sealed_tokens: null, due_at: null, tell_at: null };
      expect(await connectionsNow()).toMatchObject([
        { id: "behind a handle", ...ended },
        { id: "kept", ...ended },
      ]);
      expect(await accounts.find(id)).toBeUndefined();
      const again = await accounts.signedIn(providerOf("discord"), userOf("1"));
      expect(again.id).not.toBe(id);
      const left = await readDueConnections(database, { provider: "discord", nowMs: clock(), limit: 10 });
      expect(left.map((one) => one.id)).toEqual(["another's"]);
    });

    test("makes every replica refuse what was issued here by its id, whatever its issuer's clock says, and nothing of its user", async () => {
      const one = await follower();
      await ordersOn(database).forget(id);
      await eventually("the word", () => said(one, here()) !== accepted, withinMs);
      for (const issuedAt of [0, nowSeconds, nowSeconds + 60]) expect(said(one, here(issuedAt))).toEqual(revoked);
      // The user's id in the row may be that of whoever was meant to be hurt.
      expect(said(one, there())).toBe(accepted);
    });

    test("whose user's name was changed to a disabled user's lets that one in no more than before", async () => {
      const victim = await accountsOn(database).accounts.signedIn(providerOf("discord"), userOf("2"));
      await ordersOn(database).disable({ id: victim.id });
      await database.run((db) => db.deleteFrom("accounts").where("id", "=", victim.id).execute());
      await database.run((db) => db.updateTable("accounts").set({ provider_user_id: "2" }).where("id", "=", id).execute());
      await ordersOn(database).forget(id);
      expect(said(await follower(), there(nowSeconds + 60, "2"))).toEqual(disabled);
    });

    test("that is disabled is not done: its user would be back", async () => {
      await ordersOn(database).disable({ id });
      expect(await ordersOn(database).forget(id)).toMatchObject({ kind: "disabled", account: { id } });
      expect(await accountsOn(database).accounts.find(id)).toMatchObject({ id, disabled: true });
    });

    test("while somebody disables it does one of the two", async () => {
      const [disabling, forgetting] = await Promise.all([ordersOn(database).disable({ id }), ordersOn(await open()).forget(id)]);
      const left = (await accountsOn(database).accounts.find(id))?.disabled;
      expect([
        ["disabled", "disabled", true],
        ["unknown", "forgotten", undefined],
      ]).toContainEqual([disabling.kind, forgetting.kind, left]);
    });

    test("that nobody has does nothing", async () => {
      expect(await ordersOn(database).forget("nobody")).toEqual({ kind: "unknown" });
      expect((await createRevocationLog(database).readSince(0, 10)).entries).toEqual([]);
    });
  });

  test("whoever disables and whoever enables it at the same moment, row and replicas say the same in the end", async () => {
    const [one, other] = [ordersOn(database), ordersOn(await open())];
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([one.disable({ id }), other.enable({ id }), other.disable({ id }), one.enable({ id })]);
      const account = await accountsOn(database).accounts.find(id);
      const outcome = account?.disabled === true ? disabled : accepted;
      expect(sayings(await follower(), nowSeconds + 1)).toEqual([outcome, outcome]);
    }
  });

  describe("announcements, late and in any order,", () => {
    test("lift nothing, and bring nothing back that was lifted", async () => {
      const [near, far] = [wire(), wire()];
      const [one, other] = [await follower(near.announcements), await follower(far.announcements)];
      const earlier = subjectRevocation("1", { provider: "discord", until: nowSeconds - 100, expiresAt: nowSeconds + day });
      const announced = () => far.told.filter(({ revocation }) => revocation !== undefined);
      const again = () => [...announced().toReversed(), ...announced()].forEach(near.say);

      await other.revoke(earlier);
      await ordersOn(database).disable({ id });
      await other.revoke({ ...earlier, expiresAt: earlier.expiresAt + 1 });
      again();
      await untilSaid(one, disabled);
      again();
      for (const issuedAt of [nowSeconds, nowSeconds + farAhead]) expect(sayings(one, issuedAt)).toEqual([disabled, disabled]);

      await ordersOn(database).enable({ id });
      await other.revoke({ ...earlier, expiresAt: earlier.expiresAt + 2 });
      again();
      await untilSaid(one, accepted, nowSeconds + 1);
      again();
      expect(sayings(one, nowSeconds + 1)).toEqual([accepted, accepted]);
      expect(announced().map(({ seq }) => seq)).toEqual([1, 4, 7]);
      expect(near.told.filter(({ revocation }) => revocation !== undefined)).toEqual([]);
    });

    test("do not make a replica take an order for known that it has not read", async () => {
      const { announcements, say } = wire();
      const one = await follower(announcements, 60_000);
      const { log } = (await createRevocationLog(database).readSince(0, 1)).head;
      await ordersOn(database).disable({ id });
      // Of what another replica revoked after it.
      const position = await createRevocationLog(database).append({
        kind: "token",
        provider: "discord",
        id: "jti:z",
        expiresAt: nowSeconds + 60,
      });
      expect(position.seq).toBe(3);
      say({ log, seq: 3, atMs: clock(), revocation: { kind: "token", provider: "discord", id: "jti:z", expiresAt: nowSeconds + 60 } });
      await untilSaid(one, disabled);
    });
  });

  test("a log that was set back to before an order keeps an account disabled at those who know it, until it says otherwise", async () => {
    const one = await follower();
    await ordersOn(database).disable({ id });
    await untilSaid(one, disabled);
    await database.run((db) => db.deleteFrom("revocations").execute());
    await database.run((db) => db.updateTable("revocation_head").set({ seq: 0 }).execute());
    await eventually("a read", async () => {
      await createRevocationLog(database).append({ kind: "token", provider: "discord", id: "jti:seen", expiresAt: nowSeconds + 60 });
      return said(one, { ...there(0, "2"), id: "jti:seen" }) !== accepted;
    });
    expect(sayings(one, nowSeconds + 1)).toEqual([disabled, disabled]);
    await ordersOn(database).enable({ id });
    await untilSaid(one, accepted, nowSeconds + 1);
  });

  test("a row that has lost its instant refuses, not lifts", async () => {
    await ordersOn(database).disable({ id });
    await ordersOn(database).enable({ id });
    await database.run((db) => db.updateTable("revocations").set({ until: null }).execute());
    expect(sayings(await follower(), nowSeconds + 1)).toEqual([disabled, disabled]);
  });

  test("a replica that starts knows a disabled account page by page, and refuses until it has read all", async () => {
    for (let index = 0; index < 25; index += 1) {
      const { id: one } = await accountsOn(database).accounts.signedIn(providerOf("discord"), userOf(`user-${index}`));
      await ordersOn(database).disable({ id: one });
    }
    const log = createRevocationLog(await open());
    const one = createRevocations({ log, clock, lagMs: 5_000, onState: () => undefined }, { pageSize: 4 });
    opened.push(one);
    expect(said(one, there(nowSeconds, "user-3"))).toEqual(refusal("STORE_UNAVAILABLE"));
    await one.start();
    for (let index = 0; index < 25; index += 1) expect(said(one, there(nowSeconds, `user-${index}`))).toEqual(disabled);
    expect(said(one, there(nowSeconds, "user-25"))).toBe(accepted);
  });

  describe("a list", () => {
    test("goes on behind the last id, in their order, of all or of one provider", async () => {
      const { accounts } = accountsOn(database);
      const ids = [id];
      for (let index = 2; index < 8; index += 1)
        ids.push((await accounts.signedIn(providerOf(index % 2 === 0 ? "other" : "discord"), userOf(`${index}`))).id);
      const orders = ordersOn(database);
      const seen: string[] = [];
      for (let page = await orders.list({ provider: undefined, after: "", limit: 3 }); page.length > 0;) {
        seen.push(...page.map((account) => account.id));
        page = await orders.list({ provider: undefined, after: seen.at(-1) ?? "", limit: 3 });
      }
      expect(seen).toEqual(ids.toSorted());
      const others = await orders.list({ provider: "other", after: "", limit: 10 });
      expect(others.every(({ provider, readable }) => provider === "other" && readable)).toBe(true);
      expect(others.map(({ user }) => user.providerUserId).toSorted()).toEqual(["2", "4", "6"]);
    });

    test("says what it cannot read", async () => {
      const orders = createAccountOrders({ database, keys: [], clock, subjectsOf: () => [] });
      expect(await orders.list({ provider: undefined, after: "", limit: 3 })).toMatchObject([
        { id, user: unreadUser("1"), readable: false },
      ]);
    });
  });

  test("a database that is away is STORE_UNAVAILABLE", async () => {
    await database.close();
    const away = refusal("STORE_UNAVAILABLE");
    await expect(ordersOn(database).disable({ id })).rejects.toEqual(away);
    await expect(ordersOn(database).list({ provider: undefined, after: "", limit: 1 })).rejects.toEqual(away);
  });
});
