// Part of the composition root: the log of revocations for a command that runs beside the replicas and writes what they follow.

import { createRevocationLogRedis } from "./cache/revocation-log-redis.ts";
import { createRedis } from "./cache/redis-connection.ts";
import type { Configuration } from "./config/schema.ts";
import type { RevocationLog } from "./exchange/revocation-ports.ts";
import { canRevoke } from "./policy/compile.ts";
import { openDatabase } from "./store/open-database.ts";
import { createRevocationLog } from "./store/revocation-log.ts";

/** How long a command waits for Redis. */
const redisLimitMs = 3_000;
const redisLookEveryMs = 20;

export interface OpenedRevocationLog {
  readonly log: RevocationLog;
  close(): Promise<void>;
}

/**
 * The configured authority's. Undefined: replicas have nothing in common, each keeps revocations in its process.
 * @throws what `openDatabase` throws
 */
export async function openRevocationLog(configuration: Configuration): Promise<OpenedRevocationLog | undefined> {
  const { database: location, redis: redisAt, sealing } = configuration;
  if (location !== undefined) {
    const database = openDatabase(location);
    return { log: createRevocationLog(database), close: () => database.close() };
  }
  const [first, ...others] = sealing?.keys ?? [];
  // An entry that is sealed under a key of this command's own would be unreadable, and stop every replica.
  if (redisAt === undefined || first === undefined || !canRevoke(configuration)) return undefined;
  const redis = createRedis(redisAt.url, { log: () => undefined });
  const until = performance.now() + redisLimitMs;
  while (redis.status() === "away" && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, redisLookEveryMs));
  const log = createRevocationLogRedis({ redis, keys: [first, ...others], clock: Date.now, onAlarm: () => undefined });
  return { log, close: () => redis.close() };
}
