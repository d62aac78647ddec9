// Part of the composition root: which log of revocations is the authority, and that log for a command that runs beside the replicas
// and writes what they follow. How replicas follow it is revocations.ts.

import { createRevocationLogRedis } from "../cache/revocation-log-redis.ts";
import { createRedis } from "../cache/redis-connection.ts";
import type { Configuration } from "../config/schema.ts";
import type { RevocationLog } from "../exchange/revocation-ports.ts";
import { canRevoke } from "../policy/compile.ts";
import { createRevocationLog } from "../store/revocation-log.ts";
import { redisTargetOf } from "./redis.ts";

/** How long a command waits for Redis. */
const redisLimitMs = 3_000;
const redisLookEveryMs = 20;

export interface OpenedRevocationLog {
  readonly log: RevocationLog;
  close(): Promise<void>;
}

export type RevocationAuthority = "database" | "redis" | "process";

/** `process`: each replica keeps revocations for itself, and there should be one replica only. */
export function authorityOf(configuration: Pick<Configuration, "database" | "redis" | "clients">): RevocationAuthority {
  if (configuration.database !== undefined) return "database";
  // Who has Redis for its cache alone must not depend on it for revocations that nobody can make.
  return configuration.redis !== undefined && canRevoke(configuration) ? "redis" : "process";
}

/**
 * The authority's. Undefined: replicas have nothing in common, each keeps revocations in its process.
 * @throws what `openDatabase` throws
 */
export async function openRevocationLog(configuration: Configuration): Promise<OpenedRevocationLog | undefined> {
  const { database: settings, redis: redisAt, sealing } = configuration;
  const authority = authorityOf(configuration);
  if (authority === "database" && settings !== undefined) {
    const { openDatabase } = await import("../store/open-database.ts");
    const database = openDatabase(settings.location);
    return { log: createRevocationLog(database), close: () => database.close() };
  }
  const [first, ...others] = sealing?.keys ?? [];
  // An entry that is sealed under a key of this command's own would be unreadable, and stop every replica.
  if (authority !== "redis" || redisAt === undefined || first === undefined) return undefined;
  const redis = createRedis(await redisTargetOf(redisAt), { log: () => undefined });
  const until = performance.now() + redisLimitMs;
  while (redis.status() === "away" && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, redisLookEveryMs));
  const log = createRevocationLogRedis({ redis, keys: [first, ...others], clock: Date.now, onAlarm: () => undefined });
  return { log, close: () => redis.close() };
}
