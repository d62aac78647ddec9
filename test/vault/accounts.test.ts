import { beforeEach, describe, expect, test } from "vitest";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { Database } from "../../src/store/database.ts";
import { reseal } from "../../src/store/reseal.ts";
import { associatedData, sealedColumns } from "../../src/store/sealed-columns.ts";
import type { AccountRow } from "../../src/store/tables.ts";
import { masterKey, nowMs } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";
import { accountsOn, providerOf, userOf } from "./account-rig.ts";

const away = refusal("STORE_UNAVAILABLE");
const unreadable = { kind: "unreadable", store: "accounts" };

/** Sealed for that row, and of another shape. */
const foreign = (place: Partial<AccountRow>, text: string) => {
  const { accountUser } = sealedColumns;
  const row = { id: "", provider: "", issuer: "", provider_user_id: "", ...place };
  return createSealer([masterKey("k")], accountUser.purpose).seal(Buffer.from(text), associatedData(accountUser, row));
};

onEachDatabase((_, open) => {
  let database: Database;

  beforeEach(async () => {
    database = await open();
  });

  const rows = (): Promise<AccountRow[]> => database.run((db) => db.selectFrom("accounts").selectAll().orderBy("created_at").execute());
  const update = (set: Partial<AccountRow>, id: string) =>
    database.run((db) => db.updateTable("accounts").set(set).where("id", "=", id).execute());

  describe("who signs in", () => {
    test("gets an account, which another replica finds by its id and by the provider's", async () => {
      const made = await accountsOn(database).accounts.signedIn(providerOf("discord"), userOf("80351110224678912"));
      expect(made).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        provider: "discord",
        issuer: "https://discord.example",
        user: userOf("80351110224678912"),
        disabled: false,
      });
      const { accounts } = accountsOn(await open());
      expect(await accounts.find(made.id)).toEqual(made);
      expect(await accounts.findByUser(providerOf("discord"), "80351110224678912")).toEqual(made);
    });

    test("again keeps the id, whatever is said of them by then", async () => {
      const { accounts, clock } = accountsOn(database);
      const first = await accounts.signedIn(providerOf("discord"), userOf("1"));
      clock.advance(5_000);
      const news = userOf("1", { username: "countess", displayName: "", email: "new@example.com", emailVerified: false });
      expect(await accounts.signedIn(providerOf("discord"), news)).toEqual({ ...first, user: news });
      expect(await accounts.find(first.id)).toEqual({ ...first, user: news });
      expect(await rows()).toMatchObject([{ created_at: nowMs, updated_at: nowMs + 5_000, disabled_at: null }]);
    });

    test("under another user's e-mail address, name and username gets no account of theirs", async () => {
      const { accounts } = accountsOn(database);
      const victim = await accounts.signedIn(providerOf("discord"), userOf("1"));
      const same = await accounts.signedIn(providerOf("discord"), userOf("2"));
      const elsewhere = await accounts.signedIn(providerOf("other"), userOf("1"));
      expect(new Set([victim.id, same.id, elsewhere.id]).size).toBe(3);
      expect(await accounts.findByUser(providerOf("other"), "2")).toBeUndefined();
    });

    test("at two replicas at the same moment, ten times over, gets one account", async () => {
      const [one, other] = [accountsOn(database).accounts, accountsOn(await open()).accounts];
      const names = Array.from({ length: 20 }, (_one, index) => `name-${index}`);
      const made = await Promise.all(
        names.map((username, index) => (index % 2 === 0 ? one : other).signedIn(providerOf("discord"), userOf("1", { username }))),
      );
      expect(new Set(made.map((account) => account.id)).size).toBe(1);
      expect(await rows()).toHaveLength(1);
      expect((await one.find(made[0]?.id ?? ""))?.user.username).toMatch(/^name-/);
    });

    test("while the account is disabled is told so, and it stays disabled", async () => {
      const { accounts } = accountsOn(database);
      const { id } = await accounts.signedIn(providerOf("discord"), userOf("1"));
      await update({ disabled_at: nowMs }, id);
      expect(await accounts.signedIn(providerOf("discord"), userOf("1"))).toMatchObject({ id, disabled: true });
      expect(await accounts.find(id)).toMatchObject({ disabled: true });
    });

    test.each([
      ["nothing", ""],
      ["half a character, which another half would meet in one account", "user-\ud800"],
      ["a NUL, which one of the databases refuses", "1\0"],
      ["a line's end", "1\n"],
      ["more than anybody's id", "1".repeat(257)],
    ])("by an id of %s gets no account", async (_name, id) => {
      const { accounts } = accountsOn(database);
      await expect(accounts.signedIn(providerOf("discord"), userOf(id))).rejects.toEqual(refusal("UPSTREAM_INVALID_RESPONSE"));
      expect(await rows()).toEqual([]);
      expect([await accounts.findByUser(providerOf("discord"), id), await accounts.find(id)]).toEqual([undefined, undefined]);
    });

    test("with an attribute beyond its bound is one of whom that is not known, and nothing is cut", async () => {
      const { accounts } = accountsOn(database);
      const long = "x".repeat(2_049);
      const user = userOf("1", { username: "x".repeat(2_048), displayName: long, email: long, avatarUrl: long });
      const kept = userOf("1", { username: user.username, displayName: "", email: "", emailVerified: false, avatarUrl: "" });
      const { id } = await accounts.signedIn(providerOf("discord"), user);
      expect((await accounts.find(id))?.user).toEqual(kept);
    });

    test("gets another id than one that is taken, should one ever be made twice", async () => {
      const ids = ["same", "same", "other"];
      const { accounts } = accountsOn(database, { random: () => ids.shift() ?? "" });
      expect((await accounts.signedIn(providerOf("discord"), userOf("1"))).id).toBe("same");
      expect((await accounts.signedIn(providerOf("discord"), userOf("2"))).id).toBe("other");
    });
  });

  test("whoever has a copy of the table reads nothing that was said of a user", async () => {
    // Longer than what stands in random bytes and ids by chance.
    await accountsOn(database).accounts.signedIn(providerOf("discord"), userOf("1", { username: "countess" }));
    const [row] = await rows();
    const text = Buffer.from(row?.sealed_user ?? []).toString("latin1") + JSON.stringify({ ...row, sealed_user: undefined });
    for (const said of ["countess", "Lovelace", "@example", "ada.png"]) expect(text).not.toContain(said);
  });

  test("cambio reseal covers it: the first key alone opens it afterwards", async () => {
    const [old, fresh] = [masterKey("old"), masterKey("fresh")];
    const made = await accountsOn(database, { keys: [old] }).accounts.signedIn(providerOf("discord"), userOf("1"));
    const counts = await reseal(database, [fresh, old]);
    expect(counts.find(({ table }) => table === "accounts")).toMatchObject({ column: "sealed_user", resealed: 1, unreadable: 0 });
    const after = accountsOn(database, { keys: [fresh] });
    expect(await after.accounts.find(made.id)).toEqual(made);
    expect(after.alarms).toEqual([]);
  });

  describe("a row that does not open is nobody's account, and an alarm: whoever can write to the table becomes nobody by", () => {
    test.each<[string, (row: AccountRow, other: AccountRow) => Partial<AccountRow>]>([
      ["another account's bytes", (_row, other) => ({ sealed_user: other.sealed_user })],
      ["cut bytes", ({ sealed_user }) => ({ sealed_user: sealed_user.subarray(0, -1) })],
      [
        "a changed byte",
        ({ sealed_user }) => ({ sealed_user: Buffer.concat([sealed_user.subarray(0, -1), Buffer.of((sealed_user.at(-1) ?? 0) ^ 1)]) }),
      ],
      ["no bytes", () => ({ sealed_user: new Uint8Array() })],
      [
        "bytes under a key that is gone",
        (row) => ({
          sealed_user: createSealer([masterKey("z")], sealedColumns.accountUser.purpose).seal(
            Buffer.from("{}"),
            associatedData(sealedColumns.accountUser, row),
          ),
        }),
      ],
      ["another user's id in the row", () => ({ provider_user_id: "3" })],
      ["another provider in the row", () => ({ provider: "other" })],
      ["another issuer in the row", () => ({ issuer: "https://other.example" })],
      ["what is no JSON", (row) => ({ sealed_user: foreign(row, "{") })],
      ["a shape of another time", (row) => ({ sealed_user: foreign(row, JSON.stringify({ username: "ada", admin: true })) })],
    ])("%s", async (_name, tamper) => {
      const { accounts, alarms } = accountsOn(database);
      const { id } = await accounts.signedIn(providerOf("discord"), userOf("1"));
      const { id: otherId } = await accounts.signedIn(providerOf("discord"), userOf("2"));
      const all = await rows();
      const [row, other] = [id, otherId].map((name) => all.find((one) => one.id === name));
      if (row === undefined || other === undefined) throw new Error("there are two rows");
      const change = tamper(row, other);
      await update(change, id);
      const { provider, issuer, provider_user_id: userId } = { ...row, ...change };
      await expect(accounts.find(id)).rejects.toEqual(away);
      await expect(accounts.findByUser({ name: provider, issuer }, userId)).rejects.toEqual(away);
      await expect(accounts.signedIn({ name: provider, issuer }, userOf(userId))).rejects.toEqual(away);
      expect(alarms).toEqual([unreadable, unreadable, unreadable]);
      expect(await accounts.find(otherId)).toMatchObject({ user: userOf("2") });
      const left = (await rows()).find((one) => one.id === id);
      expect(Buffer.from(left?.sealed_user ?? [])).toEqual(Buffer.from(change.sealed_user ?? row.sealed_user));
    });
  });

  test("whoever puts a victim's account under his own name, and signs in, does not become the victim", async () => {
    const { accounts, alarms } = accountsOn(database);
    const { id: victim } = await accounts.signedIn(providerOf("discord"), userOf("1"));
    await update({ provider_user_id: "99" }, victim);
    await expect(accounts.signedIn(providerOf("discord"), userOf("99"))).rejects.toEqual(away);
    expect(alarms).toEqual([unreadable]);
    // Nor after the row was given back: nothing was sealed for the attacker.
    await update({ provider_user_id: "1" }, victim);
    expect(await accounts.find(victim)).toMatchObject({ id: victim, user: userOf("1") });
    expect((await accounts.signedIn(providerOf("discord"), userOf("99"))).id).not.toBe(victim);
  });

  test("whoever puts his own account in a victim's place, by id, does not become the victim", async () => {
    const { accounts } = accountsOn(database);
    const { id: victim } = await accounts.signedIn(providerOf("discord"), userOf("1"));
    const { id: own } = await accounts.signedIn(providerOf("discord"), userOf("99"));
    await database.run((db) => db.deleteFrom("accounts").where("id", "=", victim).execute());
    await update({ id: victim }, own);
    await expect(accounts.signedIn(providerOf("discord"), userOf("99"))).rejects.toEqual(away);
    await expect(accounts.find(victim)).rejects.toEqual(away);
  });

  test("a user of an issuer that was given another one's name is not that one's user of the same id", async () => {
    const { accounts } = accountsOn(database);
    const former = await accounts.signedIn(providerOf("discord"), userOf("123"));
    const renamed = providerOf("discord", "https://another.example");
    expect(await accounts.findByUser(renamed, "123")).toBeUndefined();
    const later = await accounts.signedIn(renamed, userOf("123"));
    expect(later).toMatchObject({ provider: "discord", issuer: "https://another.example" });
    expect(later.id).not.toBe(former.id);
    expect(await accounts.findByUser(providerOf("discord"), "123")).toEqual(former);
  });

  test("a database that is away is STORE_UNAVAILABLE, never an account that is not there", async () => {
    const { accounts } = accountsOn(database);
    await database.close();
    await expect(accounts.signedIn(providerOf("discord"), userOf("1"))).rejects.toEqual(away);
    await expect(accounts.find("some-id")).rejects.toEqual(away);
    await expect(accounts.findByUser(providerOf("discord"), "1")).rejects.toEqual(away);
  });
});
