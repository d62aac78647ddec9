// Part of the composition root: the shapes that its files hand to each other, and the keys under which everything is sealed. Keys
// that are not configured are made here and end with the process.

import { createSecretKey, randomBytes } from "node:crypto";
import type { RedisConnection } from "../cache/redis-connection.ts";
import type { RedisTarget } from "../cache/redis-target.ts";
import type { Configuration } from "../config/schema.ts";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import type { Audit, Clock } from "../exchange/ports.ts";
import type { Provider } from "../exchange/provider-ports.ts";
import { type MasterKey, masterKeyBytes } from "../sealing/master-keys.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { Database } from "../store/database.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Traces } from "../tracing/traces.ts";
import type { Sender } from "../vault/provider-keeper.ts";

export interface Observers {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly audit: Audit;
  /** Absent: none are made. */
  readonly traces?: Traces | undefined;
}

/** Master keys: the first seals and names, all of them open. */
export type Keys = readonly [MasterKey, ...MasterKey[]];

export interface Foundations extends Observers {
  readonly keys: Keys;
}

/** What storage asks of the edition in force. */
export interface EditionView {
  /** By configured name. */
  readonly provider: (name: string) => Provider | undefined;
  /** Milliseconds: the longest that a refresh takes upstream, in any edition that may still have one under way. */
  readonly upstreamLimitMs: () => number;
  /** How long before it expires a kept access token is refreshed; undefined: there is no such provider. */
  readonly refreshAheadMs: (provider: string) => number | undefined;
  /** By configured name; undefined: there is no such provider. */
  readonly issuerOf: (provider: string) => string | undefined;
  /** Names of providers whose connections are refreshed in the background, and how. Absent: none are. */
  readonly background?: { readonly providers: () => readonly string[]; readonly senderOf: (provider: string) => Sender | undefined };
  /** By which it signs, beside the one for audiences that name none. Absent: by no other. */
  readonly signingAlgorithms?: () => readonly SigningAlgorithm[];
}

/** What the parts of storage are made of. */
export interface StorageParts extends Observers, EditionView {
  readonly configuration: Configuration;
  readonly keys: Keys;
  readonly redis: RedisConnection | undefined;
  /** Where that connection leads, for one more that listens. */
  readonly redisTarget: RedisTarget | undefined;
  readonly database: Database | undefined;
  readonly onAlarm: OnAlarm;
}

/** The configured ones, or one that ends with this process. */
export function keysOf({ sealing }: Pick<Configuration, "sealing">): Keys {
  const [first = freshKey(), ...others] = sealing?.keys ?? [];
  return [first, ...others];
}

function freshKey(): MasterKey {
  return { id: "process", key: createSecretKey(randomBytes(masterKeyBytes)) };
}
