// Counts that replicas share in Redis: per key and window a hash with each replica's own count and their total. A count is told
// as an absolute number, so a batch that arrives twice, late, or after its sender gave up on it counts once. It owns names, script
// and expiry; what is counted and when it is settled is limits/. Names are keyed hashes: addresses are in the keys.

import { createHmac } from "node:crypto";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";
import { lengthPrefixed } from "../sealing/length-prefix.ts";
import type { RedisConnection } from "./redis-connection.ts";

const prefix = "cambio:v1:count:";
/** What stands in braces decides the slot in a Redis Cluster: so many commands at most for one settlement, and servers that share it. */
const tags = 16;

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
  /** In a Cluster: what goes into one command shares a slot. Elsewhere one command takes all. */
  readonly perSlot?: boolean;
}

export function createSharedCountsRedis({ redis, first, replica, perSlot = false }: SharedCountsParts) {
  const hashKey = deriveKey(first, "cambio/v1/count-key");
  const self = Buffer.from(replica).toString("base64url");

  function nameOf({ key, window }: ReplicaCount): string {
    const digest = createHmac("sha256", hashKey)
      .update(lengthPrefixed([key, String(window)]))
      .digest();
    return `${prefix}{${(digest.readUInt8(0) % tags).toString(16)}}:${digest.toString("base64url")}`;
  }

  async function settleTogether(named: readonly NamedCount[]): Promise<readonly number[]> {
    const names = named.map(({ name }) => name);
    const answer = await redis.run((client) =>
      client.eval(settleScript, names.length, ...names, self, ...named.flatMap(({ count, lifeMs }) => [count, lifeMs])),
    );
    if (!isTotals(answer, named.length)) throw new Error("counts in Redis are not numbers");
    return answer;
  }

  /** What one server cannot tell, the others still do. */
  async function settlePerSlot(named: readonly NamedCount[]): Promise<readonly (number | undefined)[]> {
    const groups = [...Map.groupBy(named, ({ name }) => tagOf(name)).values()];
    const settled = await Promise.allSettled(groups.map(settleTogether));
    const failed = settled.filter((one) => one.status === "rejected");
    if (failed.length === groups.length && failed[0] !== undefined) throw failed[0].reason;
    const totals = new Map<string, number | undefined>();
    for (const [index, group] of groups.entries()) {
      const one = settled[index];
      for (const [place, { name }] of group.entries()) totals.set(name, one?.status === "fulfilled" ? one.value[place] : undefined);
    }
    return named.map(({ name }) => totals.get(name));
  }

  return {
    /** @returns the totals, in the order of `own`; undefined: cannot tell. @throws RedisFailure; Error where the answer is none of ours */
    async settle(own: readonly ReplicaCount[]): Promise<readonly (number | undefined)[]> {
      const named = own.map((one) => ({ ...one, name: nameOf(one) }));
      return perSlot && named.length > 1 ? settlePerSlot(named) : settleTogether(named);
    },
  };
}

interface NamedCount extends ReplicaCount {
  readonly name: string;
}

function tagOf(name: string): string {
  return name.slice(prefix.length, name.indexOf("}"));
}

function isTotals(answer: unknown, length: number): answer is readonly number[] {
  return Array.isArray(answer) && answer.length === length && answer.every((total) => Number.isSafeInteger(total) && total >= 0);
}
