import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type Fate, faulty } from "../vault/faulty-database.ts";
import { removeSpools, twice } from "../vault/vault-rig.ts";
import { onPostgres, onSqlite } from "./database-rig.ts";
import { type Behind, createFamilyRig, eachBehind, expectOver, handleIn, held, refusedUpstream, reused } from "./family-rig.ts";

removeSpools();

/** All tries of one write. */
const always = (fate: Fate): Fate[] => Array.from({ length: 50 }, () => fate);
const storeAway = refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });
/** More pieces of work than one refresh has. */
const pieces = 14;

onSqlite((open) => {
  async function start(behind: Behind) {
    const rig = createFamilyRig(behind);
    const real = await open();
    const database = faulty(real);
    // Waits for nothing but the event loop: how long is said by the steps that are asked for.
    const waits: number[] = [];
    const handles = rig.replica(database, { wait: async (ms) => void waits.push(ms) });
    const others = rig.replica(await open());
    const first = await rig.issue(handles);
    const row = () => real.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirstOrThrow());
    return { rig, database, handles, others, first, row, waits };
  }
  type Setup = Awaited<ReturnType<typeof start>>;

  /** Each further piece of work of a refresh fails once. */
  const faults = eachBehind.flatMap((behind) =>
    (["refused", "lost"] as const).flatMap((fate) => Array.from({ length: pieces }, (_, fine) => [behind, fate, fine] as const)),
  );

  describe("a database that fails for a moment, at any piece of work of a refresh", () => {
    it.each(faults)("loses nothing: %s, %s, after %i that were fine", async (behind, fate, fine) => {
      const { rig, database, handles, others, first } = await start(behind);
      database.next(...Array.from({ length: fine }, (): Fate => "fine"), fate);
      const [outcome] = await Promise.allSettled([rig.use(handles, first)]);
      const answers = outcome.status === "fulfilled" ? [outcome.value] : [];
      expect(outcome.status === "fulfilled" ? storeAway : outcome.reason).toEqual(storeAway);
      // Whatever was said: asking again is safe, and everybody is told the same.
      const again = await rig.use(others, first);
      const told = [...answers, again].map((tokens) => `${handleIn(tokens).reveal()} ${tokens.accessToken.reveal()}`);
      expect(new Set(told).size).toBe(1);
      await expect(rig.use(others, handleIn(again))).resolves.toBeDefined();
      expect(behind === "connection" ? twice(rig.origin.presented) : []).toEqual([]);
    });
  });

  describe("a database that dies while the origin answers", () => {
    it("for good: the caller is told to come back, and another replica gives what the spool of the dead one has", async () => {
      const { rig, database, handles, others, first } = await start("connection");
      rig.origin.fails(() => {
        database.away(true);
        return rig.provider.give();
      });
      await expect(rig.use(handles, first)).rejects.toThrow(storeAway);
      handles.vault.kill();
      rig.clock.advance(180_000);
      await expect(rig.use(others, first)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
      await rig.vaults.restart(await open(), "replica-1");
      await expect(rig.use(others, first)).resolves.toBeDefined();
      expect(rig.origin.presented.length).toBe(1);
    });

    it("and had the family ended since hands out nothing", async () => {
      const { rig, handles, others, first, row } = await start("connection");
      rig.origin.fails(async () => {
        await end(others, first);
        return rig.provider.give();
      });
      await expectOver(rig.use(handles, first));
      expect((await row()).ended_reason).toBe("revoked");
    });

    it("and the refusal cannot be noted down: it is said once the provider's word is kept, and ends the family then", async () => {
      const { rig, database, handles, others, first, row } = await start("connection");
      rig.origin.fails(() => {
        database.next(...always("refused"));
        throw refusedUpstream();
      });
      await expect(rig.use(handles, first)).rejects.toThrow(storeAway);
      await expect.poll(() => rig.use(others, first).then(() => "tokens", nameOf)).toBe("REAUTHENTICATION_REQUIRED");
      expect([rig.origin.presented.length, (await row()).ended_reason]).toEqual([1, "lapsed"]);
    });
  });

  describe("a database that fails when a reused handle ends its family", () => {
    it.each(eachBehind.flatMap((behind) => [0, 1, 2, 3, 4].map((fine) => [behind, fine] as const)))(
      "is no yes, and the next one who shows it ends it: over a %s, after %i that were fine",
      async (behind, fine) => {
        const { rig, database, handles, others, first, row } = await start(behind);
        const second = handleIn(await rig.use(handles, first));
        const third = handleIn(await rig.use(handles, second));
        database.next(...Array.from({ length: fine }, (): Fate => "fine"), "refused");
        await expect(rig.use(handles, first)).rejects.toMatchObject({
          reason: expect.stringMatching(/^(STORE_UNAVAILABLE|REAUTHENTICATION_REQUIRED)$/),
        });
        const isEnded = (await row()).ended_at !== null;
        await expect(rig.use(others, first)).rejects.toThrow(isEnded ? refusal("REAUTHENTICATION_REQUIRED") : reused);
        await expectOver(rig.use(others, third));
        expect((await row()).ended_reason).toBe("reused");
      },
    );
  });

  describe("a handle that is issued", () => {
    it.each(["refused", "lost"] as const)("while the database is away for a moment works all the same: %s", async (fate) => {
      const setup = await start("connection");
      setup.database.next(fate, fate);
      const handle = await setup.rig.issue(setup.handles);
      expect(await held(setup.others, handle)).toMatchObject({ provider: "main" });
    });

    it("while the database is away for good is refused, within a bound", async () => {
      const setup = await start("session");
      setup.database.away(true);
      await expect(setup.rig.issue(setup.handles)).rejects.toThrow(storeAway);
      expect(setup.waits.length).toBe(6);
    });
  });

  async function end(at: Setup["others"], handle: Secret): Promise<void> {
    await (await at.findToEnd("web", handle))?.end();
  }
});

function nameOf(failure: unknown): string {
  return failure instanceof ExchangeError ? failure.reason : String(failure);
}

onPostgres((open, server) => {
  it("a server that is killed between the provider's answer and its writing, and comes back, loses nothing", async () => {
    const rig = createFamilyRig("connection");
    const handles = rig.replica(await open());
    const first = await rig.issue(handles);
    let back: Promise<void> = Promise.resolve();
    rig.origin.fails(async () => {
      await server().kill();
      back = server().start();
      return rig.provider.give();
    });
    const told = await rig.use(handles, first).then((tokens) => handleIn(tokens).reveal(), nameOf);
    await back;
    const others = rig.replica(await open());
    const again = await rig.use(others, first);
    expect([handleIn(again).reveal(), "STORE_UNAVAILABLE"]).toContain(told);
    expect(rig.origin.presented.length).toBe(1);
  });
});
