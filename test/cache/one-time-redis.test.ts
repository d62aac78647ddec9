import type { Redis } from "ioredis";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createOneTimeRedis } from "../../src/cache/one-time-redis.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import type { RedisEvent } from "../../src/cache/redis-line.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import type { TamperAlarm } from "../../src/sealing/tamper-alarm.ts";
import type { ExchangeError } from "../../src/exchange/errors.ts";
import type { OneTimeStore } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { masterKey, pendingState, ready, until } from "./fixtures.ts";
import { oneTimeContract } from "./one-time-contract.ts";

const unavailable = { reason: "STORE_UNAVAILABLE", retryAfterMs: 1_000 };
const unavailableThrice = ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE"];
const code = new Secret("code-1");
let server: RedisServer;
let connections: [RedisConnection, RedisConnection];
let operator: Redis;
const events: RedisEvent[] = [];
let alarms: TamperAlarm[];
let store: OneTimeStore;
let other: OneTimeStore;

function storeOn(redis: RedisConnection, keys: readonly MasterKey[] = [masterKey("a")]): OneTimeStore {
  return createOneTimeRedis({
    redis,
    names: createOneTimeNames(keys),
    sealer: createSealer(keys, "pending-state"),
    onAlarm: (alarm) => void alarms.push(alarm),
    // Attempts to undo a claim wait for the server to be back instead of for a time.
    wait: async (_, signal) => {
      await until(() => signal.aborted || redis.status() === "ready");
      signal.throwIfAborted();
      await setImmediate();
    },
  });
}

/** How often the server carried out a command since its statistics were last reset. */
async function calls(command: string): Promise<number> {
  const line = new RegExp(`cmdstat_${command}:calls=([0-9]+)`).exec(await operator.info("commandstats"));
  return Number(line?.[1] ?? 0);
}

/** What each method fails with. */
async function reasons(): Promise<unknown[]> {
  const outcomes = await Promise.allSettled([
    store.claimCode("main", code),
    store.keepState("state", pendingState()),
    store.takeState("state"),
  ]);
  return outcomes.map((outcome) => (outcome.status === "rejected" ? (outcome.reason as ExchangeError).reason : "answered"));
}

beforeAll(async () => {
  server = await startRedisServer();
  const connect = () => createRedis(server.address, { log: (event) => void events.push(event), random: () => 0 });
  connections = [connect(), connect()];
  operator = server.raw();
});
beforeEach(async () => {
  await ready(...connections);
  await operator.flushall();
  alarms = [];
  [store, other] = [storeOn(connections[0]), storeOn(connections[1])];
});
afterEach(() => server.resume());
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await server.stop();
});

oneTimeContract({
  stores: () => [store, other],
  async expire() {
    for (const key of await operator.keys("*")) await operator.pexpire(key, 1);
    await until(async () => (await operator.dbsize()) === 0);
  },
});

test("every mark and state lives ten minutes, not longer and not for ever", async () => {
  await store.claimCode("main", code);
  await store.keepState("state", pendingState());
  const lives = await Promise.all((await operator.keys("*")).map((key) => operator.pttl(key)));
  expect(lives.length).toBe(2);
  expect(Math.min(...lives)).toBeGreaterThan(590_000);
  expect(Math.max(...lives)).toBeLessThanOrEqual(600_000);
});

test("neither code nor state nor verifier is readable in Redis, by name or by value", async () => {
  await store.claimCode("main", new Secret("readable-code"));
  await store.keepState("readable-state", pendingState({ codeVerifier: new Secret("readable-verifier") }));
  const keys = await operator.keys("*");
  const values = await Promise.all(keys.map((key) => operator.getBuffer(key)));
  expect(keys.length).toBe(2);
  expect([...keys, ...values.map((value) => value?.toString("latin1"))].join("\n")).not.toContain("readable");
});

describe("a state tampered with in Redis is unknown, gone, and an alarm:", () => {
  test.each<[string, (name: string) => Promise<unknown>]>([
    ["replaced", (name) => operator.set(name, "{}")],
    ["one byte changed", (name) => operator.setrange(name, 30, "\0\0\0")],
    ["cut short", async (name) => operator.set(name, (await operator.getBuffer(name))?.subarray(0, -1) ?? "")],
    ["made huge", (name) => operator.setrange(name, 1024 * 1024, "x")],
    [
      "swapped for another sign-in's",
      async (name) => {
        await store.keepState("attacker", pendingState({ redirectUri: "https://attacker.example/" }));
        const [swapped] = (await operator.keys("cambio:v1:state:*")).filter((key) => key !== name);
        await operator.rename(swapped ?? "", name);
      },
    ],
  ])("%s", async (_, tamper) => {
    await store.keepState("victim", pendingState());
    const [name] = await operator.keys("cambio:v1:state:*");
    await tamper(name ?? "");
    expect(await store.takeState("victim")).toBeUndefined();
    expect(alarms).toEqual([{ kind: "unreadable", store: "states" }]);
    expect(await operator.dbsize()).toBe(0);
  });
});

describe("while master keys rotate", () => {
  const [a, b] = [masterKey("a"), masterKey("b")];
  test.each([
    ["before and after the new key was added", [a], [a, b]],
    ["before and after it became the first", [a, b], [b, a]],
    ["before and after the old one was removed", [b, a], [b]],
  ])("replicas that have their keys from %s share one authority", async (_, before, after) => {
    const [old, fresh] = [storeOn(connections[0], before), storeOn(connections[1], after)];
    for (const [first, second] of [[old, fresh] as const, [fresh, old] as const]) {
      const claim = await first.claimCode("main", code);
      expect(claim).toBeDefined();
      expect(await second.claimCode("main", code)).toBeUndefined();
      await claim?.release();
      expect(await operator.dbsize()).toBe(0);
    }
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_entry, index) => (index % 2 === 0 ? old : fresh).claimCode("main", code)),
    );
    expect(claims.filter((claim) => claim !== undefined).length).toBe(1);
  });

  test("a sign-in begun under the old first key ends under the new one, and the other way round, once", async () => {
    const [old, fresh] = [storeOn(connections[0], [a, b]), storeOn(connections[1], [b, a])];
    for (const [first, second] of [[old, fresh] as const, [fresh, old] as const]) {
      await first.keepState("state", pendingState());
      expect(await second.takeState("state")).toEqual(pendingState());
      expect(await first.takeState("state")).toBeUndefined();
    }
    expect(alarms).toEqual([]);
  });
});

describe("when Redis cannot tell, the answer is STORE_UNAVAILABLE:", () => {
  test("it is away, and at once; when it is back the store works again", async () => {
    await server.kill();
    await until(() => connections.every((connection) => connection.status() === "away"));
    const start = performance.now();
    expect(await reasons()).toEqual(unavailableThrice);
    expect(performance.now() - start).toBeLessThan(100);
    await server.start();
    await ready(...connections);
    expect(await store.claimCode("main", code)).toBeDefined();
  });

  test("it is stopped and does not answer", async () => {
    server.pause();
    expect(await reasons()).toEqual(unavailableThrice);
    server.resume();
    await ready(...connections);
  });

  test("it has become a replica", async () => {
    await operator.replicaof("127.0.0.1", 1);
    await expect(store.claimCode("main", code)).rejects.toMatchObject({ ...unavailable, cause: { code: "READONLY" } });
    await operator.replicaof("NO", "ONE");
    await ready(...connections);
    expect(await store.claimCode("main", code)).toBeDefined();
  });

  test("it is out of memory and may not evict", async () => {
    await operator.config("SET", "maxmemory-policy", "noeviction");
    await operator.config("SET", "maxmemory", "1");
    await expect(store.claimCode("main", code)).rejects.toMatchObject({ ...unavailable, cause: { code: "OOM" } });
    await expect(store.keepState("state", pendingState())).rejects.toMatchObject(unavailable);
    await operator.config("SET", "maxmemory", "0");
    expect(await store.claimCode("main", code)).toBeDefined();
  });
});

describe("a claim whose outcome nobody knows", () => {
  beforeEach(() => operator.config("RESETSTAT"));

  test("is undone when the server goes on, so that the user's next attempt is not refused as a replay", async () => {
    server.pause();
    await expect(store.claimCode("main", code)).rejects.toMatchObject({ ...unavailable, cause: { outcome: "unknown" } });
    server.resume();
    await until(async () => (await calls("set")) === 1 && (await calls("del")) === 1);
    expect(await store.claimCode("main", code)).toBeDefined();
  });

  test("is undone although the connection it was sent on is gone by then", async () => {
    events.length = 0;
    server.pause();
    await expect(store.claimCode("main", code)).rejects.toMatchObject(unavailable);
    await until(() => events.some((event) => event.kind === "redis_away"));
    server.resume();
    // What the old connection still held is carried out all the same.
    await until(async () => (await calls("set")) === 1 && (await calls("del")) === 1);
    await ready(...connections);
    expect(await other.claimCode("main", code)).toBeDefined();
  });

  test("is undone for itself only, and for a bounded number of times: another replica's claim stays", async () => {
    expect(await other.claimCode("main", code)).toBeDefined();
    server.pause();
    await expect(store.claimCode("main", code)).rejects.toMatchObject(unavailable);
    server.resume();
    const attempts = 7;
    await until(async () => (await calls("eval")) === 2 + attempts);
    expect(await other.claimCode("main", code)).toBeUndefined();
    expect(await calls("eval")).toBe(3 + attempts);
  });
});

test("release never throws, and a code that could not be given back is given back when Redis is", async () => {
  const claim = await store.claimCode("main", code);
  server.pause();
  await expect(store.keepState("state", pendingState())).rejects.toMatchObject(unavailable);
  expect(connections[0].status()).toBe("away");
  await claim?.release();
  server.resume();
  await until(async () => (await operator.keys("cambio:v1:code:*")).length === 0);
  expect(await other.claimCode("main", code)).toBeDefined();
});

test("killed and started again under load: every claim is won, lost or unavailable within its limit, and none is won twice", async () => {
  const wins = new Map<string, number>();
  const failures = new Set<string>();
  let longest = 0;
  const attempt = async (text: string, on: OneTimeStore) => {
    const start = performance.now();
    try {
      if ((await on.claimCode("main", new Secret(text))) !== undefined) wins.set(text, (wins.get(text) ?? 0) + 1);
    } catch (error) {
      failures.add((error as ExchangeError).reason);
    }
    longest = Math.max(longest, performance.now() - start);
  };
  const round = (name: string) =>
    Promise.all(Array.from({ length: 200 }, (_, index) => attempt(`${name}-${index >> 1}`, index % 2 === 0 ? store : other)));
  await round("before");
  const during = round("during");
  await server.kill();
  await during;
  await round("away");
  await server.start();
  await ready(...connections);
  await round("after");
  expect([...failures]).toEqual(["STORE_UNAVAILABLE"]);
  expect(Math.max(...wins.values())).toBe(1);
  expect([...wins.keys()].filter((text) => text.startsWith("before")).length).toBe(100);
  expect([...wins.keys()].filter((text) => text.startsWith("away")).length).toBe(0);
  expect([...wins.keys()].filter((text) => text.startsWith("after")).length).toBe(100);
  expect(longest).toBeLessThan(1_000);
});
