// Part of the composition root: the connection to Redis, and what the log hears of it. Without a database Redis is the authority for
// what must be used once or never again; beside one it is a cache.

import { createRedis, type RedisAddress, type RedisConnection } from "./cache/redis-connection.ts";
import { evictionOf } from "./cache/redis-eviction.ts";
import type { Log } from "./telemetry/log.ts";

export interface RedisParts {
  readonly log: Log;
  readonly isAuthority: boolean;
}

export function wireRedis(address: RedisAddress, { log, isAuthority }: RedisParts): RedisConnection {
  const redis: RedisConnection = createRedis(address, {
    log(event) {
      if (event.kind === "redis_away") {
        log.warn(
          { ...event },
          isAuthority
            ? "redis is away: codes, sign-ins and assertions are refused, revocations get stale"
            : "redis is away: tokens are verified without the shared cache, limits are counted per replica",
        );
        return;
      }
      log.info({ ...event }, "redis is ready");
      if (isAuthority) void warnOfEviction(redis, log);
    },
  });
  return redis;
}

async function warnOfEviction(redis: RedisConnection, log: Log): Promise<void> {
  if ((await evictionOf(redis)) === "evicts") log.warn({}, "redis may evict used codes: set maxmemory-policy noeviction");
}
