import { beforeEach, describe, expect, it } from "vitest";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { RefreshHandles } from "../../src/exchange/handle-ports.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { Database } from "../../src/store/database.ts";
import type { HandleFamilyRow } from "../../src/store/tables.ts";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { masterKey } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { associatedData, sealedColumns } from "../../src/store/sealed-columns.ts";
import { onEachDatabase } from "./database-rig.ts";
import {
  client,
  createFamilyRig,
  expectOver,
  type FamilyRig,
  handleIn,
  held,
  idleMs,
  longDeadMs,
  over,
  reused,
  tokenSet,
  upstreamLimitMs,
} from "./family-rig.ts";

const graceMs = 600_000;

onEachDatabase((_name, open) => {
  let rig: FamilyRig;
  let database: Database;
  let handles: RefreshHandles;
  let first: Secret;
  beforeEach(async () => {
    rig = createFamilyRig();
    database = await open();
    handles = rig.replica(database);
    first = await rig.issue(handles);
  });

  const use = (handle: Secret, signal?: AbortSignal) => rig.use(handles, handle, signal);
  const next = async (handle: Secret) => handleIn(await use(handle));
  const end = async (handle: Secret, at = handles) => (await at.findToEnd(client, handle))?.end();
  const row = () => database.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirstOrThrow());
  const change = (values: Partial<HandleFamilyRow>) => database.run((db) => db.updateTable("handle_families").set(values).execute());
  const revokedIds = () => rig.revoked.map((one) => one.id);

  describe("a handle", () => {
    it("becomes fresh tokens with its successor, which works in its turn, each upstream token sent once", async () => {
      const tokens = await use(first);
      expect(tokens.accessToken.reveal()).toBe(tokenSet(1, rig.clock).accessToken.reveal());
      const second = handleIn(tokens);
      expect(second.reveal()).not.toBe(first.reveal());
      await expect(use(second)).resolves.toMatchObject({ scopes: ["openid", "orders:read"], subject: "alice" });
      expect(rig.upstream.shown).toEqual(["upstream-0", "upstream-1"]);
    });

    it("says whose it is before anything is spent", async () => {
      expect(await held(handles, first)).toMatchObject({ provider: "main", subject: "alice" });
      expect(rig.upstream.shown).toEqual([]);
    });

    it("is opened by nothing that stands in the database", async () => {
      await use(first);
      const text = JSON.stringify(await row(), (_key, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
      );
      for (const secret of ["upstream-0", "upstream-1", tokenSet(1, rig.clock).accessToken.reveal()]) expect(text).not.toContain(secret);
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

    it("keeps the provider's old token where the answer brings none (RFC 6749 §6)", async () => {
      rig.upstream.instead.push(async () => ({ ...tokenSet(1, rig.clock), refreshToken: undefined }));
      const second = await next(first);
      await use(second);
      expect(rig.upstream.shown).toEqual(["upstream-0", "upstream-0"]);
    });

    it("learns who signed in where only a later answer says so, and never changes that", async () => {
      const { subject: _, ...unnamed } = tokenSet(0, rig.clock);
      const handle = await handles.issue(client, "main", unnamed);
      expect((await held(handles, handle)).subject).toBeUndefined();
      const second = await next(handle);
      expect((await held(handles, second)).subject).toBe("alice");
      rig.upstream.instead.push(async () => ({ ...tokenSet(2, rig.clock), subject: "bob" }));
      expect((await held(handles, await next(second))).subject).toBe("alice");
    });

    it("that was not used for the idle time is over, and each use begins that time anew", async () => {
      rig.clock.advance(idleMs - 1);
      const second = await next(first);
      rig.clock.advance(idleMs - 1);
      const third = await next(second);
      rig.clock.advance(idleMs);
      await expectOver(use(third));
      expect(rig.upstream.shown.length).toBe(2);
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
      const shown = rig.upstream.shown.length;
      await expect(use(handle)).rejects.toThrow(refusal("RATE_LIMITED", { retryAfterMs: 60_000 }));
      expect([rig.upstream.shown.length, (await row()).claim]).toEqual([shown, null]);
      await (await handles.findToEnd(client, handle))?.end();
      expect(new Set(rig.revoked.map(({ id }) => id))).toEqual(new Set(Array.from({ length: 64 }, (_, index) => `jti:access-${index}`)));
    });

    it("that is older than its predecessor ends the family for everyone", async () => {
      const second = await next(first);
      const third = await next(second);
      await expect(use(first)).rejects.toThrow(reused);
      await expectOver(use(third));
      await expectOver(use(second));
      await expectOver(use(first));
      expect([rig.upstream.shown.length, (await row()).ended_reason]).toEqual([2, "reused"]);
    });

    it("whose successor was used ends the family, within the grace and while that use is under way", async () => {
      const second = await next(first);
      const upstream = rig.upstream.hold();
      const underWay = use(second);
      await upstream.arrived;
      await expect(use(first)).rejects.toThrow(reused);
      upstream.answer();
      await expectOver(underWay);
    });

    it("whose successor was used to no avail ends the family all the same", async () => {
      const second = await next(first);
      rig.upstream.instead.push(async () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
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
      expect(revokedIds().toSorted()).toEqual(["jti:access-0", "jti:access-1", "jti:access-2"]);
      const expiresAt = Math.floor(rig.clock() / 1_000) + 300;
      expect(rig.revoked[0]).toEqual({ kind: "token", provider: "main", id: expect.any(String), expiresAt });
    });
  });

  describe("a predecessor", () => {
    it("gets the same successor and the same tokens until that successor is used, and the provider hears nothing", async () => {
      const tokens = await use(first);
      rig.clock.advance(graceMs - 1);
      const again = await use(first);
      expect(handleIn(again).reveal()).toBe(handleIn(tokens).reveal());
      expect(again.accessToken.reveal()).toBe(tokens.accessToken.reveal());
      expect({ ...again, accessToken: "", refreshToken: "" }).toEqual({ ...tokens, accessToken: "", refreshToken: "" });
      expect(rig.upstream.shown).toEqual(["upstream-0"]);
    });

    it("that was found before the family's time was over gets nothing after it", async () => {
      await use(first);
      const early = await held(handles, first);
      rig.clock.advance(idleMs);
      await expectOver(early.rotate(rig.upstream.send, AbortSignal.timeout(10_000)));
      expect(rig.upstream.shown.length).toBe(1);
    });

    it("that was found in time and answered late is over, and nobody's fault", async () => {
      const early = await held(handles, first);
      await next(await next(first));
      await expectOver(early.rotate(rig.upstream.send, AbortSignal.timeout(10_000)));
      expect((await row()).ended_at).toBeNull();
    });
  });

  describe("a hundred who use one handle at once, over three replicas,", () => {
    it("come from one call, and all get the same successor", async () => {
      const replicas = [handles, rig.replica(await open()), rig.replica(await open())];
      const all = await Promise.all(Array.from({ length: 100 }, (_, index) => rig.use(replicas[index % 3] as RefreshHandles, first)));
      expect(new Set(all.map((tokens) => handleIn(tokens).reveal())).size).toBe(1);
      expect(new Set(all.map((tokens) => tokens.accessToken.reveal())).size).toBe(1);
      expect(rig.upstream.shown).toEqual(["upstream-0"]);
      const second = handleIn(all[0] as TokenSet);
      await next(second);
      await expect(rig.use(replicas[1] as RefreshHandles, first)).rejects.toThrow(reused);
    });

    it("are all told to sign in again where the provider says so, and it was asked once", async () => {
      const replicas = [handles, rig.replica(await open()), rig.replica(await open())];
      rig.upstream.instead.push(async () => Promise.reject(new ExchangeError("REAUTHENTICATION_REQUIRED")));
      const all = await Promise.allSettled(
        Array.from({ length: 100 }, (_, index) => rig.use(replicas[index % 3] as RefreshHandles, first)),
      );
      expect(
        all.filter((one) => one.status === "rejected" && (one.reason as ExchangeError).reason === "REAUTHENTICATION_REQUIRED").length,
      ).toBe(100);
      expect(rig.upstream.shown).toEqual(["upstream-0"]);
    });

    it("need one more call for each that came to nothing without spending anything", async () => {
      rig.upstream.instead.push(async () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
      const all = await Promise.allSettled(Array.from({ length: 10 }, () => use(first)));
      expect(all.filter((one) => one.status === "fulfilled").length).toBe(9);
      expect(rig.upstream.shown).toEqual(["upstream-0", "upstream-0"]);
    });
  });

  describe("one who comes with a handle that was good when it was found", () => {
    const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["ended", () => end(first)],
      ["forgotten", () => database.run((db) => db.deleteFrom("handle_families").execute())],
      ["unused for too long", async () => rig.clock.advance(idleMs)],
    ];
    it.each(changes)("and is %s by now is over, and the provider hears nothing", async (_what, happen) => {
      const early = await held(handles, first);
      await happen();
      await expectOver(early.rotate(rig.upstream.send, AbortSignal.timeout(10_000)));
      expect(rig.upstream.shown).toEqual([]);
    });

    it("and is ahead of a database that was set back is over, and the provider hears nothing more", async () => {
      const before = await row();
      const early = await held(handles, await next(first));
      await change(before);
      await expectOver(early.rotate(rig.upstream.send, AbortSignal.timeout(10_000)));
      expect(rig.upstream.shown.length).toBe(1);
    });

    it("and has its row set back while the provider answers gets no successor that does not exist", async () => {
      const upstream = rig.upstream.hold();
      const underWay = use(first);
      await upstream.arrived;
      await change({ claim: null, claimed_at: null });
      upstream.answer();
      await expectOver(underWay);
      expect((await row()).generation).toBe(0);
    });
  });

  describe("one who waits for another's answer", () => {
    it("may leave, is told that asking again is safe, and takes nothing from the other", async () => {
      const upstream = rig.upstream.hold();
      const staying = use(first);
      await upstream.arrived;
      const leaving = new AbortController();
      const waiting = Promise.withResolvers<void>();
      const wait = () => {
        waiting.resolve();
        return new Promise<void>(() => undefined);
      };
      const left = rig.use(rig.replica(database, { wait }), first, leaving.signal);
      await waiting.promise;
      leaving.abort();
      await expect(left).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
      upstream.answer();
      expect(handleIn(await staying).reveal()).toBe(handleIn(await use(first)).reveal());
      expect(rig.upstream.shown).toEqual(["upstream-0"]);
    });

    it("whose time is over before anything was sent has spent nothing", async () => {
      await expect(use(first, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
      expect(rig.upstream.shown).toEqual([]);
      await expect(use(first)).resolves.toBeDefined();
    });
  });

  describe("a call upstream that fails", () => {
    const spentNothing: readonly Reason[] = [
      "UPSTREAM_UNAVAILABLE",
      "UPSTREAM_TIMEOUT",
      "UPSTREAM_RATE_LIMITED",
      "UPSTREAM_REJECTED_CLIENT",
      "UPSTREAM_INVALID_RESPONSE",
      "SCOPE_NOT_ALLOWED",
      "TARGET_NOT_ALLOWED",
    ];
    it.each(spentNothing)("with %s leaves the handle as good as before", async (reason) => {
      rig.upstream.instead.push(async () => Promise.reject(new ExchangeError(reason)));
      await expect(use(first)).rejects.toThrow(refusal(reason));
      await expect(use(first)).resolves.toBeDefined();
      expect([rig.upstream.shown, rig.revoked]).toEqual([["upstream-0", "upstream-0"], []]);
    });

    it("with REAUTHENTICATION_REQUIRED ends the family with its access tokens", async () => {
      rig.upstream.instead.push(async () => Promise.reject(new ExchangeError("REAUTHENTICATION_REQUIRED")));
      await expect(use(first)).rejects.toThrow(over);
      expect([(await row()).ended_reason, revokedIds()]).toEqual(["rejected", ["jti:access-0"]]);
      await expectOver(use(first));
      expect(rig.upstream.shown.length).toBe(1);
    });

    const unforeseen: readonly (readonly [string, Error])[] = [
      ["OUTCOME_UNKNOWN", new ExchangeError("OUTCOME_UNKNOWN")],
      ["DEADLINE_EXCEEDED", new ExchangeError("DEADLINE_EXCEEDED")],
      ["INTERNAL", new ExchangeError("INTERNAL")],
      ["what nobody foresaw", new TypeError("x is not a function")],
    ];
    it.each(unforeseen)(
      "with %s is in doubt: that token is never shown again, and what was handed out stays good",
      async (_reason, failure) => {
        rig.upstream.instead.push(async () => Promise.reject(failure));
        await expect(use(first)).rejects.toBe(failure);
        await expectOver(use(first));
        expect([(await row()).ended_reason, rig.upstream.shown, rig.revoked]).toEqual(["in_doubt", ["upstream-0"], []]);
      },
    );

    it("because its process died is in doubt after its time, and not before", async () => {
      const upstream = rig.upstream.hold();
      const dead = use(first);
      const other = rig.replica(await open());
      await upstream.arrived;
      rig.clock.advance(upstreamLimitMs);
      await expect(rig.use(other, first, AbortSignal.timeout(100))).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
      expect((await row()).ended_at).toBeNull();
      rig.clock.advance(longDeadMs - upstreamLimitMs);
      await expectOver(rig.use(other, first));
      expect([(await row()).ended_reason, rig.upstream.shown.length]).toEqual(["in_doubt", 1]);
      // It was only slow: what it brings comes too late.
      upstream.answer();
      await expectOver(dead);
    });
  });

  describe("a family that is ended", () => {
    it("by its client answers nobody any more, whichever of its handles was shown", async () => {
      const second = await next(first);
      const third = await next(second);
      expect(await handles.findToEnd(client, first)).toMatchObject({ provider: "main", subject: "alice", stored: true });
      await end(first);
      for (const handle of [first, second, third]) await expectOver(use(handle));
      expect(revokedIds().toSorted()).toEqual(["jti:access-0", "jti:access-1", "jti:access-2"]);
      expect((await row()).ended_reason).toBe("revoked");
    });

    it("leaves the provider's newest token to be told upstream, also to one who has to ask twice", async () => {
      await use(first);
      const ended = [await end(first), await end(first)];
      expect(ended.map((one) => one?.reveal())).toEqual(["upstream-1", "upstream-1"]);
    });

    it("while the provider answers hands out nothing of that answer", async () => {
      const upstream = rig.upstream.hold();
      const underWay = use(first);
      await upstream.arrived;
      await end(first);
      upstream.answer();
      await expectOver(underWay);
      await expectOver(use(first));
      expect((await row()).generation).toBe(0);
    });

    it("is forgotten within the hour, and the provider's token with it", async () => {
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

    it("while it is rotated ends with what came of that", async () => {
      const second = await next(first);
      let third: Secret | undefined;
      const beforeRevoking = async () => {
        third ??= await next(second);
      };
      expect((await end(first, rig.replica(database, { beforeRevoking })))?.reveal()).toBe("upstream-2");
      expect(revokedIds()).toContain("jti:access-2");
      await expectOver(use(third as Secret));
    });
  });

  describe("an attacker who writes to the database", () => {
    const columns = ["sealed_grant", "sealed_answer"] as const;

    it.each(columns)("and puts one row's %s into another gets nothing, and raises the alarm", async (column) => {
      await use(first);
      const mine = await row();
      const other = createFamilyRig();
      const used = async (handle: Secret) => {
        const found = await handles.find("other", handle);
        if (found === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
        return found.rotate(other.upstream.send, AbortSignal.timeout(10_000));
      };
      const stranger = await handles.issue("other", "main", tokenSet(0, other.clock));
      await used(stranger);
      await database.run((db) =>
        db
          .updateTable("handle_families")
          .set({ [column]: mine[column] })
          .where("client_id", "=", "other")
          .execute(),
      );
      await expectOver(used(stranger));
      expect(rig.alarms).toEqual(["families unreadable"]);
      expect(other.upstream.shown.length).toBe(1);
    });

    it.each([
      ["the generation back, to have a spent token shown again,", { generation: 0, claim: null, claimed_at: null }],
      ["the generation ahead", { generation: 2, claimed_at: null }],
      ["another provider", { provider: "evil" }],
      ["another client", { client_id: "other" }],
    ] as const)("and writes %s gets nothing", async (_what, values) => {
      const second = await next(first);
      await change(values);
      for (const handle of [first, second]) await expect(use(handle)).rejects.toThrow(over);
      expect(rig.upstream.shown).toEqual(["upstream-0"]);
    });

    it("and sets the whole row back has the family ended by the first handle that is ahead of it", async () => {
      const before = await row();
      const second = await next(first);
      await change(before);
      await expectOver(use(second));
      await expectOver(use(first));
      expect([(await row()).ended_reason, rig.upstream.shown]).toEqual(["in_doubt", ["upstream-0"]]);
    });

    it("and moves the grant into the place of the answer gets no token to see", async () => {
      await use(first);
      const { sealed_grant: grant } = await row();
      await change({ sealed_answer: grant });
      await expectOver(use(first));
      expect(rig.alarms).toEqual(["families unreadable"]);
    });
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
      expect(rig.upstream.shown).toEqual(["upstream-0", "upstream-1"]);
    });

    it("a handle of a key that was taken out is none", async () => {
      expect(await rig.replica(database, { keys: [masterKey("b")] }).find(client, first)).toBeUndefined();
    });
  });
});
