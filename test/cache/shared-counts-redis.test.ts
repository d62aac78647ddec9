import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { RedisFailure } from "../../src/cache/redis-failure.ts";
import { createSharedCountsRedis } from "../../src/cache/shared-counts-redis.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { masterKey, ready } from "./fixtures.ts";

let server: RedisServer;
let redis: RedisConnection;
let raw: Redis;

beforeAll(async () => {
  server = await startRedisServer();
  redis = createRedis(server.address, { log: () => undefined });
  raw = server.raw();
});
beforeEach(async () => {
  await ready(redis);
  await raw.flushall();
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

const replica = (first = masterKey("a")) => createSharedCountsRedis({ redis, first, replica: randomBytes(16) });
const count = (own: number, key = "service orders", window = 7) => ({ key, window, count: own, lifeMs: 3_000 });

describe("counts add up", () => {
  test("over replicas, each with its latest count", async () => {
    const [one, two] = [replica(), replica()];
    expect(await one.settle([count(3)])).toEqual([3]);
    expect(await two.settle([count(4)])).toEqual([7]);
    expect(await one.settle([count(5)])).toEqual([9]);
  });

  test("per key and window, in the order in which they were told", async () => {
    const one = replica();
    await one.settle([count(1, "b", 7), count(2, "a", 8)]);
    expect(await replica().settle([count(0, "a", 8), count(0, "a", 7), count(0, "b", 7), count(0, "b", 8)])).toEqual([2, 0, 1, 0]);
  });

  test("once, when a batch arrives twice, or late behind a newer one", async () => {
    const one = replica();
    await one.settle([count(5)]);
    expect(await one.settle([count(5)])).toEqual([5]);
    expect(await one.settle([count(2)])).toEqual([5]);
    expect(await one.settle([count(6)])).toEqual([6]);
  });
});

test("asking leaves nothing behind", async () => {
  expect(await replica().settle([count(0)])).toEqual([0]);
  expect(await raw.dbsize()).toBe(0);
});

test("everything that is written expires by itself, the later the newer it is", async () => {
  const one = replica();
  await one.settle([count(1), { ...count(1, "failures main web"), lifeMs: 660_000 }]);
  const names = await raw.keys("*");
  expect(names.length).toBe(2);
  const lives = await Promise.all(names.map((name) => raw.pttl(name)));
  expect(Math.min(...lives)).toBeGreaterThan(0);
  expect(Math.min(...lives)).toBeLessThanOrEqual(3_000);
  expect(Math.max(...lives)).toBeGreaterThan(600_000);
});

test("somebody who reads Redis learns no address, no client and no provider", async () => {
  await replica().settle([count(1, "unproven 203.0.113.9"), count(1, "failures main web 203.0.113.9")]);
  const names = await raw.keys("*");
  const values = await Promise.all(names.map((name) => raw.hgetall(name)));
  const text = JSON.stringify([names, values]);
  for (const word of ["203", "113.9", "unproven", "failures", "main", "web"]) expect(text).not.toContain(word);
  expect(names.every((name) => /^cambio:v1:count:\{[0-9a-f]\}:[A-Za-z0-9_-]{43}$/.test(name))).toBe(true);
});

test("somebody without the key cannot find the name of an address by hashing all addresses", async () => {
  await replica().settle([count(1)]);
  expect(await replica(masterKey("b")).settle([count(0)])).toEqual([0]);
  expect(await replica().settle([count(0)])).toEqual([1]);
});

test("one batch is one command, however much is in it", async () => {
  const one = replica();
  await raw.config("RESETSTAT");
  const totals = await one.settle(Array.from({ length: 1_000 }, (_, index) => count(1, `k${index}`)));
  expect(totals).toEqual(Array.from({ length: 1_000 }, () => 1));
  expect(/cmdstat_eval:calls=([0-9]+)/.exec(await raw.info("commandstats"))?.[1]).toBe("1");
});

describe("cannot tell", () => {
  test.each([
    ["a total that is no number", async (name: string) => raw.hset(name, "total", "many")],
    ["a total below nothing", async (name: string) => raw.hset(name, "total", "-5")],
    ["a total beyond what can be counted", async (name: string) => raw.hset(name, "total", "9007199254740993")],
    ["another kind of value under the name", async (name: string) => raw.set(name, "x")],
  ])("where somebody wrote %s", async (_, spoil) => {
    const one = replica();
    await one.settle([count(1)]);
    const [name = ""] = await raw.keys("*");
    await spoil(name);
    await expect(one.settle([count(1)])).rejects.toThrow(Error);
  });

  test("where Redis is away, and says so at once", async () => {
    await server.kill();
    await expect(replica().settle([count(1)])).rejects.toThrow(RedisFailure);
    await server.start();
  });
});
