// Part of the composition root: what is remembered, where. With Redis it is shared by all replicas; without, this process
// remembers alone. Keys that are not configured are made here and end with the process.

import { createSecretKey, randomBytes } from "node:crypto";
import { createCacheKeys } from "./cache/cache-key.ts";
import { type MasterKey, masterKeyBytes } from "./sealing/master-keys.ts";
import { createMemoryTier } from "./cache/memory-tier.ts";
import { createOneTimeMemory } from "./cache/one-time-memory.ts";
import { createOneTimeNames } from "./cache/one-time-names.ts";
import { createOneTimeRedis } from "./cache/one-time-redis.ts";
import { createRedis, type RedisAddress, type RedisConnection } from "./cache/redis-connection.ts";
import { evictionOf } from "./cache/redis-eviction.ts";
import { createRedisTier } from "./cache/redis-tier.ts";
import { createRefreshHandles } from "./cache/refresh-handles.ts";
import { createSealer } from "./sealing/sealer.ts";
import type { TamperAlarm } from "./cache/tamper-alarm.ts";
import { createVerificationCache } from "./cache/verification-cache.ts";
import type { Configuration } from "./config/schema.ts";
import type { Clock, OneTimeStore, RefreshHandles, VerificationCache } from "./exchange/ports.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";

export interface Storage {
  readonly cache: VerificationCache;
  readonly oneTime: OneTimeStore;
  readonly handles: RefreshHandles;
  /** `process`: no Redis is configured. */
  readonly redisStatus: () => "ready" | "away" | "process";
  close(): Promise<void>;
}

export interface Observers {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function wireStorage({ sealing, redis: redisAt }: Configuration, { clock, log, metrics }: Observers): Storage {
  const keys = sealing?.keys ?? [ownKey()];
  const [firstKey = ownKey()] = keys;
  const redis = redisAt === undefined ? undefined : connect(redisAt.url, log);
  const onAlarm = (alarm: TamperAlarm) => {
    metrics.cacheAlarm();
    log.warn({ kind: alarm.kind, store: alarm.store, security: true }, "a stored value was not written by this service");
  };
  const names = createOneTimeNames(keys);
  const shared =
    redis === undefined ? {} : { shared: createRedisTier({ redis, sealer: createSealer(keys, "verification"), clock, onAlarm }) };
  return {
    cache: createVerificationCache({
      keyOf: createCacheKeys(firstKey),
      memory: createMemoryTier(clock),
      ...shared,
      clock,
      onHit: metrics.cacheHit,
      onMiss: metrics.cacheMiss,
    }),
    oneTime:
      redis === undefined
        ? createOneTimeMemory({ names, clock })
        : createOneTimeRedis({ redis, names, sealer: createSealer(keys, "pending-state"), onAlarm }),
    handles: createRefreshHandles(createSealer(keys, "refresh-handle")),
    redisStatus: () => redis?.status() ?? "process",
    close: async () => redis?.close(),
  };
}

function ownKey(): MasterKey {
  return { id: "process", key: createSecretKey(randomBytes(masterKeyBytes)) };
}

function connect(address: RedisAddress, log: Log): RedisConnection {
  const redis: RedisConnection = createRedis(address, {
    log(event) {
      if (event.kind === "redis_away") {
        log.warn({ ...event }, "redis is away: validation goes on uncached, code exchange is unavailable");
        return;
      }
      log.info({ ...event }, "redis is ready");
      void warnOfEviction(redis, log);
    },
  });
  return redis;
}

async function warnOfEviction(redis: RedisConnection, log: Log): Promise<void> {
  if ((await evictionOf(redis)) === "evicts") log.warn({}, "redis may evict used codes: set maxmemory-policy noeviction");
}
