// A shared tier with a span for each look into it. A hit in memory never comes here and costs nothing; nobody waits for a write, so
// it has no span.

import type { Lasting } from "../cache/memory-tier.ts";
import type { SharedTier } from "../cache/redis-tier.ts";
import type { Traces } from "./traces.ts";

/** @param summary what for, in words of ours */
export function createTracedTier<V extends Lasting>(tier: SharedTier<V>, traces: Traces | undefined, summary: string): SharedTier<V> {
  if (traces === undefined) return tier;
  const attributes = { "db.system.name": "redis", "db.query.summary": summary } as const;
  return {
    ...tier,
    get: (key) =>
      traces.child({ name: summary, kind: "client", attributes }, async ({ add }) => {
        const found = await tier.get(key);
        add({ "cambio.cache_hit": found !== undefined });
        return found;
      }),
  };
}
