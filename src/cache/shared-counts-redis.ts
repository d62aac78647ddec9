// Counts that replicas share in Redis: per key and window a hash with each replica's own count and their total. A count is told
// as an absolute number, so a batch that arrives twice, late, or after its sender gave up on it counts once. It owns names, script
// and expiry; what is counted and when it is settled is limits/. Names are keyed hashes: addresses are in the keys.

import { createHmac } from "node:crypto";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";
import { lengthPrefixed } from "../sealing/length-prefix.ts";
import type { RedisConnection } from "./redis-connection.ts";

const prefix = "cambio:v1:count:";

/**
 * ARGV: who counts; then for each of KEYS its count and the life of the key in ms. A count only ever grows, and every write sets
 * an expiry. A count of 0 only asks.
 */
const settleScript = `
local totals = {}
for i, name in ipairs(KEYS) do
  local count = tonumber(ARGV[2 * i])
  local before = tonumber(redis.call('HGET', name, ARGV[1]) or 0)
  if count > before then
    redis.call('HSET', name, ARGV[1], count)
    redis.call('HINCRBY', name, 'total', count - before)
    redis.call('PEXPIRE', name, ARGV[2 * i + 1])
  end
  totals[i] = tonumber(redis.call('HGET', name, 'total') or 0)
end
return totals`;

export interface ReplicaCount {
  readonly key: string;
  readonly window: number;
  /** Of this replica, since the window began. */
  readonly count: number;
  readonly lifeMs: number;
}

export interface SharedCountsParts {
  readonly redis: RedisConnection;
  /** While keys rotate, replicas that disagree on the first count apart, each side within the limits. */
  readonly first: MasterKey;
  /** Name of this replica for as long as it runs: 16 random bytes or more, so that no other has it, nor one that ran before. */
  readonly replica: Uint8Array;
}

export function createSharedCountsRedis({ redis, first, replica }: SharedCountsParts) {
  const hashKey = deriveKey(first, "cambio/v1/count-key");
  const self = Buffer.from(replica).toString("base64url");
  const nameOf = ({ key, window }: ReplicaCount) =>
    prefix +
    createHmac("sha256", hashKey)
      .update(lengthPrefixed([key, String(window)]))
      .digest("base64url");

  return {
    /** @returns the totals, in the order of `own`. @throws RedisFailure; Error where the answer is none of ours */
    async settle(own: readonly ReplicaCount[]): Promise<readonly number[]> {
      const answer = await redis.run((client) =>
        client.eval(settleScript, own.length, ...own.map(nameOf), self, ...own.flatMap(({ count, lifeMs }) => [count, lifeMs])),
      );
      if (!isTotals(answer, own.length)) throw new Error("counts in Redis are not numbers");
      return answer;
    },
  };
}

function isTotals(answer: unknown, length: number): answer is readonly number[] {
  return Array.isArray(answer) && answer.length === length && answer.every((total) => Number.isSafeInteger(total) && total >= 0);
}
