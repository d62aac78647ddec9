import { beforeEach, describe, expect, test } from "vitest";
import { newKey } from "../../src/keys/signing-keeper.ts";
import type { Database } from "../../src/store/database.ts";
import { reseal } from "../../src/store/reseal.ts";
import { masterKey, nowMs } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";
import { storeOn } from "./signing-rig.ts";

const at = (activatesAtMs: number) => ({ announcedAtMs: nowMs, activatesAtMs });

onEachDatabase((_, open) => {
  let database: Database;

  beforeEach(async () => {
    database = await open();
  });

  const update = (set: Record<string, unknown>, kid: string) =>
    database.run((db) => db.updateTable("signing_keys").set(set).where("kid", "=", kid).execute());

  test("a key comes back as it was stored, also for another replica and under any of its sealing keys", async () => {
    const key = await newKey("ES256", [], at(nowMs + 1));
    expect(await storeOn(database, [masterKey("old")]).store.add(key)).toBe(true);
    const [read] = await storeOn(await open(), [masterKey("fresh"), masterKey("old")]).store.read();
    const { privateKey, jwk: _jwk, ...rest } = key;
    expect(read).toMatchObject({ ...rest, endedAtMs: undefined, held: { kind: "key" } });
    expect(read?.held.kind === "key" && read.held.privateKey.equals(privateKey)).toBe(true);
  });

  test("a key that was read again is the same object: nothing is opened twice", async () => {
    const { store } = storeOn(database);
    await store.add(await newKey("ES256", [], at(nowMs)));
    const [[first], [second]] = [await store.read(), await store.read()];
    expect(second?.held).toBe(first?.held);
  });

  test("a place in the order is taken once, and each algorithm has an order of its own", async () => {
    const { store } = storeOn(database);
    expect(await store.add(await newKey("ES256", [], at(nowMs)))).toBe(true);
    expect(await store.add(await newKey("ES256", [], at(nowMs)))).toBe(false);
    expect(await store.add(await newKey("EdDSA", [], at(nowMs)))).toBe(true);
    expect(await store.add(await newKey("ES256", await store.read(), at(nowMs)))).toBe(true);
    expect((await store.read()).map(({ algorithm, seq }) => [algorithm, seq])).toEqual([
      ["ES256", 1],
      ["ES256", 2],
      ["EdDSA", 1],
    ]);
  });

  test("an ended key is gone for good: its private half is in no row, and nobody can bring it back", async () => {
    const { store, alarms } = storeOn(database);
    const key = await newKey("ES256", [], at(nowMs));
    await store.add(key);
    expect(await store.end(key.kid, nowMs + 5)).toBe(true);
    expect(await store.read()).toMatchObject([{ kid: key.kid, endedAtMs: nowMs + 5, held: { kind: "ended" } }]);
    expect(await store.end(key.kid, nowMs + 6)).toBe(false);
    expect(alarms).toEqual([]);
    await update({ ended_at: null }, key.kid);
    expect(await store.read()).toMatchObject([{ held: { kind: "unreadable" } }]);
  });

  test("an end and its successor are both done or nothing", async () => {
    const { store } = storeOn(database);
    const key = await newKey("ES256", [], at(nowMs));
    await store.add(key);
    const taken = await newKey("ES256", [], at(nowMs));
    expect(await store.end(key.kid, nowMs, taken)).toBe(false);
    expect(await store.read()).toMatchObject([{ kid: key.kid, held: { kind: "key" } }]);
    const next = await newKey("ES256", await store.read(), at(nowMs));
    expect(await store.end(key.kid, nowMs, next)).toBe(true);
    expect((await store.read()).map(({ kid, held }) => [kid, held.kind])).toEqual([
      [key.kid, "ended"],
      [next.kid, "key"],
    ]);
  });

  test("removed keys are gone, and no others", async () => {
    const { store } = storeOn(database);
    const [one, other] = [await newKey("ES256", [], at(nowMs)), await newKey("EdDSA", [], at(nowMs))];
    for (const key of [one, other]) await store.add(key);
    await store.remove([]);
    await store.remove([one.kid]);
    expect((await store.read()).map(({ kid }) => kid)).toEqual([other.kid]);
  });

  test("whoever has a copy of the table has no private key", async () => {
    const key = await newKey("EdDSA", [], at(nowMs));
    await storeOn(database).store.add(key);
    const [row] = await database.run((db) => db.selectFrom("signing_keys").selectAll().execute());
    const { d } = key.privateKey.export({ format: "jwk" });
    expect(Buffer.from(row?.sealed_key ?? []).includes(Buffer.from(d ?? "", "base64url"))).toBe(false);
    expect(JSON.stringify({ ...row, sealed_key: undefined })).not.toContain(d);
  });

  test("cambio reseal covers it: the first key alone opens it afterwards", async () => {
    const [old, fresh] = [masterKey("old"), masterKey("fresh")];
    await storeOn(database, [old]).store.add(await newKey("RS256", [], at(nowMs)));
    await reseal(database, [fresh, old]);
    expect(await storeOn(database, [fresh]).store.read()).toMatchObject([{ held: { kind: "key" } }]);
  });

  describe("whoever can write to the table", () => {
    test.each<[string, (kids: readonly [string, string]) => Promise<unknown>]>([
      [
        "swaps the sealed keys of two rows",
        async ([one, other]) => {
          const rows = await database.run((db) => db.selectFrom("signing_keys").selectAll().execute());
          for (const [to, from] of [
            [one, other],
            [other, one],
          ])
            await update({ sealed_key: rows.find(({ kid }) => kid === from)?.sealed_key }, to ?? "");
        },
      ],
      ["makes keys sign longer", (kids) => Promise.all(kids.map((kid) => update({ activates_at: nowMs - 1 }, kid)))],
      ["changes their order", (kids) => Promise.all(kids.map((kid, index) => update({ seq: 10 + index }, kid)))],
      [
        "puts another public key beside them",
        async (kids) => {
          const { jwk } = await newKey("ES256", [], at(nowMs));
          for (const kid of kids) await update({ public_jwk: JSON.stringify(jwk) }, kid);
        },
      ],
      ["puts no key beside them", (kids) => Promise.all(kids.map((kid) => update({ public_jwk: "{}" }, kid)))],
      ["cuts the bytes", (kids) => Promise.all(kids.map((kid) => update({ sealed_key: Buffer.of(1, 107) }, kid)))],
      ["takes the bytes away", (kids) => Promise.all(kids.map((kid) => update({ sealed_key: null }, kid)))],
    ])("and %s gets no key, and raises one alarm for each, however often they are read", async (_name, tamper) => {
      const { store, alarms } = storeOn(database);
      const keys = [await newKey("ES256", [], at(nowMs)), await newKey("EdDSA", [], at(nowMs))] as const;
      for (const key of keys) await store.add(key);
      await store.read();
      await tamper([keys[0].kid, keys[1].kid]);
      for (let reads = 0; reads < 3; reads += 1) {
        expect((await store.read()).map(({ held }) => held.kind)).toEqual(["unreadable", "unreadable"]);
      }
      const alarm = { kind: "unreadable", store: "signing_keys" };
      expect(alarms).toEqual([alarm, alarm]);
    });

    test("and adds a key of his own, unsealed, gets nobody to take it for ours", async () => {
      const { store, alarms } = storeOn(database);
      const { kid, jwk, privateKey } = await newKey("ES256", [], at(nowMs));
      const sealed_key = privateKey.export({ type: "pkcs8", format: "der" });
      const row = { kid, algorithm: "ES256", seq: 9, public_jwk: JSON.stringify(jwk), sealed_key };
      await database.run((db) =>
        db
          .insertInto("signing_keys")
          .values({ ...row, announced_at: 0, activates_at: 0, ended_at: null })
          .execute(),
      );
      expect(await store.read()).toMatchObject([{ held: { kind: "unreadable" } }]);
      expect(alarms).toHaveLength(1);
    });

    test("and names an algorithm that nobody knows adds no key at all", async () => {
      const { store } = storeOn(database);
      const key = await newKey("ES256", [], at(nowMs));
      await store.add(key);
      await update({ algorithm: "HS256" }, key.kid);
      expect(await store.read()).toEqual([]);
    });
  });

  test("a database that is away is STORE_UNAVAILABLE, whatever was asked", async () => {
    const { store } = storeOn(database);
    const key = await newKey("ES256", [], at(nowMs));
    await database.close();
    for (const work of [() => store.read(), () => store.add(key), () => store.end(key.kid, nowMs), () => store.remove([key.kid])])
      await expect(work()).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
  });
});
