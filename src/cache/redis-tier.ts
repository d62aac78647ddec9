// The shared tier: what was decided, in Redis, sealed, each with its expiry in the command that sets it. Redis is a place to keep
// bytes, not an authority: a value counts only if this service sealed it, for this very key, for a time that has not passed.

import { type Clock, verificationLifetimeMs } from "../exchange/ports.ts";
import type { RedisConnection } from "./redis-connection.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { OnAlarm, TamperAlarm } from "../sealing/tamper-alarm.ts";
import type { Lasting } from "./memory-tier.ts";

/** How far the clocks of two replicas may lie apart before a value looks forged or replayed. */
const clockToleranceMs = 30_000;
/** Writes that nobody waits for. Above this they are dropped: the next miss writes again. */
const maxWritesInFlight = 256;

export interface SharedTier<V extends Lasting> {
  /** Undefined: not there, not believed, or Redis is away. Never throws. */
  get(key: string): Promise<V | undefined>;
  /** Resolves when it was written or given up; never rejects. */
  put(key: string, value: V): Promise<void>;
}

/** One kind of value: where it is kept, and how it becomes bytes. */
export interface KeptKind<V> {
  readonly prefix: string;
  /** Sealed; longer ones are not read into memory, whoever wrote them. */
  readonly maxBytes: number;
  /** For alarms. */
  readonly store: TamperAlarm["store"];
  readonly encode: (key: string, value: V) => Uint8Array;
  /** Undefined: not such bytes, or made for another key. */
  readonly decode: (key: string, bytes: Uint8Array) => V | undefined;
}

export interface RedisTierParts<V> {
  readonly redis: RedisConnection;
  /** Of a purpose of its own for each kind. */
  readonly sealer: Sealer;
  readonly kind: KeptKind<V>;
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
}

export function createRedisTier<V extends Lasting>({ redis, sealer, kind, clock, onAlarm }: RedisTierParts<V>): SharedTier<V> {
  const { prefix, maxBytes, store } = kind;
  let writes = 0;

  function believe(key: string, sealed: Buffer): V | undefined {
    const opened = sealed.length > maxBytes ? undefined : sealer.open(sealed, [key]);
    const value = opened === undefined ? undefined : kind.decode(key, opened);
    if (value === undefined) {
      onAlarm({ kind: "unreadable", store });
      return undefined;
    }
    const left = value.validUntilMs - clock();
    // Redis drops a value when its time is over: one that is long past it was put back, one far ahead was never ours.
    if (left > verificationLifetimeMs + clockToleranceMs || left < -clockToleranceMs) onAlarm({ kind: "implausible", store });
    return left > 0 && left <= verificationLifetimeMs + clockToleranceMs ? value : undefined;
  }

  return {
    async get(key) {
      let sealed: unknown;
      try {
        // GETRANGE bounds what is read; an absent key reads as empty.
        sealed = await redis.run((client) => client.getrangeBuffer(prefix + key, 0, maxBytes));
      } catch {
        return undefined;
      }
      // Whatever stands there in place of Redis need not answer with bytes.
      return Buffer.isBuffer(sealed) && sealed.length > 0 ? believe(key, sealed) : undefined;
    },
    async put(key, value) {
      const left = Math.floor(value.validUntilMs - clock());
      if (left <= 0 || left > verificationLifetimeMs || writes >= maxWritesInFlight || redis.status() === "away") return;
      const sealed = Buffer.from(sealer.seal(kind.encode(key, value), [key]));
      if (sealed.length > maxBytes) return;
      writes += 1;
      try {
        await redis.run((client) => client.set(prefix + key, sealed, "PX", left));
      } catch {
        // Not kept: the next miss asks again.
      } finally {
        writes -= 1;
      }
    },
  };
}
