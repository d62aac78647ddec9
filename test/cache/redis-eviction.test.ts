import { afterEach, beforeEach, expect, it } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { evictionOf } from "../../src/cache/redis-eviction.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { ready } from "./fixtures.ts";

let server: RedisServer;
let connection: RedisConnection;

beforeEach(async () => {
  server = await startRedisServer();
  connection = createRedis(server.address, { log: () => undefined });
  await ready(connection);
});
afterEach(async () => {
  await connection.close();
  await server.stop();
});

it.each([
  ["noeviction", "keeps"],
  ["allkeys-lru", "evicts"],
  ["volatile-ttl", "evicts"],
])("a Redis with %s %s what it was told to remember", async (policy, expected) => {
  await connection.run((client) => client.config("SET", "maxmemory-policy", policy));
  expect(await evictionOf(connection)).toBe(expected);
});

it("a Redis that does not let us look is unknown, not safe", async () => {
  await connection.run((client) => client.acl("SETUSER", "default", "-config"));
  expect(await evictionOf(connection)).toBe("unknown");
});

it("a Redis that is away is unknown", async () => {
  await connection.close();
  expect(await evictionOf(connection)).toBe("unknown");
});
