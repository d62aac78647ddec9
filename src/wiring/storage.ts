// Part of the composition root: what is remembered, where. The authority for what must be used once or never again is the database
// where there is one, else Redis, else this process.

import { createCacheKeys } from "../cache/cache-key.ts";
import { keptExchanges, weighExchange } from "../cache/exchange-codec.ts";
import { createMemoryTier, type Lasting } from "../cache/memory-tier.ts";
import { createOneTimeMemory } from "../cache/one-time-memory.ts";
import { createOneTimeNames } from "../sealing/one-time-names.ts";
import { createOneTimeRedis } from "../cache/one-time-redis.ts";
import type { RedisConnection } from "../cache/redis-connection.ts";
import { createRedisTier, type KeptKind } from "../cache/redis-tier.ts";
import { createRefreshHandles } from "../cache/refresh-handles.ts";
import { createSharedFlight } from "../cache/shared-flight.ts";
import { createSharedParts } from "../cache/shared-parts.ts";
import { createTiers } from "../cache/tiers.ts";
import { createUsedAssertionsMemory } from "../cache/used-assertions-memory.ts";
import { createUsedAssertionsRedis } from "../cache/used-assertions-redis.ts";
import { createVerificationCache } from "../cache/verification-cache.ts";
import { keptVerifications, weighVerification } from "../cache/verification-codec.ts";
import type { Configuration } from "../config/schema.ts";
import type { RefreshHandles } from "../exchange/handle-ports.ts";
import type { OneTimeStore, UsedAssertions } from "../exchange/one-time-ports.ts";
import type { Revocations, UpstreamRevocations, VerificationCache } from "../exchange/ports.ts";
import type { Connections } from "../exchange/vault-ports.ts";
import type { Exchanged, ExchangeCache, SharedFlight } from "../exchange/token-exchange-ports.ts";
import { createSealer } from "../sealing/sealer.ts";
import { createHandleFamilies } from "../store/handle-families.ts";
import { sealedColumns } from "../store/sealed-columns.ts";
import { createUsedAssertions } from "../store/used-assertions.ts";
import type { OnRefreshStep } from "../vault/refresh-steps.ts";
import { createTracedTier } from "../tracing/traced-tier.ts";
import { createOnAlarm } from "./alarm.ts";
import type { EditionView, Foundations, StorageParts } from "./parts.ts";
import { redisTargetOf, wireRedis } from "./redis.ts";
import { wireRevocations } from "./revocations.ts";
import { type WiredVault, wireVault } from "./vault.ts";
import { type Signing, wireSigning } from "./signing.ts";
import { traced } from "./traced-storage.ts";

export interface Storage {
  readonly cache: VerificationCache;
  readonly exchanges: ExchangeCache;
  readonly sharedFlights: SharedFlight;
  readonly oneTime: OneTimeStore;
  readonly handles: RefreshHandles;
  /** Undefined: nothing is kept, as there is no database. */
  readonly vault: WiredVault | undefined;
  readonly revocations: Revocations;
  readonly upstreamRevocations: UpstreamRevocations;
  readonly usedAssertions: UsedAssertions;
  readonly signing: Signing;
  readonly redis: RedisConnection | undefined;
  /** `process`, `none`: not configured. */
  readonly status: () => { readonly redis: "ready" | "away" | "process"; readonly database: "ready" | "away" | "none" };
  /** Begins to follow what is revoked, and to keep signing keys. @throws SigningStartError */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function wireStorage(
  configuration: Configuration,
  { keys, ...observers }: Foundations,
  edition: EditionView,
  onRefreshStep?: OnRefreshStep,
): Promise<Storage> {
  const { clock, log, metrics } = observers;
  const onAlarm = createOnAlarm(observers);
  const redisTarget = configuration.redis === undefined ? undefined : await redisTargetOf(configuration.redis);
  const wired = configuration.database === undefined ? undefined : await openStore(configuration.database, log);
  const redis = redisTarget === undefined ? undefined : wireRedis(redisTarget, { log, isAuthority: configuration.database === undefined });
  const parts: StorageParts = { ...observers, configuration, keys, redis, redisTarget, database: wired?.database, onAlarm, ...edition };
  const followed = wireRevocations(parts);
  const signing = wireSigning(parts);
  const vault = wired === undefined ? undefined : wireVault({ ...parts, upstream: followed.upstream }, wired.database, onRefreshStep);
  const sweeper =
    wired === undefined
      ? undefined
      : wired.createSweeper({
          database: wired.database,
          clock,
          onFailure: () => log.warn({}, "what is expired could not be removed from the database"),
        });
  const share = createSharedParts();
  const shareExchanged = (exchanged: Exchanged): Exchanged => ({ ...exchanged, verification: share(exchanged.verification) });
  return {
    cache: createVerificationCache({
      keyOf: createCacheKeys(keys[0]),
      ...tiersOf(parts, { kind: keptVerifications, purpose: "verification", weigh: weighVerification, share }),
      onHit: (tier) => metrics.cacheHit("verification", tier),
      onMiss: () => metrics.cacheMiss("verification"),
    }),
    exchanges: createTiers({
      ...tiersOf(parts, { kind: keptExchanges, purpose: "exchange", weigh: weighExchange, share: shareExchanged }),
      onHit: (tier) => metrics.cacheHit("exchange", tier),
      onMiss: () => metrics.cacheMiss("exchange"),
    }),
    sharedFlights: createSharedFlight(redis),
    ...traced(
      {
        oneTime: oneTimeOf(parts, wired),
        handles: handlesOf(parts, followed.revocations, vault?.connections),
        revocations: followed.revocations,
        upstreamRevocations: followed.upstream,
      },
      parts,
    ),
    usedAssertions: usedAssertionsOf(parts),
    vault,
    signing,
    redis,
    status: () => ({ redis: redis?.status() ?? "process", database: wired?.status() ?? "none" }),
    async start() {
      await signing.start();
      await vault?.start();
      await followed.start();
      sweeper?.start();
    },
    async close() {
      await vault?.close();
      await signing.close();
      await sweeper?.close();
      await followed.close();
      await redis?.close();
      await wired?.database.close();
    },
  };
}

interface Kept<V> {
  readonly kind: KeptKind<V>;
  /** What it is sealed for. */
  readonly purpose: string;
  readonly weigh: (value: V) => number;
  readonly share: (value: V) => V;
}

function tiersOf<V extends Lasting>({ keys, redis, clock, onAlarm, traces }: StorageParts, { kind, purpose, weigh, share }: Kept<V>) {
  const memory = createMemoryTier<V>(clock, weigh, { share });
  if (redis === undefined) return { memory, clock };
  const tier = createRedisTier({ redis, sealer: createSealer(keys, purpose), kind, clock, onAlarm });
  return { memory, clock, shared: createTracedTier(tier, traces, `get ${purpose}`) };
}

/** With its modules: a fifth of all there are, of no use where there is no database. */
async function openStore(settings: NonNullable<Configuration["database"]>, log: Foundations["log"]) {
  const [{ wireDatabase }, { createOneTimeStore }, { createSweeper }] = await Promise.all([
    import("./database.ts"),
    import("../store/one-time-store.ts"),
    import("../store/sweeper.ts"),
  ]);
  return { ...(await wireDatabase(settings, log)), createOneTimeStore, createSweeper };
}

type Store = Awaited<ReturnType<typeof openStore>>;

function oneTimeOf({ keys, redis, clock, onAlarm }: StorageParts, store: Store | undefined): OneTimeStore {
  const names = createOneTimeNames(keys);
  if (store !== undefined) {
    const { database } = store;
    return store.createOneTimeStore({ database, names, sealer: createSealer(keys, sealedColumns.pendingState.purpose), clock, onAlarm });
  }
  return redis === undefined
    ? createOneTimeMemory({ names, clock })
    : createOneTimeRedis({ redis, names, sealer: createSealer(keys, "pending-state"), onAlarm });
}

function usedAssertionsOf({ keys, redis, database, clock }: StorageParts): UsedAssertions {
  const names = createOneTimeNames(keys);
  if (database !== undefined) return createUsedAssertions({ database, names, clock });
  return redis === undefined ? createUsedAssertionsMemory({ names, clock }) : createUsedAssertionsRedis({ redis, names, clock });
}

function handlesOf(parts: StorageParts, revocations: Revocations, connections: Connections | undefined): RefreshHandles {
  const { configuration, keys, database, clock, onAlarm } = parts;
  if (database === undefined || configuration.database === undefined || connections === undefined)
    return createRefreshHandles(createSealer(keys, "refresh-handle"), clock);
  return createHandleFamilies(
    {
      database,
      keys,
      clock,
      onAlarm,
      connections,
      revokeTokens: async (tokens) => {
        for (const token of tokens) await revocations.revoke(token);
      },
    },
    { idleMs: configuration.database.handle_idle },
  );
}
