// The shared tier: verifications in Redis, sealed, each with its expiry in the command that sets it. Redis is a place to keep
// bytes, not an authority: a value counts only if this service sealed it, for this very key, for a time that has not passed.

import type { Verification } from "../exchange/claims.ts";
import { type Clock, verificationLifetimeMs } from "../exchange/ports.ts";
import type { RedisConnection } from "./redis-connection.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import { decodeVerification, encodeVerification } from "./verification-codec.ts";

const prefix = "cambio:v1:ver:";
/** How far the clocks of two replicas may lie apart before a value looks forged or replayed. */
const clockToleranceMs = 30_000;
/** Sealed claims of a 16 KiB token fit; longer values are not read into memory, whoever wrote them. */
const maxValueBytes = 32 * 1024;
/** Writes that nobody waits for. Above this they are dropped: the next miss writes again. */
const maxWritesInFlight = 256;

export interface SharedTier {
  /** Undefined: not there, not believed, or Redis is away. Never throws. */
  get(key: string): Promise<Verification | undefined>;
  /** Returns at once; whether it was written is not told. */
  put(key: string, verification: Verification): void;
}

export interface RedisTierParts {
  readonly redis: RedisConnection;
  /** Purpose `verification`. */
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
}

export function createRedisTier({ redis, sealer, clock, onAlarm }: RedisTierParts): SharedTier {
  let writes = 0;

  function believe(key: string, sealed: Buffer): Verification | undefined {
    const opened = sealed.length > maxValueBytes ? undefined : sealer.open(sealed, [key]);
    const verification = opened === undefined ? undefined : decodeVerification(key, opened);
    if (verification === undefined) {
      onAlarm({ kind: "unreadable", store: "verifications" });
      return undefined;
    }
    const left = verification.validUntilMs - clock();
    // Redis drops a value when its time is over: one that is long past it was put back, one far ahead was never ours.
    if (left > verificationLifetimeMs + clockToleranceMs || left < -clockToleranceMs)
      onAlarm({ kind: "implausible", store: "verifications" });
    return left > 0 && left <= verificationLifetimeMs + clockToleranceMs ? verification : undefined;
  }

  return {
    async get(key) {
      let sealed: Buffer;
      try {
        // GETRANGE bounds what is read; an absent key reads as empty.
        sealed = await redis.run((client) => client.getrangeBuffer(prefix + key, 0, maxValueBytes));
      } catch {
        return undefined;
      }
      return sealed.length === 0 ? undefined : believe(key, sealed);
    },
    put(key, verification) {
      const left = Math.floor(verification.validUntilMs - clock());
      if (left <= 0 || left > verificationLifetimeMs || writes >= maxWritesInFlight || redis.status() === "away") return;
      const sealed = Buffer.from(sealer.seal(encodeVerification(key, verification), [key]));
      if (sealed.length > maxValueBytes) return;
      writes += 1;
      const settled = () => {
        writes -= 1;
      };
      redis.run((client) => client.set(prefix + key, sealed, "PX", left)).then(settled, settled);
    },
  };
}
