// Part of the composition root: the connection to Redis, and what the log hears of it. Without a database Redis is the authority for
// what must be used once or never again; beside one it is a cache.

import { readFile } from "node:fs/promises";
import { createRedis, type RedisConnection } from "../cache/redis-connection.ts";
import { evictionOf } from "../cache/redis-eviction.ts";
import type { RedisTarget } from "../cache/redis-target.ts";
import type { Configuration } from "../config/schema.ts";
import type { Log } from "../telemetry/log.ts";

export interface RedisParts {
  readonly log: Log;
  readonly isAuthority: boolean;
}

/** @throws Error where the CA's file cannot be read */
export async function redisTargetOf({ target, ca_file: file }: NonNullable<Configuration["redis"]>): Promise<RedisTarget> {
  return file === undefined ? target : { ...target, ca: await readFile(file, "utf8") };
}

export function wireRedis(target: RedisTarget, { log, isAuthority }: RedisParts): RedisConnection {
  const redis: RedisConnection = createRedis(target, {
    log(event) {
      switch (event.kind) {
        case "redis_away":
          return log.warn(
            { ...event },
            isAuthority
              ? "redis is away: codes, sign-ins and assertions are refused, revocations get stale"
              : "redis is away: tokens are verified without the shared cache, limits are counted per replica",
          );
        case "redis_node_away":
          return log.warn({ ...event }, "a server of the redis cluster is away: what it keeps is, until another takes over");
        case "redis_node_ready":
          log.info({ ...event }, "a server of the redis cluster is ready again");
          break;
        case "redis_ready":
          log.info({ ...event }, "redis is ready");
      }
      if (isAuthority) void warnOfEviction(redis, log);
    },
  });
  return redis;
}

async function warnOfEviction(redis: RedisConnection, log: Log): Promise<void> {
  if ((await evictionOf(redis)) === "evicts") log.warn({}, "redis may evict used codes: set maxmemory-policy noeviction");
}
