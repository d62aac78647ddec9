// Used codes and pending states in Redis: the authority for all replicas where there is no database. When Redis cannot tell, the
// answer is STORE_UNAVAILABLE, never a guess; a claim that may or may not have been made is undone in the background.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type CodeClaim, type OneTimeStore, oneTimeLifetimeMs } from "../exchange/one-time-ports.ts";
import { createUncertainClaims } from "../exchange/uncertain-claims.ts";
import type { OneTimeNames } from "../sealing/one-time-names.ts";
import { claimScript, releaseScript, takeScript } from "./one-time-scripts.ts";
import { decodePendingState, encodePendingState, maxStateBytes } from "../sealing/pending-state-codec.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { RedisFailure } from "./redis-failure.ts";
import { rethrowUnavailable } from "./unavailable.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";

const nonceBytes = 16;

export interface OneTimeRedisParts {
  readonly redis: RedisConnection;
  readonly names: OneTimeNames;
  /** Purpose `pending-state`. */
  readonly sealer: Sealer;
  readonly onAlarm: OnAlarm;
  readonly random?: (size: number) => Uint8Array;
  /** Waits between attempts to undo a claim; rejects when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export function createOneTimeRedis(parts: OneTimeRedisParts): OneTimeStore {
  const { redis, names, sealer, onAlarm } = parts;
  const random = parts.random ?? randomBytes;
  const wait = parts.wait ?? ((ms, signal) => sleep(ms, undefined, { signal, ref: false }));
  const uncertain = createUncertainClaims((ms) => wait(ms, redis.closed));

  async function release(keys: readonly string[], nonce: string): Promise<boolean> {
    return (await redis.run((client) => client.eval(releaseScript, keys.length, ...keys, nonce))) !== 0;
  }

  function claimOf(keys: readonly string[], nonce: string): CodeClaim {
    return {
      async release() {
        await release(keys, nonce).catch(() => uncertain.undo(() => release(keys, nonce)));
      },
    };
  }

  return {
    async claimCode(provider, code) {
      const keys = names.ofCode(provider, code);
      const nonce = Buffer.from(random(nonceBytes)).toString("base64url");
      try {
        const claimed = await redis.run((client) => client.eval(claimScript, keys.length, ...keys, nonce, oneTimeLifetimeMs));
        return claimed === 1 ? claimOf(keys, nonce) : undefined;
      } catch (error) {
        if (!(error instanceof RedisFailure) || error.outcome === "unknown") uncertain.undo(() => release(keys, nonce));
        return rethrowUnavailable(error);
      }
    },
    async keepState(state, pending) {
      const [name] = names.ofState(state);
      const sealed = Buffer.from(sealer.seal(encodePendingState(pending), [state]));
      if (sealed.length > maxStateBytes) throw new Error("a pending state is larger than its bound");
      await redis.run((client) => client.set(name, sealed, "PX", oneTimeLifetimeMs)).catch(rethrowUnavailable);
    },
    async takeState(state) {
      const keys = names.ofState(state);
      const taken = await redis
        .run((client) => client.callBuffer("EVAL", takeScript, keys.length, ...keys, maxStateBytes))
        .catch(rethrowUnavailable);
      if (!Buffer.isBuffer(taken)) return undefined;
      const opened = sealer.open(taken, [state]);
      const pending = opened === undefined ? undefined : decodePendingState(opened);
      if (pending === undefined) onAlarm({ kind: "unreadable", store: "states" });
      return pending;
    },
  };
}
