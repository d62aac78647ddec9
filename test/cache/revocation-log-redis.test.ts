import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { createRevocationLogRedis } from "../../src/cache/revocation-log-redis.ts";
import { createRevocations } from "../../src/cache/revocations.ts";
import type { TamperAlarm } from "../../src/sealing/tamper-alarm.ts";
import type { RevocationLog } from "../../src/exchange/revocation-ports.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type FrozenClock, frozenClock, masterKey, ready, until } from "./fixtures.ts";
import { nowSeconds, revocationLogContract, subjectRevocation, tokenRevocation } from "./revocation-log-contract.ts";

const prefix = "cambio:v1:{revocations}:";
const unavailable = (code: string) => refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000, cause: expect.objectContaining({ code }) });
let server: RedisServer;
let operator: Redis;
let connections: [RedisConnection, RedisConnection];
let clock: FrozenClock;
let alarms: TamperAlarm[];
let log: RevocationLog;
let other: RevocationLog;

function logOn(redis: RedisConnection, keys: readonly [MasterKey, ...MasterKey[]] = [masterKey("a")], maxEntries = 1_000): RevocationLog {
  return createRevocationLogRedis({ redis, keys, clock, onAlarm: (alarm) => void alarms.push(alarm), maxEntries });
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
  clock = frozenClock();
  alarms = [];
  [log, other] = [logOn(connections[0]), logOn(connections[1])];
});
afterEach(() => server.resume());
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await server.stop();
});

revocationLogContract({ logs: () => [log, other] });

test("nothing is kept for ever: everything lives as long as the revocation that lives longest", async () => {
  await log.append(tokenRevocation("long", { expiresAt: nowSeconds + 300 }));
  await log.append(tokenRevocation("short", { expiresAt: nowSeconds + 60 }));
  const keys = await operator.keys("*");
  expect(keys.toSorted()).toEqual(["entries", "expiries", "head", "names"].map((name) => prefix + name));
  const lives = await Promise.all(keys.map((key) => operator.pttl(key)));
  expect(Math.min(...lives)).toBeGreaterThan(290_000);
  expect(Math.max(...lives)).toBeLessThanOrEqual(300_000);
});

test("what is expired makes room when something is appended", async () => {
  log = logOn(connections[0], [masterKey("a")], 2);
  await log.append(tokenRevocation("a", { expiresAt: nowSeconds + 10 }));
  await log.append(tokenRevocation("b"));
  await expect(log.append(tokenRevocation("c"))).rejects.toEqual(unavailable("FULL"));
  clock.advance(10_000);
  await log.append(tokenRevocation("c"));
  expect((await log.readSince(0, 10)).entries.map(({ revocation }) => revocation.id)).toEqual(["jti:b", "jti:c"]);
  expect(await operator.hlen(`${prefix}names`)).toBe(2);
  expect(await operator.zcard(`${prefix}expiries`)).toBe(2);
});

test("a weaker revocation than the one that is there takes no place, however often it comes", async () => {
  const first = await log.append(tokenRevocation("a"));
  for (let count = 0; count < 5; count += 1) {
    expect(await other.append(tokenRevocation("a", { expiresAt: nowSeconds + 200 }))).toEqual(first);
  }
  expect((await log.readSince(0, 10)).entries.length).toBe(1);
});

test("a flush begins another log, so that no follower takes its numbers for those of the old one", async () => {
  const before = await log.append(tokenRevocation("a"));
  await operator.flushall();
  const after = await log.append(tokenRevocation("b"));
  expect(after.seq).toBe(1);
  expect(after.log).not.toBe(before.log);
});

test("whoever reads Redis learns no token and no subject", async () => {
  await log.append(tokenRevocation("readable-token"));
  await log.append(subjectRevocation("readable-subject"));
  const held = [
    await operator.hgetall(`${prefix}names`),
    await operator.zrange(`${prefix}entries`, "0", "-1"),
    await operator.zrange(`${prefix}expiries`, "0", "-1"),
  ];
  expect(JSON.stringify(held)).not.toContain("readable");
});

test("replicas whose keys rotate read one another's entries", async () => {
  const [a, b] = [masterKey("a"), masterKey("b")];
  await logOn(connections[0], [a, b]).append(tokenRevocation("old"));
  await logOn(connections[1], [b, a]).append(tokenRevocation("new"));
  expect((await logOn(connections[0], [b, a]).readSince(0, 10)).entries.length).toBe(2);
  expect(alarms).toEqual([]);
});

describe("an entry that cannot be read is an alarm, and no reason to go on without it:", () => {
  const entries = `${prefix}entries`;
  test.each<[string, () => Promise<unknown>]>([
    ["written by somebody else", () => operator.zadd(entries, "2", "{}")],
    ["made huge", () => operator.zadd(entries, "2", "x".repeat(1024 * 1024))],
    ["sealed under another deployment's key", () => logOn(connections[1], [masterKey("x")]).append(tokenRevocation("b"))],
    ["the head is nonsense", () => operator.hset(`${prefix}head`, "seq", "1e99")],
    ["the head has no number", () => operator.hdel(`${prefix}head`, "seq")],
  ])("%s", async (_, tamper) => {
    await log.append(tokenRevocation("a"));
    await tamper();
    await expect(log.readSince(0, 10)).rejects.toEqual(unavailable("UNREADABLE"));
    expect(alarms).toEqual([{ kind: "unreadable", store: "revocations" }]);
  });
});

describe("when Redis cannot tell, the answer is STORE_UNAVAILABLE:", () => {
  test("it does not answer", async () => {
    server.pause();
    await expect(log.readSince(0, 10)).rejects.toEqual(unavailable("TIMEOUT"));
    await expect(other.append(tokenRevocation("a"))).rejects.toEqual(unavailable("TIMEOUT"));
  });

  test("it is out of memory and may not evict", async () => {
    await operator.config("SET", "maxmemory-policy", "noeviction");
    await operator.config("SET", "maxmemory", "1");
    await expect(log.append(tokenRevocation("a"))).rejects.toEqual(unavailable("OOM"));
    await operator.config("SET", "maxmemory", "0");
  });

  test("it is away", async () => {
    await server.kill();
    await until(() => connections.every((connection) => connection.status() === "away"));
    await expect(log.append(tokenRevocation("a"))).rejects.toEqual(unavailable("AWAY"));
    await server.start();
  });
});

test("what a failover lost and numbered anew is read, although its number was read before", async () => {
  const successor = await startRedisServer();
  const promoted = createRedis(successor.address, { log: () => undefined, random: () => 0 });
  await ready(promoted);
  await log.append(tokenRevocation("kept"));
  const raw = successor.raw();
  await operator.config("SET", "repl-diskless-sync-delay", "0");
  await raw.replicaof("127.0.0.1", server.port);
  await until(async () => (await raw.info("replication")).includes("master_link_status:up"));
  await raw.replicaof("NO", "ONE");
  // Confirmed, and gone with its server.
  await log.append(tokenRevocation("lost"));
  let current = log;
  const follower = createRevocations({
    log: { append: (revocation) => current.append(revocation), readSince: (since, most) => current.readSince(since, most) },
    clock,
    lagMs: 60_000,
    onState: () => undefined,
  });
  await follower.start();
  const refused = (id: string) => outcomeOf(() => follower.check({ provider: "main", id: `jti:${id}`, subject: "s", issuedAt: 0 }));
  expect(["kept", "lost", "later"].map((id) => refused(id) !== undefined)).toEqual([true, true, false]);
  await ready(promoted);
  expect((await logOn(promoted).append(tokenRevocation("later"))).seq).toBe(2);
  current = logOn(promoted);
  await eventually("the new entry", () => refused("later") !== undefined);
  expect(["kept", "lost"].map((id) => refused(id) !== undefined)).toEqual([true, true]);
  await follower.close();
  await promoted.close();
  await successor.stop();
});
