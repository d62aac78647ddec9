import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { createUsedAssertionsRedis } from "../../src/cache/used-assertions-redis.ts";
import type { UsedAssertions } from "../../src/exchange/one-time-ports.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { frozenClock, masterKey, nowMs, ready, until } from "./fixtures.ts";
import { usedAssertionsContract } from "./used-assertions-contract.ts";

const soon = nowMs + 300_000;
const [a, b] = [masterKey("a"), masterKey("b")];
let server: RedisServer;
let connections: [RedisConnection, RedisConnection];
let operator: Redis;

function on(redis: RedisConnection, keys: readonly MasterKey[] = [a]): UsedAssertions {
  return createUsedAssertionsRedis({ redis, names: createOneTimeNames(keys), clock: frozenClock() });
}

beforeAll(async () => {
  server = await startRedisServer();
  const connect = () => createRedis(server.address, { log: () => undefined, random: () => 0 });
  connections = [connect(), connect()];
  operator = server.raw();
});
beforeEach(async () => {
  await ready(...connections);
  await operator.flushall();
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await server.stop();
});

usedAssertionsContract({
  replicas: () => [on(connections[0]), on(connections[1])],
  async pass(ms) {
    for (const key of await operator.keys("*")) {
      const left = await operator.pttl(key);
      if (left <= ms) await operator.pexpire(key, 1);
    }
    await until(async () => (await operator.dbsize()) === 1);
  },
});

test("replicas in the middle of a change of keys still share one memory", async () => {
  const [old, fresh] = [on(connections[0], [a, b]), on(connections[1], [b])];
  expect(await old.claim("batch", "id-1", soon)).toBe(true);
  expect(await fresh.claim("batch", "id-1", soon)).toBe(false);
});

test("no mark is kept without an expiry, and no id is readable", async () => {
  await on(connections[0]).claim("batch", "readable-id", soon);
  const [key = ""] = await operator.keys("*");
  expect(key).not.toContain("readable");
  expect(await operator.pttl(key)).toBeGreaterThan(290_000);
  expect(await operator.pttl(key)).toBeLessThanOrEqual(300_000);
});

test("Redis is away: unavailable, never a yes", async () => {
  await server.kill();
  await until(() => connections[0].status() === "away");
  await expect(on(connections[0]).claim("batch", "id-1", soon)).rejects.toEqual(refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 }));
  await server.start();
});
