import { beforeEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { Database } from "../../src/store/database.ts";
import type { HandleFamilyRow } from "../../src/store/tables.ts";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { masterKey } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { tokenSet } from "../exchange/one-time-upstream.ts";
import { associatedData, sealedColumns } from "../../src/store/sealed-columns.ts";
import { removeSpools, twice } from "../vault/vault-rig.ts";
import { onEachDatabase } from "./database-rig.ts";
import {
  client,
  createFamilyRig,
  eachBehind,
  expectOver,
  type FamilyRig,
  handleIn,
  held,
  idleMs,
  over,
  refusedUpstream,
  type Replica,
  reused,
} from "./family-rig.ts";

removeSpools();

const graceMs = 600_000;

onEachDatabase((_name, open) => {
  describe.each(eachBehind)("over a %s:", (behind) => {
    let rig: FamilyRig;
    let database: Database;
    let handles: Replica;
    let first: Secret;
    beforeEach(async () => {
      rig = createFamilyRig(behind);
      database = await open();
      handles = rig.replica(database);
      first = await rig.issue(handles);
    });

    const use = (handle: Secret, signal?: AbortSignal) => rig.use(handles, handle, signal === undefined ? {} : { signal });
    const next = async (handle: Secret) => handleIn(await use(handle));
    const end = async (handle: Secret, at: Replica = handles) => (await at.findToEnd(client, handle))?.end();
    const row = () => database.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirstOrThrow());
    const connections = () => database.run((db) => db.selectFrom("connections").selectAll().execute());
    const change = (values: Partial<HandleFamilyRow>) => database.run((db) => db.updateTable("handle_families").set(values).execute());
    const revokedIds = () => rig.revoked.map((one) => one.id);
    const atOnce = async (handle: Secret) => {
      const replicas = [handles, rig.replica(await open()), rig.replica(await open())];
      return Promise.allSettled(Array.from({ length: 100 }, (_, index) => rig.use(replicas[index % 3] as Replica, handle)));
    };
    /** How often the origin is asked for so many generations. */
    const asked = () => rig.origin.presented.length;

    describe("a handle", () => {
      it("becomes fresh tokens with its successor, which works in its turn", async () => {
        const tokens = await use(first);
        expect(tokens.accessToken.reveal()).toBe(rig.tokens(2).accessToken.reveal());
        const second = handleIn(tokens);
        expect(second.reveal()).not.toBe(first.reveal());
        expect((await use(second)).accessToken.reveal()).toBe(rig.tokens(3).accessToken.reveal());
        expect(asked()).toBe(2);
      });

      it("says what it stands for before anything is asked", async () => {
        expect(await held(handles, first)).toMatchObject({ kind: behind, provider: "main" });
        expect(asked()).toBe(0);
      });

      it("is opened by nothing that stands in the database", async () => {
        const tokens = await use(first);
        const text = JSON.stringify([await row(), ...(await connections())], (_key, value: unknown) =>
          value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
        );
        for (const secret of [...rig.origin.presented, tokens.accessToken.reveal()]) expect(text).not.toContain(secret);
        expect(text).not.toContain(first.reveal().slice(-40));
      });

      it("is kept as the list of sealed columns says, so that its rows can be sealed anew", async () => {
        await use(first);
        const kept = await row();
        for (const sealed of [sealedColumns.familyGrant, sealedColumns.familyAnswer]) {
          const sealer = createSealer([masterKey("a")], sealed.purpose);
          expect(sealer.open(kept[sealed.column] ?? new Uint8Array(), associatedData(sealed, kept))).toBeDefined();
        }
      });

      it("that was not used for the idle time is over, and each use begins that time anew", async () => {
        rig.clock.advance(idleMs - 1);
        const second = await next(first);
        rig.clock.advance(idleMs - 1);
        const third = await next(second);
        rig.clock.advance(idleMs);
        await expectOver(use(third));
        expect(asked()).toBe(2);
      });
    });

    describe("an attacker with a handle", () => {
      it("of another client gets what nothing gets", async () => {
        expect(await handles.find("other", first)).toBeUndefined();
        expect(await handles.findToEnd("other", first)).toBeUndefined();
        await expect(use(first)).resolves.toBeDefined();
      });

      it("that was sealed without a database gets nothing where there is one", async () => {
        const stateless = createRefreshHandles(createSealer([masterKey("a")], "refresh-handle"), rig.clock);
        expect(await handles.find(client, await stateless.issue(client, "main", tokenSet(0, rig.clock)))).toBeUndefined();
      });

      it("who refreshes again and again keeps no access token past the end of the family: before one is forgotten, it has to wait", async () => {
        let handle = first;
        for (let number = 1; number < 64; number += 1) handle = await next(handle);
        const before = asked();
        await expect(use(handle)).rejects.toThrow(refusal("RATE_LIMITED", { retryAfterMs: 60_000 }));
        expect([asked(), (await row()).used_at]).toEqual([before, null]);
        await end(handle);
        expect(new Set(revokedIds())).toEqual(new Set(Array.from({ length: 64 }, (_, index) => `jti:access-${index + 1}`)));
      });

      it("that is older than its predecessor ends the family for everyone", async () => {
        const second = await next(first);
        const third = await next(second);
        await expect(use(first)).rejects.toThrow(reused);
        await expectOver(use(third));
        await expectOver(use(second));
        await expectOver(use(first));
        expect([asked(), (await row()).ended_reason]).toEqual([2, "reused"]);
        // Not by any other way either.
        expect((await connections()).map((one) => one.ended_reason)).toEqual(behind === "connection" ? ["revoked"] : []);
      });

      it("whose successor was used ends the family, within the grace and while that use is under way", async () => {
        const second = await next(first);
        const origin = rig.origin.hold();
        const underWay = use(second);
        await origin.arrived;
        await expect(use(first)).rejects.toThrow(reused);
        origin.answer();
        await expectOver(underWay);
      });

      it("whose successor was used to no avail ends the family all the same", async () => {
        const second = await next(first);
        rig.origin.fails(async () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
        await expect(use(second)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
        await expect(use(first)).rejects.toThrow(reused);
        await expectOver(use(second));
      });

      it("whose grace is over ends the family", async () => {
        const second = await next(first);
        rig.clock.advance(graceMs);
        await expect(use(first)).rejects.toThrow(reused);
        await expectOver(use(second));
      });

      it("has ended the access tokens as well that came out of the family, of no other", async () => {
        await rig.issue(handles);
        const second = await next(first);
        await use(second);
        await expect(use(first)).rejects.toThrow(reused);
        expect(revokedIds().toSorted()).toEqual(["jti:access-1", "jti:access-3", "jti:access-4"]);
        const expiresAt = Math.floor(rig.clock() / 1_000) + 300;
        const fresh = { kind: "token", provider: behind === "session" ? "cambio" : "main", id: "jti:access-4", expiresAt };
        expect(rig.revoked).toContainEqual(fresh);
      });
    });

    describe("a predecessor", () => {
      it("gets the same successor and the same tokens until that successor is used", async () => {
        const tokens = await use(first);
        rig.clock.advance(graceMs - 1);
        const again = await use(first);
        expect(handleIn(again).reveal()).toBe(handleIn(tokens).reveal());
        expect(again.accessToken.reveal()).toBe(tokens.accessToken.reveal());
        expect([again.scopes, again.expiresAtMs, again.issuer]).toEqual([tokens.scopes, tokens.expiresAtMs, tokens.issuer]);
        // Whether the session still stands is asked again; a provider hears nothing.
        expect(asked()).toBe(behind === "session" ? 2 : 1);
      });

      it("that was found before the family's time was over gets nothing after it", async () => {
        await use(first);
        const early = await held(handles, first);
        rig.clock.advance(idleMs);
        await expectOver(rig.rotate(handles, early));
        expect(asked()).toBe(1);
      });

      it("that was found in time and answered late is over, and nobody's fault", async () => {
        const early = await held(handles, first);
        await next(await next(first));
        await expectOver(rig.rotate(handles, early));
        expect((await row()).ended_at).toBeNull();
      });
    });

    describe("a hundred who use one handle at once, over three replicas,", () => {
      it("all get the same successor and the same tokens", async () => {
        const all = (await atOnce(first)).map((one) => (one as PromiseFulfilledResult<TokenSet>).value);
        expect(new Set(all.map((tokens) => handleIn(tokens).reveal())).size).toBe(1);
        expect(new Set(all.map((tokens) => tokens.accessToken.reveal())).size).toBe(1);
        expect(twice(behind === "connection" ? rig.origin.presented : [])).toEqual([]);
        await next(handleIn(all[0] as TokenSet));
        await expect(use(first)).rejects.toThrow(reused);
      });

      it("are all told to sign in again where that is what the origin says", async () => {
        for (let number = 0; number < 100; number += 1) rig.origin.fails(async () => Promise.reject(refusedUpstream()));
        const all = (await atOnce(first)) as readonly PromiseRejectedResult[];
        expect(new Set(all.map(({ reason }) => (reason as ExchangeError).reason))).toEqual(new Set(["REAUTHENTICATION_REQUIRED"]));
        expect(twice(behind === "connection" ? rig.origin.presented : [])).toEqual([]);
      });
    });

    describe("one who comes with a handle that was good when it was found", () => {
      const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
        ["ended", () => end(first)],
        ["forgotten", () => database.run((db) => db.deleteFrom("handle_families").execute())],
        ["unused for too long", async () => rig.clock.advance(idleMs)],
      ];
      it.each(changes)("and is %s by now is over, and nothing is asked", async (_what, happen) => {
        const early = await held(handles, first);
        await happen();
        await expectOver(rig.rotate(handles, early));
        expect(asked()).toBe(0);
      });

      it("and is ahead of a database that was set back is over, and nothing more is asked", async () => {
        const before = await row();
        const early = await held(handles, await next(first));
        await change(before);
        await expectOver(rig.rotate(handles, early));
        expect(asked()).toBe(1);
      });

      it("and has the row set back while the origin answers gets no successor that does not exist", async () => {
        const second = await next(first);
        const before = await row();
        const origin = rig.origin.hold();
        const underWay = use(second);
        await origin.arrived;
        await change({ ...before, ended_at: rig.clock(), ended_reason: "revoked" });
        origin.answer();
        await expectOver(underWay);
        expect((await row()).generation).toBe(1);
      });

      it("and whose time is over before anything was asked has spent nothing", async () => {
        await expect(use(first, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
        expect(asked()).toBe(0);
        await expect(use(first)).resolves.toBeDefined();
      });
    });

    it("what the origin refuses ends the family with its access tokens", async () => {
      rig.origin.fails(async () => Promise.reject(refusedUpstream()));
      await expect(use(first)).rejects.toThrow(over);
      expect([(await row()).ended_reason, revokedIds()]).toEqual(["rejected", ["jti:access-1"]]);
      await expectOver(use(first));
      expect(asked()).toBe(1);
    });

    describe("a family that is ended", () => {
      it("by its client answers nobody any more, whichever of its handles was shown", async () => {
        const second = await next(first);
        const third = await next(second);
        expect(await handles.findToEnd(client, first)).toMatchObject({ provider: "main", subject: "alice", stored: true });
        await end(first);
        for (const handle of [first, second, third]) await expectOver(use(handle));
        expect(revokedIds().toSorted()).toEqual(["jti:access-1", "jti:access-2", "jti:access-3"]);
        expect((await row()).ended_reason).toBe("revoked");
      });

      it("while the origin answers hands out nothing of that answer", async () => {
        const origin = rig.origin.hold();
        const underWay = use(first);
        await origin.arrived;
        await end(first);
        origin.answer();
        await expectOver(underWay);
        await expectOver(use(first));
        expect((await row()).generation).toBe(0);
      });

      it("is forgotten within the hour", async () => {
        await use(first);
        await end(first);
        expect(await row()).toMatchObject({ expires_at: rig.clock() + 3_600_000, sealed_answer: null });
      });

      it("is not kept for longer than it would have been", async () => {
        rig.clock.advance(idleMs - 1);
        await end(first);
        expect((await row()).expires_at).toBe(rig.clock() + 1);
      });

      it("is not ended where its access tokens cannot be", async () => {
        const away = rig.replica(database, { beforeRevoking: async () => Promise.reject(new ExchangeError("STORE_UNAVAILABLE")) });
        await next(await next(first));
        await expect(rig.use(away, first)).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
        await expect(use(first)).rejects.toThrow(reused);
        expect(revokedIds().length).toBe(3);
      });
    });

    describe("an attacker who writes to the database", () => {
      const columns = ["sealed_grant", "sealed_answer"] as const;

      it.each(columns)("and puts one row's %s into another gets nothing, and raises the alarm", async (column) => {
        await use(first);
        const mine = await row();
        const stranger = await rig.issue(handles, { clientId: "other" });
        const used = async () => {
          const found = await handles.find("other", stranger);
          if (found === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
          return rig.rotate(handles, found);
        };
        await used();
        const before = asked();
        await database.run((db) =>
          db
            .updateTable("handle_families")
            .set({ [column]: mine[column] })
            .where("client_id", "=", "other")
            .execute(),
        );
        await expectOver(used());
        expect([rig.alarms, asked()]).toEqual([["families unreadable"], before]);
      });

      it.each([
        ["the generation back, to have older tokens come again,", { generation: 0, used_at: null }],
        ["the generation ahead", { generation: 2, used_at: null }],
        ["another provider", { provider: "evil" }],
        ["another client", { client_id: "other" }],
      ] as const)("and writes %s gets nothing", async (_what, values) => {
        const second = await next(first);
        await change(values);
        for (const handle of [first, second]) await expect(use(handle)).rejects.toThrow(over);
        expect(asked()).toBe(1);
      });

      it("and moves the grant into the place of the answer gets no token to see", async () => {
        await use(first);
        const { sealed_grant: grant } = await row();
        await change({ sealed_answer: grant });
        await expectOver(use(first));
        expect(rig.alarms).toEqual(["families unreadable"]);
      });
    });

    it("a row that is set back ends with the first handle that is ahead of it", async () => {
      const before = await row();
      const second = await next(first);
      await change(before);
      await expectOver(use(second));
      await expectOver(use(first));
      expect([(await row()).ended_reason, asked(), rig.revoked]).toEqual(["set_back", 1, []]);
    });

    describe("while master keys rotate", () => {
      it("handles of the old key work on with replicas of either, and both spellings of a successor are good", async () => {
        const old = [masterKey("a"), masterKey("b")];
        const fresh = [masterKey("b"), masterKey("a")];
        const [before, after] = [rig.replica(database, { keys: old }), rig.replica(database, { keys: fresh })];
        const one = handleIn(await rig.use(before, first));
        const other = handleIn(await rig.use(after, first));
        expect(one.reveal()).not.toBe(other.reveal());
        const third = handleIn(await rig.use(before, other));
        expect(handleIn(await rig.use(before, one)).reveal()).toBe(third.reveal());
      });

      it("a handle of a key that was taken out is none", async () => {
        expect(await rig.replica(database, { keys: [masterKey("b")] }).find(client, first)).toBeUndefined();
      });
    });
  });
});
