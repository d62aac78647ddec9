// Whether a Redis may throw away what it was told to remember. For cached verifications that is welcome; a used code that is
// thrown away could be used again.

import { Cluster } from "ioredis";
import type { RedisConnection } from "./redis-connection.ts";
import type { RedisClient } from "./redis-line.ts";

type Eviction = "keeps" | "evicts" | "unknown";

/** Of a Cluster all servers are asked, as any may be a master tomorrow. `unknown`: one does not say (managed services often do not). */
export async function evictionOf(redis: RedisConnection): Promise<Eviction> {
  try {
    const found = await redis.run((client) => Promise.all((client instanceof Cluster ? client.nodes() : [client]).map(policyOf)));
    if (found.includes("evicts")) return "evicts";
    return found.includes("unknown") ? "unknown" : "keeps";
  } catch {
    return "unknown";
  }
}

async function policyOf(client: RedisClient): Promise<Eviction> {
  const answer = await client.config("GET", "maxmemory-policy").catch(() => undefined);
  const policy: unknown = Array.isArray(answer) ? answer[1] : undefined;
  if (typeof policy !== "string") return "unknown";
  return policy === "noeviction" ? "keeps" : "evicts";
}
