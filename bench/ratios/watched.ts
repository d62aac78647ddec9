// A series of Cambio that is held against the service's own counters in each round, so that it is what its name says; and what it asks of
// Redis meanwhile.

import type { RedisServer } from "../../test/support/redis-server.ts";
import type { Series } from "./series.ts";
import type { ServedCambio } from "./served-cambio.ts";

/** A remembered token is over after a minute, and then some calls miss. */
const fromElsewhere = 0.02;

/** @param tier where its answers come from; none: they are not remembered yet */
export function watched(cambio: ServedCambio, tier: "memory" | "redis" | "none", series: Series): Series {
  return {
    ...series,
    async play() {
      const before = await cambio.metrics();
      const burst = await series.play();
      const after = await cambio.metrics();
      const memory = after.lookups.memory - before.lookups.memory;
      const redis = after.lookups.redis - before.lookups.redis;
      // A token of Cambio's own that is not remembered is not looked for any further, and counts as none of these.
      const found = { memory, redis, none: burst.calls - memory - redis }[tier];
      if (found < burst.calls * (1 - fromElsewhere)) {
        throw new Error(`${series.name}: of ${burst.calls} calls only ${found} were answered from there`);
      }
      return burst;
    },
  };
}

export interface Counted {
  readonly series: Series;
  /** What Redis was asked for each call so far. */
  commandsPerCall(): number;
}

export function countingRedis(redis: RedisServer, series: Series): Counted {
  const raw = redis.raw();
  let [commands, calls] = [0, 0];
  return {
    series: {
      ...series,
      async play() {
        const before = valueCommandsOf(await raw.info("commandstats"));
        const burst = await series.play();
        commands += valueCommandsOf(await raw.info("commandstats")) - before;
        calls += burst.calls;
        return burst;
      },
    },
    commandsPerCall: () => commands / calls,
  };
}

/** What the background does there are scripts. */
function valueCommandsOf(info: string): number {
  const counts = [...info.matchAll(/^cmdstat_(?:get|getrange|mget|set):calls=(\d+)/gm)];
  return counts.reduce((sum, [, calls]) => sum + Number(calls), 0);
}
