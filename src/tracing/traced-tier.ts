// The shared tier of the verification cache with a span for each look into it. A hit in memory never comes here, and costs nothing;
// nobody waits for a write.

import type { SharedTier } from "../cache/redis-tier.ts";
import type { Traces } from "./traces.ts";

const looking = {
  name: "get verification",
  kind: "client",
  attributes: { "db.system.name": "redis", "db.query.summary": "get verification" },
} as const;

export function createTracedTier(tier: SharedTier, traces: Traces | undefined): SharedTier {
  if (traces === undefined) return tier;
  return {
    ...tier,
    get: (key) =>
      traces.child(looking, async ({ add }) => {
        const found = await tier.get(key);
        add({ "cambio.cache_hit": found !== undefined });
        return found;
      }),
  };
}
