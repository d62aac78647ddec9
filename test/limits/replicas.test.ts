// Several replicas on one real Redis, each with its own connection and all on one clock that stands still.

import { randomBytes } from "node:crypto";
import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { createSharedCountsRedis } from "../../src/cache/shared-counts-redis.ts";
import { type CallLimits, createLimits, type LimitSettings } from "../../src/limits/limits.ts";
import { masterKey, ready } from "../cache/fixtures.ts";
import { outcomeOf } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { redisAddress, startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { startHangingEndpoint } from "../support/tcp-hang.ts";
import { countOf, settingsOf, type StoppedClock, stoppedClock } from "./fixtures.ts";

let server: RedisServer;
let raw: Redis;
let connections: readonly RedisConnection[];
let clock: StoppedClock;

beforeAll(async () => {
  server = await startRedisServer();
  raw = server.raw();
  connections = [0, 1, 2].map(() => createRedis(server.address, { log: () => undefined }));
});
beforeEach(async () => {
  await ready(...connections);
  await raw.flushall();
  clock = stoppedClock();
});
afterEach(() => server.resume());
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await server.stop();
});

function replicaOn(redis: RedisConnection, settings: () => LimitSettings): CallLimits {
  return createLimits({ clock, settings, shared: createSharedCountsRedis({ redis, first: masterKey("a"), replica: randomBytes(16) }) });
}

function replicas(given: Partial<LimitSettings>): readonly CallLimits[] {
  return connections.map((redis) => replicaOn(redis, settingsOf(given)));
}

/** In order, so that a test says who knows what. */
async function settleAll(all: readonly CallLimits[]): Promise<void> {
  for (const { settlement } of all) await settlement.settle();
}

function calls({ callers }: CallLimits, times: number): number {
  return countOf(times, () => outcomeOf(() => callers.ofService("orders")) === undefined);
}

async function evals(): Promise<number> {
  return Number(/cmdstat_eval:calls=([0-9]+)/.exec(await raw.info("commandstats"))?.[1] ?? 0);
}

describe("three replicas", () => {
  it("together take the limit of a second, and no more above it than two take in two settlements", async () => {
    const perRound = fc.array(fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)), { minLength: 12, maxLength: 12 });
    let full = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 250 }), perRound, async (services, rounds) => {
        await raw.flushall();
        const all = replicas({ services });
        let taken = 0;
        let asked = 0;
        for (const round of rounds) {
          for (const [index, replica] of all.entries()) {
            taken += calls(replica, round[index] ?? 0);
            asked += round[index] ?? 0;
          }
          await settleAll(all);
        }
        expect(taken).toBeLessThanOrEqual(services + 2 * 2 * 20);
        expect(taken).toBeGreaterThanOrEqual(Math.min(services, asked));
        if (asked > services + 80) full += 1;
      }),
      { numRuns: 15 },
    );
    // Otherwise nothing was limited.
    expect(full).toBeGreaterThan(2);
  });

  it("in the worst case, a burst that reaches all at once, take one limit each, and the next second pays for it", async () => {
    const all = replicas({ services: 100 });
    expect(all.map((replica) => calls(replica, 500))).toEqual([100, 100, 100]);
    await settleAll(all);
    await settleAll(all);
    clock.set(1_500);
    expect(all.map((replica) => calls(replica, 500))).toEqual([0, 0, 0]);
    clock.set(1_700);
    expect(calls(all[0] as CallLimits, 500)).toBe(11);
  });

  it("a replica that has just started hears what the others have counted already", async () => {
    const [one, two] = replicas({ services: 100 }) as [CallLimits, CallLimits];
    clock.set(900);
    expect(calls(one, 100)).toBe(100);
    await one.settlement.settle();
    clock.set(1_099);
    expect(calls(two, 1)).toBe(1);
    await two.settlement.settle();
    // What is left of the second before weighs 0.9: of 100 there are 10 to take, and one is taken.
    expect(calls(two, 500)).toBe(9);
  });

  it("share what addresses spend, and what providers refused", async () => {
    const [one, two] = replicas({ addresses: 10, addressFailures: 3 }) as [CallLimits, CallLimits];
    const payer = { client: "web", address: "203.0.113.9" };
    for (let call = 0; call < 10; call += 1) one.callers.countUnproven("203.0.113.9");
    for (let call = 0; call < 2; call += 1) one.budget.spend(payer, "main");
    await one.settlement.settle();
    two.callers.ofUnproven("203.0.113.9");
    two.callers.countUnproven("203.0.113.9");
    two.budget.spend(payer, "main");
    await two.settlement.settle();
    expect(() => two.callers.ofUnproven("203.0.113.9")).toThrow("RATE_LIMITED");
    expect(() => two.budget.check(payer, "main")).toThrow("RATE_LIMITED");
    two.budget.check({ ...payer, address: "203.0.113.10" }, "main");
  });

  it("hear of refusals of minutes that they were not asked in", async () => {
    const [one, two] = replicas({ clientFailures: 10 }) as [CallLimits, CallLimits];
    const payer = { client: "backend", address: undefined };
    two.budget.spend(payer, "main");
    await two.settlement.settle();
    for (let minute = 1; minute < 9; minute += 1) {
      clock.advance(60_000);
      one.budget.spend(payer, "main");
      await one.settlement.settle();
    }
    clock.advance(60_000);
    two.budget.check(payer, "main");
    two.budget.spend(payer, "main");
    await two.settlement.settle();
    expect(() => two.budget.check(payer, "main")).toThrow("RATE_LIMITED");
  });
});

describe("without a round trip", () => {
  it("a call sends Redis nothing; a settlement is one command for all of them", async () => {
    const [one] = replicas({ services: 5_000 }) as [CallLimits];
    await raw.config("RESETSTAT");
    expect(calls(one, 5_000)).toBe(5_000);
    for (let call = 0; call < 100; call += 1) one.callers.ofPublicClient("web", `203.0.113.${call}`);
    expect(await evals()).toBe(0);
    await one.settlement.settle();
    expect(await evals()).toBe(1);
    for (let more = 0; more < 5; more += 1) await one.settlement.settle();
    // Once more, to hear what others told at the same time.
    expect(await evals()).toBe(2);
  });
});

describe("with Redis away", () => {
  it("killed in the middle: limits go on locally, and are shared again when it is back, empty, with nothing counted twice", async () => {
    const [one, two] = replicas({ services: 100 }) as [CallLimits, CallLimits];
    expect(calls(one, 30)).toBe(30);
    await settleAll([one, two]);
    await server.kill();
    expect(calls(one, 20)).toBe(20);
    expect(calls(two, 10)).toBe(10);
    await settleAll([one, two]);
    expect(calls(one, 10)).toBe(10);

    await server.start();
    await ready(...connections);
    await settleAll([one, two]);
    await settleAll([one, two]);
    // One has taken 60 and two 10: so many are left, for whoever comes.
    expect(calls(two, 500)).toBe(30);
    await settleAll([two, one]);
    expect(calls(one, 1)).toBe(1);
    await settleAll([one]);
    expect(calls(one, 500)).toBe(0);
  });

  it("stopped in its tracks: no call waits, and what arrives twice when it goes on counts once", async () => {
    const [one, two] = replicas({ services: 100 }) as [CallLimits, CallLimits];
    expect(calls(one, 10)).toBe(10);
    server.pause();
    const settling = one.settlement.settle();
    expect(calls(one, 10)).toBe(10);
    await settling;
    server.resume();
    await ready(...connections);
    await one.settlement.settle();
    expect(calls(two, 1)).toBe(1);
    await two.settlement.settle();
    // The command that was given up on has been carried out as well.
    expect(calls(two, 500)).toBe(79);
  });

  it("a black hole: each replica goes on by itself, within the limit", async () => {
    const hole = await startHangingEndpoint();
    const redis = createRedis(redisAddress(hole.port), { log: () => undefined });
    onTestFinished(async () => {
      await redis.close();
      await hole.stop();
    });
    await eventually("a connection", () => hole.accepted() > 0);
    const one = replicaOn(redis, settingsOf({ services: 100 }));
    expect(calls(one, 60)).toBe(60);
    await one.settlement.settle();
    expect(calls(one, 500)).toBe(40);
    clock.set(2_000);
    expect(calls(one, 500)).toBe(100);
  });
});

it("a replica that is alone counts the same, with nobody to ask", async () => {
  const one = createLimits({ clock, settings: settingsOf({ services: 100 }), shared: undefined });
  expect(calls(one, 60)).toBe(60);
  await one.settlement.settle();
  expect(calls(one, 500)).toBe(40);
});
