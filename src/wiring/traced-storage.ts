// Part of the composition root: which of what is remembered is asked outside of this process, and traced for that.

import type { RefreshHandles } from "../exchange/handle-ports.ts";
import type { OneTimeStore } from "../exchange/one-time-ports.ts";
import type { Revocations, UpstreamRevocations } from "../exchange/ports.ts";
import {
  createTracedHandles,
  createTracedOneTimeStore,
  createTracedRevocations,
  createTracedUpstreamRevocations,
} from "../tracing/traced-stores.ts";
import type { DatabaseSystem } from "../tracing/traces.ts";
import type { StorageParts } from "./parts.ts";
import { authorityOf } from "./revocation-log.ts";

interface Remembered {
  readonly oneTime: OneTimeStore;
  readonly handles: RefreshHandles;
  readonly revocations: Revocations;
  readonly upstreamRevocations: UpstreamRevocations;
}

export function traced(remembered: Remembered, parts: StorageParts): Remembered {
  const { traces, configuration, redis } = parts;
  if (traces === undefined) return remembered;
  const { oneTime, handles, revocations, upstreamRevocations } = remembered;
  const database = databaseOf(parts);
  const oneTimeAt = database ?? (redis === undefined ? undefined : "redis");
  const revokedAt = authorityOf(configuration) === "redis" ? "redis" : database;
  return {
    oneTime: oneTimeAt === undefined ? oneTime : createTracedOneTimeStore(oneTime, { traces, system: oneTimeAt }),
    handles: database === undefined ? handles : createTracedHandles(handles, { traces, system: database }),
    revocations: revokedAt === undefined ? revocations : createTracedRevocations(revocations, { traces, system: revokedAt }),
    upstreamRevocations: createTracedUpstreamRevocations(upstreamRevocations, traces),
  };
}

function databaseOf({ configuration: { database } }: StorageParts): DatabaseSystem | undefined {
  if (database === undefined) return undefined;
  return database.location.kind === "postgres" ? "postgresql" : "sqlite";
}
