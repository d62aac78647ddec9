import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Announcement } from "../../src/cache/revocation-codec.ts";
import { createRevocationLogMemory } from "../../src/cache/revocation-log-memory.ts";
import {
  type Announcements,
  createRevocations,
  type FollowedRevocations,
  type RevocationsOptions,
  type RevocationsParts,
} from "../../src/cache/revocations.ts";
import type { RevocableToken } from "../../src/exchange/ports.ts";
import type { RevocationLog } from "../../src/exchange/revocation-ports.ts";
import { storeUnavailable } from "../../src/exchange/store-unavailable.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { type FrozenClock, frozenClock } from "./fixtures.ts";
import { nowSeconds, subjectRevocation, tokenRevocation } from "./revocation-log-contract.ts";

const lagMs = 5_000;
const revoked = refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
const stale = refusal("STORE_UNAVAILABLE", { cause: { kind: "store", code: "STALE", outcome: "refused" } });
const accepted = undefined;

let clock: FrozenClock;
let authority: AuthorityOfTest;
let states: string[];
let told: Announcement[];
let opened: FollowedRevocations[];

beforeEach(() => {
  clock = frozenClock();
  authority = authorityOf(createRevocationLogMemory({ clock }));
  states = [];
  told = [];
  opened = [];
});
afterEach(() => Promise.all(opened.map((one) => one.close())));

/** A log that can be away, counts how often it was read, and can be exchanged for another: a store that was emptied. */
interface AuthorityOfTest extends RevocationLog {
  away: boolean;
  reads: number;
  log: RevocationLog;
  name: string;
}

function authorityOf(first: RevocationLog): AuthorityOfTest {
  const named = <T extends { readonly log: string }>(position: T): T => ({ ...position, log: self.name });
  const reach = () => {
    if (self.away) throw storeUnavailable({ code: "AWAY", outcome: "refused" });
  };
  const self: AuthorityOfTest = {
    away: false,
    reads: 0,
    log: first,
    name: "first",
    async append(revocation) {
      reach();
      return named(await self.log.append(revocation));
    },
    async readSince(seq, limit) {
      self.reads += 1;
      reach();
      const { head, entries } = await self.log.readSince(seq, limit);
      return { head: named(head), entries };
    },
  };
  return self;
}

function noteState(state: string): void {
  states.push(state);
}

function follower(parts: Partial<RevocationsParts> = {}, options: RevocationsOptions = {}): FollowedRevocations {
  const one = createRevocations({ log: authority, clock, lagMs, onState: noteState, ...parts }, { readEveryMs: 5, ...options });
  opened.push(one);
  return one;
}

async function started(parts: Partial<RevocationsParts> = {}, options: RevocationsOptions = {}): Promise<FollowedRevocations> {
  const one = follower(parts, options);
  await one.start();
  return one;
}

/** Announcements of this test's own: `say` is what another replica would have sent. */
function wire(): { announcements: Announcements; say(announcement: Partial<Announcement>): void } {
  const listeners: ((announcement: Announcement) => void)[] = [];
  return {
    announcements: {
      publish: (announcement) => void told.push(announcement),
      listen: (hear) => void listeners.push(hear),
    },
    say(announcement) {
      for (const hear of listeners) hear({ log: "first", seq: 0, atMs: clock(), ...announcement });
    },
  };
}

function token(id = "a", given: Partial<RevocableToken> = {}): RevocableToken {
  return { provider: "main", id: `jti:${id}`, subject: "alice", issuedAt: nowSeconds - 10, ...given };
}

const checked = (by: FollowedRevocations, what = token()): unknown => outcomeOf(() => by.check(what));

/** A turn that began after this moment has ended. */
async function aTurn(): Promise<void> {
  const before = authority.reads;
  await eventually("a read", () => authority.reads > before + 1);
}

describe("what is refused", () => {
  test("a token that was revoked, here at once", async () => {
    const revocations = await started();
    expect(checked(revocations)).toBe(accepted);
    await revocations.revoke(tokenRevocation("a"));
    expect(checked(revocations)).toEqual(revoked);
    expect(checked(revocations, token("b"))).toBe(accepted);
  });

  test("not a token of another provider that uses the same id again", async () => {
    const revocations = await started();
    await revocations.revoke(tokenRevocation("a"));
    await revocations.revoke(subjectRevocation("bob"));
    expect(checked(revocations, token("a", { provider: "other" }))).toBe(accepted);
    expect(checked(revocations, token("b", { provider: "other", subject: "bob" }))).toBe(accepted);
  });

  test.each([
    ["issued before the epoch", nowSeconds - 1, revoked],
    ["issued in the very second of the epoch", nowSeconds, revoked],
    ["issued after it", nowSeconds + 1, accepted],
  ])("a subject's token %s", async (_, issuedAt, outcome) => {
    const revocations = await started();
    await revocations.revoke(subjectRevocation("alice", { until: nowSeconds }));
    expect(checked(revocations, token("a", { issuedAt }))).toEqual(outcome);
    expect(checked(revocations, token("b", { issuedAt, subject: "bob" }))).toBe(accepted);
  });

  test("an earlier epoch that comes after a later one takes nothing back", async () => {
    const revocations = await started();
    await revocations.revoke(subjectRevocation("alice", { until: nowSeconds }));
    await revocations.revoke(subjectRevocation("alice", { until: nowSeconds - 100 }));
    expect(checked(revocations)).toEqual(revoked);
  });

  test("a revocation that the authority did not take is reported, never pretended", async () => {
    const revocations = await started();
    authority.away = true;
    await expect(revocations.revoke(tokenRevocation("a"))).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
  });
});

describe("following", () => {
  test("a replica that starts with nothing knows everything, page by page, when it has started", async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `id-${index}`);
    for (const id of ids) await authority.append(tokenRevocation(id));
    const revocations = await started({}, { pageSize: 4 });
    expect(ids.map((id) => checked(revocations, token(id)))).toEqual(ids.map(() => revoked));
    expect(states).toEqual(["fresh"]);
  });

  test("what another replica revokes is read from the log, without any announcement", async () => {
    const revocations = await started();
    await authority.append(tokenRevocation("a"));
    await eventually("the revocation", () => checked(revocations) !== accepted, 1_000);
    expect(checked(revocations)).toEqual(revoked);
  });

  test("an authority that was emptied makes nobody forget, and what it is told afterwards is not missed", async () => {
    const revocations = await started();
    for (const id of ["a", "b", "c"]) await authority.append(tokenRevocation(id));
    await aTurn();
    // Begun anew, and already longer than the old one was.
    authority.log = createRevocationLogMemory({ clock });
    authority.name = "second";
    for (const id of ["v", "w", "x", "y"]) await authority.log.append(tokenRevocation(id));
    await aTurn();
    await aTurn();
    for (const id of ["a", "b", "c", "v", "w", "x", "y"]) expect(checked(revocations, token(id))).toEqual(revoked);
  });

  test("an authority that was set back to an earlier state is read from its beginning", async () => {
    const revocations = await started();
    for (const id of ["a", "b", "c"]) await authority.append(tokenRevocation(id));
    await aTurn();
    authority.log = createRevocationLogMemory({ clock });
    await authority.log.append(tokenRevocation("x"));
    await aTurn();
    await aTurn();
    expect(checked(revocations, token("x"))).toEqual(revoked);
    expect(checked(revocations, token("b"))).toEqual(revoked);
  });

  test("nothing is read after it was closed", async () => {
    const revocations = await started();
    await revocations.close();
    const { reads } = authority;
    // Another one, as a measure of the time in which it would have read.
    const other = authorityOf(createRevocationLogMemory({ clock }));
    await started({ log: other });
    await eventually("reads of the other", () => other.reads > 5);
    expect(authority.reads).toBe(reads);
  });
});

describe("a stale yes is never given:", () => {
  test("before the first read nothing is accepted", async () => {
    authority.away = true;
    const revocations = await started();
    expect(checked(revocations)).toEqual(stale);
    expect(states).toEqual(["stale"]);
    authority.away = false;
    await eventually("freshness", () => checked(revocations) === accepted);
    expect(states).toEqual(["stale", "fresh"]);
  });

  test("for as long as the lag without the authority tokens are accepted, then no longer", async () => {
    const revocations = await started();
    authority.away = true;
    await aTurn();
    clock.advance(lagMs);
    expect(checked(revocations)).toBe(accepted);
    clock.advance(1);
    expect(checked(revocations)).toEqual(stale);
    await eventually("word of it", () => states.at(-1) === "stale");
    expect(states).toEqual(["fresh", "stale"]);
  });

  test("a token that is known to be revoked stays refused as such", async () => {
    const revocations = await started();
    await revocations.revoke(tokenRevocation("a"));
    authority.away = true;
    clock.advance(lagMs + 1);
    await aTurn();
    expect(checked(revocations)).toEqual(revoked);
  });

  test("a clock that is set back keeps nothing fresh", async () => {
    const revocations = await started();
    authority.away = true;
    await aTurn();
    clock.advance(-3_600_000);
    expect(checked(revocations)).toEqual(stale);
    authority.away = false;
    await eventually("freshness", () => checked(revocations) === accepted);
  });

  test("an answer that was long on its way is as old as its question", async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<undefined>();
    const slow: RevocationLog = {
      append: (revocation) => authority.append(revocation),
      async readSince(seq, limit) {
        const answer = await authority.readSince(seq, limit);
        await held;
        return answer;
      },
    };
    const revocations = follower({ log: slow });
    const starting = revocations.start();
    clock.advance(lagMs + 1);
    authority.away = true;
    letGo(undefined);
    await starting;
    expect(checked(revocations)).toEqual(stale);
  });

  test("where this process is the authority, nothing is ever stale", async () => {
    const revocations = await started({ lagMs: Infinity });
    clock.advance(24 * 3_600_000);
    expect(checked(revocations)).toBe(accepted);
  });
});

describe("announcements", () => {
  test("a revocation is told to the others with its place in the log, and each read at most once a second", async () => {
    const revocations = await started({ announcements: wire().announcements });
    await aTurn();
    await revocations.revoke(tokenRevocation("a"));
    expect(told).toEqual([
      { log: "first", seq: 0, atMs: clock() },
      { log: "first", seq: 1, atMs: clock(), revocation: tokenRevocation("a") },
    ]);
    told.length = 0;
    clock.advance(1_000);
    await eventually("the next heartbeat", () => told.length > 0);
    await aTurn();
    expect(told).toEqual([{ log: "first", seq: 1, atMs: clock() }]);
  });

  test("one that is heard counts without the authority", async () => {
    const { announcements, say } = wire();
    const revocations = await started({ announcements });
    authority.away = true;
    say({ seq: 1, revocation: tokenRevocation("a") });
    expect(checked(revocations)).toEqual(revoked);
  });

  test("a replica without the authority stays fresh by what others have just read, and by that alone", async () => {
    const { announcements, say } = wire();
    const revocations = await started({ announcements });
    authority.away = true;
    await aTurn();
    for (let second = 0; second < 10; second += 1) {
      clock.advance(1_000);
      say({ seq: 0 });
      expect(checked(revocations)).toBe(accepted);
    }
    say({ seq: 1, revocation: tokenRevocation("a") });
    clock.advance(lagMs);
    say({ seq: 1 });
    clock.advance(1);
    expect(checked(revocations)).toEqual(revoked);
    expect(checked(revocations, token("b"))).toBe(accepted);
  });

  test.each<[string, (now: number) => Partial<Announcement>]>([
    ["that there is more than is known here", (atMs) => ({ seq: 1, atMs })],
    ["something of another log", (atMs) => ({ log: "second", atMs })],
    ["what was read longer ago than the lag, sent again", (atMs) => ({ atMs: atMs - lagMs - 1 })],
    ["what will be read in a while", (atMs) => ({ atMs: atMs + lagMs + 1 })],
    ["a revocation, but not that all is known", (atMs) => ({ seq: 2, atMs, revocation: tokenRevocation("b") })],
  ])("nothing gets fresher by hearing %s", async (_, said) => {
    const { announcements, say } = wire();
    const revocations = await started({ announcements });
    authority.away = true;
    clock.advance(lagMs + 1);
    await aTurn();
    say(said(clock()));
    expect(checked(revocations)).toEqual(stale);
  });

  test("what others have read counts from when they read it, not from when it is heard", async () => {
    const { announcements, say } = wire();
    const revocations = await started({ announcements });
    authority.away = true;
    await aTurn();
    clock.advance(lagMs);
    say({ atMs: clock() - 3_000 });
    clock.advance(2_000);
    expect(checked(revocations)).toBe(accepted);
    clock.advance(1);
    expect(checked(revocations)).toEqual(stale);
  });

  test("they may come in any order: whoever has heard all of them knows that it knows all", async () => {
    const { announcements, say } = wire();
    const revocations = await started({ announcements });
    authority.away = true;
    for (const seq of [3, 1, 2]) say({ seq, revocation: tokenRevocation(`id-${seq}`) });
    clock.advance(lagMs + 1);
    say({ seq: 3 });
    expect(checked(revocations)).toBe(accepted);
    expect(checked(revocations, token("id-3"))).toEqual(revoked);
  });

  test("one of something that is not known is reason to read at once", async () => {
    const { announcements, say } = wire();
    const revocations = await started({ announcements }, { readEveryMs: 60_000 });
    await authority.append(tokenRevocation("a"));
    say({ seq: 1 });
    await eventually("the revocation", () => checked(revocations) !== accepted, 1_000);
    expect(checked(revocations)).toEqual(revoked);
  });
});

describe("bounds", () => {
  test("a revocation beyond what can be held is refused aloud, and what is expired makes room", async () => {
    const revocations = await started({}, { maxHeld: 2 });
    await revocations.revoke(tokenRevocation("a", { expiresAt: nowSeconds + 10 }));
    await revocations.revoke(subjectRevocation("bob"));
    const full = refusal("STORE_UNAVAILABLE", { cause: expect.objectContaining({ code: "FULL" }) });
    await expect(revocations.revoke(tokenRevocation("c"))).rejects.toEqual(full);
    await revocations.revoke(subjectRevocation("bob"));
    clock.advance(10_000);
    await aTurn();
    await aTurn();
    await revocations.revoke(tokenRevocation("c"));
    expect(checked(revocations, token("c"))).toEqual(revoked);
    expect(checked(revocations, token("d", { subject: "bob" }))).toEqual(revoked);
    await expect(revocations.revoke(tokenRevocation("d"))).rejects.toEqual(full);
  });

  test("with no room left, only what says no more than is known is not refused", async () => {
    const revocations = await started({}, { maxHeld: 2 });
    const known = { until: nowSeconds - 10, expiresAt: nowSeconds + 100 };
    await revocations.revoke(tokenRevocation("a", { expiresAt: known.expiresAt }));
    await revocations.revoke(subjectRevocation("bob", known));
    const full = refusal("STORE_UNAVAILABLE", { cause: expect.objectContaining({ code: "FULL" }) });
    for (const more of [
      tokenRevocation("a", { expiresAt: known.expiresAt + 1 }),
      subjectRevocation("bob", { ...known, until: known.until + 1 }),
      subjectRevocation("bob", { ...known, expiresAt: known.expiresAt + 1 }),
    ])
      await expect(revocations.revoke(more)).rejects.toEqual(full);
    await revocations.revoke(tokenRevocation("a", { expiresAt: known.expiresAt - 1 }));
    await revocations.revoke(subjectRevocation("bob", { until: known.until - 1, expiresAt: known.expiresAt - 1 }));
  });

  test("what the authority has is held whatever the bound", async () => {
    const revocations = await started({}, { maxHeld: 1 });
    for (const id of ["a", "b", "c"]) await authority.append(tokenRevocation(id));
    await aTurn();
    await aTurn();
    for (const id of ["a", "b", "c"]) expect(checked(revocations, token(id))).toEqual(revoked);
  });

  test("a token that is expired needs no revocation", async () => {
    const revocations = await started();
    await revocations.revoke(tokenRevocation("a", { expiresAt: nowSeconds }));
    expect((await authority.readSince(0, 10)).head.seq).toBe(0);
  });
});
