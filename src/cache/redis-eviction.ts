// Whether a Redis may throw away what it was told to remember. For cached verifications that is welcome; a used code that is
// thrown away could be used again.

import type { RedisConnection } from "./redis-connection.ts";

/** `unknown`: it does not say (managed services often do not). */
export async function evictionOf(redis: RedisConnection): Promise<"keeps" | "evicts" | "unknown"> {
  try {
    const answer = await redis.run((client) => client.config("GET", "maxmemory-policy"));
    const policy = Array.isArray(answer) ? answer[1] : undefined;
    if (typeof policy !== "string") return "unknown";
    return policy === "noeviction" ? "keeps" : "evicts";
  } catch {
    return "unknown";
  }
}
