import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { keptVerifications } from "../../src/cache/verification-codec.ts";
import type { Verification } from "../../src/exchange/claims.ts";
import { createRedisTier, type SharedTier } from "../../src/cache/redis-tier.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { TamperAlarm } from "../../src/sealing/tamper-alarm.ts";
import { encodeVerification } from "../../src/cache/verification-codec.ts";
import { startLyingRedis } from "../support/lying-redis.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { flipped, frozenClock, masterKey, nowMs, ready, until, verification, type FrozenClock } from "./fixtures.ts";

const sealer = createSealer([masterKey("a")], "verification");
const at = (key: string) => `cambio:v1:ver:${key}`;
let server: RedisServer;
let redis: RedisConnection;
let attacker: Redis;
let clock: FrozenClock;
let alarms: TamperAlarm[];
let tier: SharedTier<Verification>;

beforeAll(async () => {
  server = await startRedisServer();
  redis = createRedis(server.address, { log: () => undefined });
  attacker = server.raw();
});
beforeEach(async () => {
  await ready(redis);
  await attacker.flushall();
  clock = frozenClock();
  alarms = [];
  tier = createRedisTier({ redis, sealer, kind: keptVerifications, clock, onAlarm: (alarm) => void alarms.push(alarm) });
});
afterEach(() => server.resume());
afterAll(async () => {
  await redis.close();
  await server.stop();
});

async function written(key: string, value = verification()): Promise<Buffer> {
  void tier.put(key, value);
  await until(async () => (await attacker.exists(at(key))) === 1);
  const sealed = await attacker.getBuffer(at(key));
  return sealed ?? Buffer.alloc(0);
}

test("what one replica writes another reads, equal in every field", async () => {
  await written("k");
  const other = createRedisTier({ redis, sealer, kind: keptVerifications, clock, onAlarm: (alarm) => void alarms.push(alarm) });
  expect(await other.get("k")).toEqual(verification());
  expect(alarms).toEqual([]);
});

test("an absent key is a miss without an alarm", async () => {
  expect(await tier.get("absent")).toBeUndefined();
  expect(alarms).toEqual([]);
});

test("nothing of the claims is readable in Redis", async () => {
  const sealed = await written("k");
  for (const text of ["user-1", "issuer.example", "jti-1", "kid-1"]) expect(sealed.includes(text)).toBe(false);
});

test("every entry carries an expiry that is the verification's own", async () => {
  await written("k", verification({ validUntilMs: nowMs + 12_345 }));
  const left = await attacker.pttl(at("k"));
  expect(left).toBeGreaterThan(10_000);
  expect(left).toBeLessThanOrEqual(12_345);
  for (const key of await attacker.keys("*")) expect(await attacker.pttl(key)).toBeGreaterThan(0);
});

test("a verification that is over, or claims to live longer than any may, is not written", async () => {
  await tier.put("over", verification({ validUntilMs: nowMs }));
  await tier.put("long", verification({ validUntilMs: nowMs + 60_001 }));
  await written("k");
  expect(await attacker.keys("*")).toEqual([at("k")]);
});

test("an entry is held against the clock on every hit, whatever Redis still has", async () => {
  await written("k", verification({ validUntilMs: nowMs + 5_000 }));
  clock.advance(4_999);
  expect(await tier.get("k")).toBeDefined();
  clock.advance(1);
  expect(await tier.get("k")).toBeUndefined();
  expect(alarms).toEqual([]);
});

test("an old entry put back long after its time is a miss and an alarm", async () => {
  const sealed = await written("k", verification({ validUntilMs: nowMs + 5_000 }));
  clock.advance(60_000);
  await attacker.set(at("k"), sealed);
  expect(await tier.get("k")).toBeUndefined();
  expect(alarms).toEqual([{ kind: "implausible", store: "verifications" }]);
});

test("a sealed entry that claims a longer life than any verification has is a miss and an alarm", async () => {
  const value = verification({ validUntilMs: nowMs + 3_600_000 });
  await attacker.set(at("k"), Buffer.from(sealer.seal(encodeVerification("k", value), ["k"])));
  expect(await tier.get("k")).toBeUndefined();
  expect(alarms).toEqual([{ kind: "implausible", store: "verifications" }]);
});

describe("is a miss and an alarm, never a yes:", () => {
  const genuine = encodeVerification("k", verification());
  const forgeries: readonly (readonly [string, (sealed: Buffer) => Uint8Array])[] = [
    ["a value with one bit changed", (sealed) => flipped(sealed, 8 * (sealed.length - 20))],
    ["a value cut short", (sealed) => sealed.subarray(0, -1)],
    ["a value with its tag cut to 12 bytes", (sealed) => sealed.subarray(0, -4)],
    ["a value with bytes appended", (sealed) => Buffer.concat([sealed, Buffer.of(0)])],
    ["the plain verification, not sealed", () => genuine],
    ["one byte", () => Buffer.of(1)],
    ["a value sealed under a stranger's master key", () => createSealer([masterKey("a", 5)], "verification").seal(genuine, ["k"])],
    ["a value that this service sealed for another purpose", () => createSealer([masterKey("a")], "pending-state").seal(genuine, ["k"])],
    ["a sealed value that names another key inside", () => sealer.seal(encodeVerification("x", verification()), ["k"])],
    ["a sealed value of another shape", () => sealer.seal(Buffer.from('{"key":"k","verification":true}'), ["k"])],
    ["a value larger than any of ours", () => Buffer.alloc(1024 * 1024, 1)],
  ];
  test.each(forgeries)("%s", async (_, forge) => {
    await attacker.set(at("k"), Buffer.from(forge(await written("k"))));
    expect(await tier.get("k")).toBeUndefined();
    expect(alarms).toEqual([{ kind: "unreadable", store: "verifications" }]);
  });

  test("the value of one token written under the key of another", async () => {
    const admin = await written("admin", verification({}, "admin"));
    const user = await written("user");
    await attacker.set(at("user"), admin, "PX", 60_000);
    await attacker.set(at("admin"), user, "PX", 60_000);
    expect(await tier.get("user")).toBeUndefined();
    expect(await tier.get("admin")).toBeUndefined();
    expect(alarms.length).toBe(2);
  });
});

test("a huge value that someone put under a key is not read into memory", async () => {
  await attacker.setrange(at("k"), 10 * 1024 * 1024, "x");
  await attacker.config("RESETSTAT");
  expect(await tier.get("k")).toBeUndefined();
  const [, sent] = /total_net_output_bytes:([0-9]+)/.exec(await attacker.info("stats")) ?? [];
  expect(Number(sent)).toBeLessThan(64 * 1024);
  expect(alarms).toEqual([{ kind: "unreadable", store: "verifications" }]);
});

test("a key that holds another kind of Redis value is a miss", async () => {
  await attacker.lpush(at("k"), "x");
  expect(await tier.get("k")).toBeUndefined();
});

test("a flushed Redis forgets and goes on", async () => {
  await written("k");
  await server.flush();
  expect(await tier.get("k")).toBeUndefined();
  await written("k");
  expect(await tier.get("k")).toBeDefined();
  expect(alarms).toEqual([]);
});

test("nobody waits for a write, and writes to a server that does not answer are bounded", async () => {
  await written("k");
  server.pause();
  const start = performance.now();
  for (let index = 0; index < 1_000; index += 1) void tier.put(`w${index}`, verification());
  expect(performance.now() - start).toBeLessThan(200);
  server.resume();
  await until(async () => (await attacker.dbsize()) > 256);
  await tier.get("k");
  expect(await attacker.dbsize()).toBe(257);
});

test.for([
  ["nothing", "$-1\r\n"],
  ["a number", ":5\r\n"],
  ["a list", "*1\r\n:5\r\n"],
] as const)("a Redis that answers with %s where bytes belong is a miss, and fails no call", async ([, answer]) => {
  const lying = await startLyingRedis(answer);
  const connection = createRedis(lying.address, { log: () => undefined });
  await ready(connection);
  const other = createRedisTier({ redis: connection, sealer, kind: keptVerifications, clock, onAlarm: (alarm) => void alarms.push(alarm) });
  expect(await other.get("k")).toBeUndefined();
  await connection.close();
  await lying.stop();
});
