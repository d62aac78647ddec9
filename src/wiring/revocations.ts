// Part of the composition root: where revocations are kept, how replicas follow them, and how providers are told. The authority is
// the database; without one Redis, which a flush empties; without either this process, which is then the only replica.

import { createRevocationAnnouncements } from "../cache/revocation-announcements.ts";
import { createRevocationLogMemory } from "../cache/revocation-log-memory.ts";
import { createRevocationLogRedis } from "../cache/revocation-log-redis.ts";
import { createRevocations } from "../cache/revocations.ts";
import { createUpstreamRevocationsMemory } from "../cache/upstream-revocations-memory.ts";
import type { Revocations, UpstreamRevocations } from "../exchange/ports.ts";
import type { RevocationLog, TellingQueue } from "../exchange/revocation-ports.ts";
import { waitBriefly } from "../exchange/waiting.ts";
import { createTelling, type TellingEvent } from "../providers/telling.ts";
import { createSealer } from "../sealing/sealer.ts";
import { createTellingNames } from "../sealing/telling-names.ts";
import { createRevocationLog } from "../store/revocation-log.ts";
import { sealedColumns } from "../store/sealed-columns.ts";
import { createUpstreamRevocationQueue } from "../store/upstream-revocations.ts";
import { circumstanceFields } from "../telemetry/circumstances.ts";
import type { Log } from "../telemetry/log.ts";
import type { StorageParts } from "./parts.ts";
import { authorityOf } from "./revocation-log.ts";

/** A connection takes some milliseconds; who is away is not waited for any longer. */
const firstReadMs = 1_000;

export interface WiredRevocations {
  readonly revocations: Revocations;
  readonly upstream: UpstreamRevocations;
  /** Begins to follow and to tell. Resolves after the first read, or within a second without one. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function wireRevocations(parts: StorageParts): WiredRevocations {
  const { configuration, clock, log, provider } = parts;
  const announcements = announcementsOf(parts);
  const shared = sharedLog(parts);
  const firstKnown = Promise.withResolvers<void>();
  const followed = createRevocations({
    log: shared ?? createRevocationLogMemory({ clock }),
    announcements,
    clock,
    lagMs: shared === undefined ? Infinity : configuration.revocation_lag,
    onState: (state) => {
      if (state === "fresh") firstKnown.resolve();
      if (state === "fresh") log.info({}, "revocations are followed");
      else log.warn({}, "revocations are not known here, or too old: no token is accepted until they are");
    },
  });
  const telling = createTelling({
    queue: queueOf(parts),
    provider,
    clock,
    random: Math.random,
    onEvent: (event) => logTelling(log, event),
  });
  return {
    revocations: followed,
    upstream: telling,
    async start() {
      await followed.start();
      // A connection that is just being made is waited for, so that the first calls need not be refused.
      await waitBriefly(firstKnown.promise, firstReadMs);
      telling.start();
    },
    async close() {
      await telling.close();
      await followed.close();
      await announcements?.close();
    },
  };
}

/** Undefined: there is nobody to follow. */
function sharedLog({ configuration, database, redis, keys, clock, onAlarm }: StorageParts): RevocationLog | undefined {
  const authority = authorityOf(configuration);
  if (authority === "database" && database !== undefined) return createRevocationLog(database);
  if (authority === "redis" && redis !== undefined) return createRevocationLogRedis({ redis, keys, clock, onAlarm });
  return undefined;
}

/** Over a Redis that is itself the authority there is nothing to hear that is not read there just as soon. */
function announcementsOf({ database, redis, redisTarget: target, keys, clock, onAlarm }: StorageParts) {
  if (database === undefined || redis === undefined || target === undefined) return undefined;
  const sealer = createSealer(keys, "revocation-announcement");
  return createRevocationAnnouncements({ redis, target, sealer, clock, onAlarm });
}

function queueOf({ database, keys, clock, onAlarm }: StorageParts): TellingQueue {
  const nameOf = createTellingNames(keys[0]);
  if (database === undefined) return createUpstreamRevocationsMemory({ nameOf, clock });
  const sealer = createSealer(keys, sealedColumns.upstreamToken.purpose);
  return createUpstreamRevocationQueue({
    database,
    sealer,
    nameOf,
    clock,
    onAlarm: () => onAlarm({ kind: "unreadable", store: "revocations" }),
  });
}

function logTelling(log: Log, event: TellingEvent): void {
  if (event.kind === "expired")
    log.warn({ count: event.count }, "revoked tokens waited too long for their provider: it is not told any more");
  else if (event.kind === "no_endpoint") log.info({ provider: event.provider }, "the provider has no revocation endpoint: it is not told");
  else log.warn({ provider: event.provider, ...circumstanceFields(event.failure) }, "the provider refuses to hear that a token is revoked");
}
