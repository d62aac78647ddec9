// Part of the composition root: how much is taken from whom, counted here and settled with the other replicas through Redis; and the
// places, of which each replica has its own.

import { randomBytes } from "node:crypto";
import type { RedisConnection } from "../cache/redis-connection.ts";
import { createSharedCountsRedis } from "../cache/shared-counts-redis.ts";
import type { Configuration } from "../config/schema.ts";
import type { Method } from "../exchange/clients.ts";
import type { Clock, FailureBudget, ProviderPlaces } from "../exchange/ports.ts";
import { createConcurrency } from "../limits/concurrency.ts";
import { createProviderPlaces } from "../limits/provider-places.ts";
import { createLimits, type LimitSettings } from "../limits/limits.ts";
import type { CallerLimits } from "../rpc/caller.ts";
import type { MasterKey } from "../sealing/master-keys.ts";

export interface Limiting {
  readonly callers: CallerLimits;
  readonly budget: FailureBudget;
  readonly takePlace: (method: Method) => () => void;
  readonly places: ProviderPlaces;
  /** Counts a call that ended without a known caller. */
  readonly countUnproven: (address: string) => void;
  close(): Promise<void>;
}

export interface LimitingParts {
  readonly clock: Clock;
  readonly redis: RedisConnection | undefined;
  /** It is a Cluster. */
  readonly perSlot: boolean;
  readonly firstKey: MasterKey;
}

/** Random bytes that name this replica among those that count, for as long as it runs. */
const replicaBytes = 16;

/** @param configuration asked for every call: it may have been reloaded */
export function wireLimits(configuration: () => Configuration, { clock, redis, perSlot, firstKey }: LimitingParts): Limiting {
  const replica = randomBytes(replicaBytes);
  const shared = redis === undefined ? undefined : createSharedCountsRedis({ redis, first: firstKey, replica, perSlot });
  const { callers, budget, settlement } = createLimits({ clock, shared, settings: remembered(configuration, settingsOf) });
  settlement.start();
  return {
    callers,
    budget,
    countUnproven: (address) => callers.countUnproven(address),
    takePlace: createConcurrency(() => configuration().limits.concurrent_calls),
    places: createProviderPlaces(() => configuration().limits.concurrent_calls),
    close: () => settlement.close(),
  };
}

function settingsOf({ limits, clients }: Configuration): LimitSettings {
  const own = Object.entries(clients).flatMap(([id, { rate_limit: limit }]) => (limit === undefined ? [] : [[id, limit] as const]));
  return {
    services: limits.services,
    publicClients: limits.public_clients,
    addresses: limits.addresses,
    clientFailures: limits.client_failures,
    addressFailures: limits.address_failures,
    providerFailures: limits.provider_failures,
    ofClient: new Map(own),
  };
}

/** Made once per configuration, not per call. */
function remembered<I, O>(input: () => I, make: (input: I) => O): () => O {
  let last: { readonly from: I; readonly made: O } | undefined;
  return () => {
    const from = input();
    if (last === undefined || last.from !== from) last = { from, made: make(from) };
    return last.made;
  };
}
