import { inspect } from "node:util";
import { beforeEach, describe, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { Database } from "../../src/store/database.ts";
import { createOneTimeStore } from "../../src/store/one-time-store.ts";
import { reseal } from "../../src/store/reseal.ts";
import { associatedData, sealedColumns } from "../../src/store/sealed-columns.ts";
import { frozenClock, masterKey, nowMs, pendingState } from "../cache/fixtures.ts";
import { onEachDatabase } from "./database-rig.ts";

const [old, fresh] = [masterKey("old", 1), masterKey("fresh", 2)];
const alarms: unknown[] = [];
const nothing = { resealed: 0, already: 0, unreadable: 0, changing: 0 };

function storeOn(database: Database, keys: readonly MasterKey[], namedBy: readonly MasterKey[] = [old, fresh]) {
  return createOneTimeStore({
    database,
    names: createOneTimeNames(namedBy),
    sealer: createSealer(keys, sealedColumns.pendingState.purpose),
    clock: frozenClock(),
    onAlarm: (alarm) => void alarms.push(alarm),
  });
}

const family = {
  id: "family-1",
  client_id: "web",
  provider: "main",
  generation: 3,
  created_at: nowMs,
  rotated_at: nowMs,
  tokens: "[]",
  expires_at: nowMs + 1,
};
const telling = { id: "telling-1", provider: "main", hint: "refresh_token", next_at: nowMs, expires_at: nowMs + 1 } as const;
const signing = { kid: "kid-1", algorithm: "ES256", seq: 1, announced_at: nowMs, activates_at: nowMs + 1 } as const;
const account = {
  id: "account-1",
  provider: "main",
  issuer: "https://main.example",
  provider_user_id: "user-1",
  created_at: nowMs,
  updated_at: nowMs,
} as const;
const connection = {
  id: "connection-1",
  client_id: "web",
  provider: "main",
  account_id: "account-1",
  kept: 1,
  generation: 2,
  created_at: nowMs,
  refreshed_at: nowMs,
  used_at: nowMs,
  due_at: null,
  ended_at: null,
  ended_reason: null,
  tell_at: null,
  expires_at: nowMs + 1,
} as const;
const plaintext = Buffer.from("a token");
const { familyGrant, familyAnswer, upstreamToken, signingKey, accountUser, connectionGrant, connectionTokens } = sealedColumns;
const tables = ["one_time", "handle_families", "upstream_revocations", "signing_keys", "accounts", "connections"] as const;
const listed = Object.values(sealedColumns);

/** Every sealed column filled once, under this key. */
async function fill(database: Database, key: MasterKey): Promise<void> {
  const seal = (purpose: string, associated: readonly string[]) => createSealer([key], purpose).seal(plaintext, associated);
  await storeOn(database, [key]).keepState("state", pendingState());
  await database.run(async (db) => {
    const sealed_grant = seal(familyGrant.purpose, associatedData(familyGrant, family));
    const sealed_answer = seal(familyAnswer.purpose, associatedData(familyAnswer, family));
    await db
      .insertInto("handle_families")
      .values({ ...family, sealed_grant, sealed_answer })
      .execute();
    const sealed_token = seal(upstreamToken.purpose, associatedData(upstreamToken, telling));
    await db
      .insertInto("upstream_revocations")
      .values({ ...telling, sealed_token })
      .execute();
    const sealed_key = seal(signingKey.purpose, associatedData(signingKey, signing));
    await db
      .insertInto("signing_keys")
      .values({ ...signing, public_jwk: "{}", sealed_key, ended_at: null })
      .execute();
    const sealed_user = seal(accountUser.purpose, associatedData(accountUser, account));
    await db
      .insertInto("accounts")
      .values({ ...account, sealed_user, disabled_at: null })
      .execute();
    const columns = {
      sealed_grant: seal(connectionGrant.purpose, associatedData(connectionGrant, connection)),
      sealed_tokens: seal(connectionTokens.purpose, associatedData(connectionTokens, connection)),
    };
    await db
      .insertInto("connections")
      .values({ ...connection, ...columns })
      .execute();
  });
}

onEachDatabase((_, open) => {
  let database: Database;

  beforeEach(async () => {
    alarms.length = 0;
    database = await open();
  });

  test("afterwards the first key alone opens everything, in its own place", async () => {
    await fill(database, old);
    const counts = await reseal(database, [fresh, old]);
    expect(counts).toEqual([
      { table: "one_time", column: "sealed", ...nothing, resealed: 1 },
      { table: "handle_families", column: "sealed_grant", ...nothing, resealed: 1 },
      { table: "handle_families", column: "sealed_answer", ...nothing, resealed: 1 },
      { table: "upstream_revocations", column: "sealed_token", ...nothing, resealed: 1 },
      { table: "signing_keys", column: "sealed_key", ...nothing, resealed: 1 },
      { table: "accounts", column: "sealed_user", ...nothing, resealed: 1 },
      { table: "connections", column: "sealed_grant", ...nothing, resealed: 1 },
      { table: "connections", column: "sealed_tokens", ...nothing, resealed: 1 },
    ]);
    const [row] = await database.run((db) => db.selectFrom("handle_families").selectAll().execute());
    const [signs] = await database.run((db) => db.selectFrom("signing_keys").selectAll().execute());
    const [user] = await database.run((db) => db.selectFrom("accounts").selectAll().execute());
    const [kept] = await database.run((db) => db.selectFrom("connections").selectAll().execute());
    const [told] = await database.run((db) => db.selectFrom("upstream_revocations").selectAll().execute());
    const opened = (purpose: string, sealed: Uint8Array | null | undefined, associated: readonly string[]) =>
      Buffer.from(createSealer([fresh], purpose).open(sealed ?? new Uint8Array(), associated) ?? []).toString();
    expect(opened(familyGrant.purpose, row?.sealed_grant, associatedData(familyGrant, family))).toBe("a token");
    expect(opened(familyAnswer.purpose, row?.sealed_answer, associatedData(familyAnswer, family))).toBe("a token");
    expect(opened(upstreamToken.purpose, told?.sealed_token, associatedData(upstreamToken, telling))).toBe("a token");
    expect(opened(signingKey.purpose, signs?.sealed_key, associatedData(signingKey, signing))).toBe("a token");
    expect(opened(accountUser.purpose, user?.sealed_user, associatedData(accountUser, account))).toBe("a token");
    expect(opened(connectionGrant.purpose, kept?.sealed_grant, associatedData(connectionGrant, connection))).toBe("a token");
    expect(opened(connectionTokens.purpose, kept?.sealed_tokens, associatedData(connectionTokens, connection))).toBe("a token");
    expect(await storeOn(database, [fresh]).takeState("state")).toEqual(pendingState());
    expect([row, user, kept]).toMatchObject([family, account, connection]);
  });

  test("what is under the first key already is left as it is", async () => {
    await fill(database, fresh);
    const before = await database.run((db) => db.selectFrom("handle_families").selectAll().execute());
    const counts = await reseal(database, [fresh, old]);
    expect(counts.map(({ already, resealed }) => ({ already, resealed }))).toEqual(listed.map(() => ({ already: 1, resealed: 0 })));
    expect(await database.run((db) => db.selectFrom("handle_families").selectAll().execute())).toEqual(before);
  });

  test("used codes, which seal nothing, stay used", async () => {
    await storeOn(database, [old]).claimCode("main", new Secret("code"));
    expect((await reseal(database, [fresh, old]))[0]).toMatchObject(nothing);
    expect(await storeOn(database, [fresh]).claimCode("main", new Secret("code"))).toBeUndefined();
  });

  test("connections that have ended, of which nothing sealed is left, are passed over", async () => {
    await fill(database, old);
    const ended = { ended_at: nowMs, ended_reason: "rejected", sealed_grant: null, sealed_tokens: null } as const;
    await database.run((db) => db.updateTable("connections").set(ended).execute());
    expect((await reseal(database, [fresh, old])).slice(-2)).toMatchObject([nothing, nothing]);
  });

  describe("what no key opens in its place is counted and kept, never sealed anew:", () => {
    test.each<[string, () => Promise<unknown>]>([
      ["its key is missing", () => fill(database, masterKey("lost", 9))],
      [
        "it was swapped for another row's",
        async () => {
          await fill(database, old);
          await database.run((db) => db.updateTable("handle_families").set({ id: "family-2" }).execute());
          await database.run((db) => db.updateTable("upstream_revocations").set({ id: "telling-2" }).execute());
          await database.run((db) => db.updateTable("signing_keys").set({ kid: "kid-2" }).execute());
          await database.run((db) => db.updateTable("one_time").set({ name: "cambio:v1:state:other" }).execute());
          await database.run((db) => db.updateTable("accounts").set({ id: "account-2" }).execute());
          await database.run((db) => db.updateTable("connections").set({ id: "connection-2" }).execute());
        },
      ],
      [
        "another client's or an older generation's",
        async () => {
          await fill(database, old);
          await database.run((db) => db.updateTable("handle_families").set({ generation: 4 }).execute());
          await database.run((db) => db.updateTable("upstream_revocations").set({ provider: "other" }).execute());
          await database.run((db) => db.updateTable("signing_keys").set({ activates_at: 0 }).execute());
          await database.run((db) => db.updateTable("accounts").set({ provider_user_id: "user-2" }).execute());
          await database.run((db) => db.updateTable("connections").set({ account_id: "account-2" }).execute());
          await database.run((db) =>
            db
              .updateTable("one_time")
              .set({ sealed: Buffer.from("foreign") })
              .execute(),
          );
        },
      ],
    ])("%s", async (_name, tamper) => {
      await tamper();
      const all = () => Promise.all(tables.map((table) => database.run((db) => db.selectFrom(table).selectAll().execute())));
      const before = await all();
      const counts = await reseal(database, [fresh, old]);
      expect(counts).toMatchObject(listed.map(() => ({ ...nothing, unreadable: 1 })));
      expect(await all()).toEqual(before);
    });
  });

  test("while replicas keep, take and keep again, nothing is lost, and a second run finds nothing to do", async () => {
    const serving = storeOn(await open(), [fresh, old]);
    const states = Array.from({ length: 120 }, (_entry, index) => `state-${index}`);
    await Promise.all(states.map((state) => storeOn(database, [old]).keepState(state, pendingState({ nonce: state }))));
    const resealing = reseal(database, [fresh, old]);
    const taken = await Promise.all(
      states.map(async (state, index) => {
        const pending = await serving.takeState(state);
        if (index % 2 === 0 && pending !== undefined) await serving.keepState(state, pending);
        return pending?.nonce;
      }),
    );
    const [counts] = await resealing;
    expect(taken).toEqual(states);
    expect(counts).toMatchObject({ unreadable: 0, changing: 0 });
    expect((await reseal(database, [fresh, old]))[0]).toMatchObject({ ...nothing, already: 60 });
    const left = await Promise.all(states.map((state) => storeOn(database, [fresh]).takeState(state)));
    expect(left.filter((pending) => pending !== undefined).length).toBe(60);
    expect(alarms).toEqual([]);
  });

  test("what another replica wrote between reading and writing is not overwritten", async () => {
    await fill(database, old);
    const newer = createSealer([fresh], familyGrant.purpose).seal(
      Buffer.from("rotated"),
      associatedData(familyGrant, { ...family, generation: 4 }),
    );
    const replica = await open();
    let written = false;
    const racing: Database = {
      ...database,
      async run(work, options) {
        const result = await database.run(work, options);
        if (!written && inspect(result).includes("client_id")) {
          written = true;
          await replica.run((db) =>
            db.updateTable("handle_families").set({ generation: 4, sealed_grant: newer, sealed_answer: null }).execute(),
          );
        }
        return result;
      },
    };
    const counts = await reseal(racing, [fresh, old]);
    expect(counts[1]).toMatchObject({ ...nothing, already: 1 });
    const [row] = await database.run((db) => db.selectFrom("handle_families").selectAll().execute());
    expect(Buffer.from(row?.sealed_grant ?? []).equals(newer)).toBe(true);
  });

  test("a row that is written under the old key at each attempt is counted and left to another run", async () => {
    await fill(database, old);
    const replica = await open();
    const racing: Database = {
      ...database,
      async run(work, options) {
        const result = await database.run(work, options);
        const sealed_grant = createSealer([old], familyGrant.purpose).seal(plaintext, associatedData(familyGrant, family));
        await replica.run((db) => db.updateTable("handle_families").set({ sealed_grant }).execute());
        return result;
      },
    };
    expect((await reseal(racing, [fresh, old]))[1]).toMatchObject({ ...nothing, changing: 1 });
    expect((await reseal(database, [fresh, old]))[1]).toMatchObject({ ...nothing, resealed: 1 });
  });
});
