import { describe, expect, it } from "vitest";
import type { RefreshHandles } from "../../src/exchange/handle-ports.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { refusal } from "../exchange/fixtures.ts";
import { onPostgres, onSqlite } from "./database-rig.ts";
import { createFamilyRig, expectOver, handleIn, held, longDeadMs, over, tokenSet } from "./family-rig.ts";

/** What becomes of a piece of work: carried out, not even begun, or carried out without its answer coming back. */
type Fate = "fine" | "refused" | "lost";

interface FaultyDatabase extends Database {
  /** The fates of the next pieces of work, in order; afterwards all are fine. */
  next(...fates: readonly Fate[]): void;
  /** How many pieces of work were asked for. */
  asked(): number;
}

function faulty(database: Database): FaultyDatabase {
  const fates: Fate[] = [];
  let asked = 0;
  return {
    ...database,
    async run(work) {
      asked += 1;
      const fate = fates.shift() ?? "fine";
      if (fate === "refused") throw new DatabaseFailure("AWAY", "refused");
      const result = await database.run(work);
      if (fate === "lost") throw new DatabaseFailure("TIMEOUT", "unknown");
      return result;
    },
    next: (...given) => void fates.push(...given),
    asked: () => asked,
  };
}

/** All tries of one write. */
const always = (fate: Fate): Fate[] => Array.from({ length: 50 }, () => fate);
const storeAway = refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 });

onSqlite((open) => {
  async function start() {
    const rig = createFamilyRig();
    const real = await open();
    const database = faulty(real);
    // Waits for nothing but the event loop: how long is said by the steps that are asked for.
    const waits: number[] = [];
    const wait = async (ms: number) => void waits.push(ms);
    const handles = rig.replica(database, { wait });
    const others = rig.replica(await open());
    const first = await rig.issue(handles);
    const row = () => real.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirstOrThrow());
    return { rig, database, handles, others, first, row, waits };
  }
  type Setup = Awaited<ReturnType<typeof start>>;

  const failWith = (
    setup: Setup,
    reason: "UPSTREAM_UNAVAILABLE" | "REAUTHENTICATION_REQUIRED" | "OUTCOME_UNKNOWN",
    fates: readonly Fate[],
  ) => {
    setup.rig.upstream.instead.push(async () => {
      setup.database.next(...fates);
      throw new ExchangeError(reason);
    });
    return setup.rig.use(setup.handles, setup.first);
  };

  /** Uses the handle; what is given becomes of the database's work from the moment the provider has answered. */
  function useWith({ rig, database }: Setup, handles: RefreshHandles, handle: Secret, ...fates: readonly Fate[]) {
    rig.upstream.instead.push(async () => {
      database.next(...fates);
      return tokenSet(1, rig.clock);
    });
    return rig.use(handles, handle);
  }

  describe("a database that dies between the provider's answer and its writing", () => {
    it("for a moment loses nothing", async () => {
      const setup = await start();
      const tokens = await useWith(setup, setup.handles, setup.first, "refused", "refused", "refused");
      expect(handleIn(await setup.rig.use(setup.others, setup.first)).reveal()).toBe(handleIn(tokens).reveal());
      expect([setup.rig.upstream.shown.length, setup.waits]).toEqual([1, [50, 200, 800]]);
    });

    it("and wrote it all the same loses nothing either", async () => {
      const setup = await start();
      const tokens = await useWith(setup, setup.handles, setup.first, "lost");
      expect(handleIn(await setup.rig.use(setup.others, setup.first)).reveal()).toBe(handleIn(tokens).reveal());
      expect((await setup.row()).generation).toBe(1);
    });

    it("and wrote it, and had the family ended since, hands out nothing", async () => {
      const setup = await start();
      setup.rig.upstream.instead.push(async () => {
        setup.database.next("lost", "lost");
        return tokenSet(1, setup.rig.clock);
      });
      const ending = createEndingWait(setup);
      const handles = setup.rig.replica(setup.database, { wait: ending });
      await expectOver(setup.rig.use(handles, setup.first));
      expect((await setup.row()).ended_reason).toBe("revoked");
    });

    it("for good: nobody learns that asking again is safe, and nobody shows the old token again", async () => {
      const setup = await start();
      await expect(useWith(setup, setup.handles, setup.first, ...always("refused"))).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
      expect(setup.waits.length).toBe(6);
      expect((await setup.row()).claim).not.toBeNull();
      await expect(setup.rig.use(setup.others, setup.first, AbortSignal.timeout(100))).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
      setup.rig.clock.advance(longDeadMs);
      await expectOver(setup.rig.use(setup.others, setup.first));
      expect([setup.rig.upstream.shown.length, (await setup.row()).ended_reason]).toEqual([1, "in_doubt"]);
    });
  });

  describe("a database that dies before anything is sent", () => {
    it.each([
      ["when the handle is looked up", 0],
      ["when the row is read for the claim", 1],
      ["when it is claimed", 2],
    ])("%s: the call is unavailable, nothing is spent, and it can be asked again", async (_when, fine) => {
      const setup = await start();
      setup.database.next(...Array.from({ length: fine }, (): Fate => "fine"), "refused");
      await expect(setup.rig.use(setup.handles, setup.first)).rejects.toThrow(storeAway);
      expect([setup.rig.upstream.shown, setup.waits]).toEqual([[], []]);
      await expect(setup.rig.use(setup.handles, setup.first)).resolves.toBeDefined();
    });

    it("and claimed it all the same: the claim is given back, as nobody died sending", async () => {
      const setup = await start();
      setup.database.next("fine", "fine", "lost", "refused", "refused");
      await expect(setup.rig.use(setup.handles, setup.first)).rejects.toThrow(storeAway);
      await eventually("the claim is given back", async () => (await setup.row()).claim === null);
      await expect(setup.rig.use(setup.others, setup.first)).resolves.toBeDefined();
      expect(setup.rig.upstream.shown.length).toBe(1);
    });

    it("when a reused handle ends its family: it is unavailable, and the next one who shows it ends it", async () => {
      const setup = await start();
      const second = handleIn(await setup.rig.use(setup.handles, setup.first));
      await setup.rig.use(setup.handles, second);
      setup.database.next("fine", "refused");
      await expect(setup.rig.use(setup.handles, setup.first)).rejects.toThrow(storeAway);
      await expect(setup.rig.use(setup.handles, setup.first)).rejects.toThrow(
        refusal("REAUTHENTICATION_REQUIRED", { cause: { kind: "handle", problem: "reused" } }),
      );
    });
  });

  describe("a database that dies while a failure is noted down", () => {
    it("gives the claim back once it is there again", async () => {
      const setup = await start();
      await expect(failWith(setup, "UPSTREAM_UNAVAILABLE", ["refused", "refused", "refused"])).rejects.toThrow(
        refusal("UPSTREAM_UNAVAILABLE"),
      );
      await eventually("the claim is given back", async () => (await setup.row()).claim === null);
      await expect(setup.rig.use(setup.others, setup.first)).resolves.toBeDefined();
    });

    it("gives the claim back at once where the database is there", async () => {
      const setup = await start();
      const handles = setup.rig.replica(setup.database, { wait: () => new Promise(() => undefined) });
      setup.rig.upstream.instead.push(async () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
      await expect(setup.rig.use(handles, setup.first)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
      expect((await setup.row()).claim).toBeNull();
    });

    it("does not try again what will not work: a mistake of ours", async () => {
      const setup = await start();
      let tries = 0;
      const beforeRevoking = async () => {
        tries += 1;
        throw new TypeError("x is not a function");
      };
      setup.rig.upstream.instead.push(async () => Promise.reject(new ExchangeError("REAUTHENTICATION_REQUIRED")));
      await expect(setup.rig.use(setup.rig.replica(setup.database, { beforeRevoking }), setup.first)).rejects.toThrow(over);
      expect(tries).toBe(1);
    });

    it.each([
      ["REAUTHENTICATION_REQUIRED", "rejected"],
      ["OUTCOME_UNKNOWN", "in_doubt"],
    ] as const)("ends the family once it is there again: %s", async (reason, ended) => {
      const setup = await start();
      await expect(failWith(setup, reason, ["refused", "lost", "refused"])).rejects.toThrow(refusal(reason));
      expect((await setup.row()).ended_reason).toBe(ended);
    });

    it("for good: the failure is told as it is, and the family is in doubt after its time", async () => {
      const setup = await start();
      await expect(failWith(setup, "REAUTHENTICATION_REQUIRED", always("refused"))).rejects.toThrow(over);
      setup.rig.clock.advance(longDeadMs);
      await expectOver(setup.rig.use(setup.others, setup.first));
      expect([setup.rig.upstream.shown.length, (await setup.row()).ended_reason]).toEqual([1, "in_doubt"]);
    });
  });

  describe("a handle that is issued", () => {
    it.each(["refused", "lost"] as const)("while the database is away for a moment works all the same: %s", async (fate) => {
      const setup = await start();
      setup.database.next(fate, fate);
      const handle = await setup.rig.issue(setup.handles);
      expect(await held(setup.others, handle)).toMatchObject({ provider: "main" });
    });

    it("while the database is away for good is refused, within a bound", async () => {
      const setup = await start();
      const before = setup.database.asked();
      setup.database.next(...always("refused"));
      await expect(setup.rig.issue(setup.handles)).rejects.toThrow(storeAway);
      expect(setup.database.asked() - before).toBe(7);
    });
  });

  /** Ends the family while the writer waits for its next try. */
  function createEndingWait({ others, first }: Setup): (ms: number) => Promise<void> {
    return async () => void (await (await others.findToEnd("web", first))?.end());
  }
});

onPostgres((open, server) => {
  it("a server that is killed between the provider's answer and its writing, and comes back, loses nothing", async () => {
    const rig = createFamilyRig();
    const handles = rig.replica(await open());
    const first = await rig.issue(handles);
    let back: Promise<void> = Promise.resolve();
    rig.upstream.instead.push(async () => {
      await server().kill();
      back = server().start();
      return tokenSet(1, rig.clock);
    });
    const tokens = await rig.use(handles, first);
    await back;
    const others = rig.replica(await open());
    expect(handleIn(await rig.use(others, first)).reveal()).toBe(handleIn(tokens).reveal());
    expect(rig.upstream.shown).toEqual(["upstream-0"]);
  });
});
