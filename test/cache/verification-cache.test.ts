import { describe, expect, test } from "vitest";
import { createCacheKeys } from "../../src/cache/cache-key.ts";
import { createMemoryTier } from "../../src/cache/memory-tier.ts";
import { createRedis } from "../../src/cache/redis-connection.ts";
import { createRedisTier, type SharedTier } from "../../src/cache/redis-tier.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { createVerificationCache } from "../../src/cache/verification-cache.ts";
import { keptVerifications, weighVerification } from "../../src/cache/verification-codec.ts";
import type { Verification } from "../../src/exchange/claims.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { frozenClock, masterKey, nowMs, ready, until, verification, type FrozenClock } from "./fixtures.ts";

function replica(clock: FrozenClock, shared?: SharedTier<Verification>) {
  const seen: string[] = [];
  const cache = createVerificationCache({
    keyOf: createCacheKeys(masterKey("a")),
    memory: createMemoryTier(clock, weighVerification),
    ...(shared === undefined ? {} : { shared }),
    clock,
    onHit: (tier) => void seen.push(tier),
    onMiss: () => void seen.push("miss"),
  });
  return { cache, seen };
}

const onAlarm = () => {
  throw new Error("nothing was tampered with");
};

async function withRedis(body: (server: RedisServer, clock: FrozenClock, tier: () => Promise<SharedTier<Verification>>) => Promise<void>) {
  const clock = frozenClock();
  const server = await startRedisServer();
  const redis = createRedis(server.address, { log: () => undefined, random: () => 0 });
  const sealer = createSealer([masterKey("a")], "verification");
  try {
    await ready(redis);
    await body(server, clock, async () => {
      await ready(redis);
      return createRedisTier({ redis, sealer, kind: keptVerifications, clock, onAlarm });
    });
  } finally {
    server.resume();
    await redis.close();
    await server.stop();
  }
}

test("alone, a verification is found until its instant and not at it", async () => {
  const clock = frozenClock();
  const { cache, seen } = replica(clock);
  const key = cache.keyOf(new Secret("token"), "scope");
  expect(await cache.get(key)).toBeUndefined();
  cache.put(key, verification());
  expect(await cache.get(key)).toEqual(verification());
  clock.advance(60_000);
  expect(await cache.get(key)).toBeUndefined();
  expect(seen).toEqual(["miss", "memory", "miss"]);
});

test("what one replica verified another finds in Redis, then in its own memory, with its life not renewed", async () => {
  await withRedis(async (server, clock, tier) => {
    const writer = replica(clock, await tier());
    const reader = replica(clock, await tier());
    writer.cache.put("k", verification());
    await until(async () => (await server.raw().dbsize()) === 1);
    clock.advance(30_000);
    expect((await reader.cache.get("k"))?.validUntilMs).toBe(nowMs + 60_000);
    await server.flush();
    expect((await reader.cache.get("k"))?.validUntilMs).toBe(nowMs + 60_000);
    clock.advance(30_000);
    expect(await reader.cache.get("k")).toBeUndefined();
    expect(reader.seen).toEqual(["redis", "memory", "miss"]);
  });
});

test("an entry whose time passes while Redis is asked is a miss", async () => {
  const clock = frozenClock();
  const slow: SharedTier<Verification> = {
    async get() {
      clock.advance(60_000);
      return verification();
    },
    put: async () => undefined,
  };
  const { cache, seen } = replica(clock, slow);
  expect(await cache.get("k")).toBeUndefined();
  expect(seen).toEqual(["miss"]);
});

test("Redis killed and started again under load: never a wrong answer, never a throw, never a long wait, then hits again", async () => {
  await withRedis(async (server, clock, tier) => {
    const shared = await tier();
    const writer = replica(clock, shared);
    const reader = replica(clock, shared);
    let longest = 0;
    const load = async (round: number) => {
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const key = `r${round}-${index}`;
          writer.cache.put(key, verification({}, key));
          const start = performance.now();
          const found = await reader.cache.get(key);
          longest = Math.max(longest, performance.now() - start);
          expect([undefined, key]).toContain(found?.claims.subject);
          expect((await writer.cache.get(key))?.claims.subject).toBe(key);
        }),
      );
    };
    await load(0);
    const loaded = Promise.all([load(1), load(2)]);
    await server.kill();
    await loaded;
    await load(3);
    await server.start();
    const again = replica(clock, await tier());
    await load(4);
    await until(async () => (await again.cache.get("r4-99")) !== undefined);
    expect(again.seen.at(-1)).toBe("redis");
    expect(longest).toBeLessThan(1_000);
  });
});

test("a Redis that hangs makes validation slower once, and then costs nothing", async () => {
  await withRedis(async (server, clock, tier) => {
    const { cache } = replica(clock, await tier());
    server.pause();
    expect(await cache.get("k")).toBeUndefined();
    const start = performance.now();
    for (let index = 0; index < 100; index += 1) expect(await cache.get(`k${index}`)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(100);
  });
});

describe("a denial", () => {
  test("is remembered for ten seconds from the last verification that found it", () => {
    const clock = frozenClock();
    const { denials } = replica(clock).cache;
    expect(denials.has("k")).toBe(false);
    denials.add("k");
    clock.advance(9_999);
    expect(denials.has("k")).toBe(true);
    clock.advance(1);
    expect(denials.has("k")).toBe(false);
  });

  test("a flood of forged tokens does not make the memory grow: the oldest go", () => {
    const { denials } = replica(frozenClock()).cache;
    for (let index = 0; index < 1_500; index += 1) denials.add(`k${index}`);
    const kept = Array.from({ length: 1_500 }, (_, index) => denials.has(`k${index}`));
    expect(kept.filter(Boolean).length).toBe(1_000);
    expect(kept[499]).toBe(false);
    expect(kept[500]).toBe(true);
  });

  test("does not hide a verification, nor the other way round", async () => {
    const { cache } = replica(frozenClock());
    cache.denials.add("k");
    expect(await cache.get("k")).toBeUndefined();
    cache.put("other", verification());
    expect(cache.denials.has("other")).toBe(false);
  });
});
