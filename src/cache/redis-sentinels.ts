// The Sentinels of a set, asked which server is the master. All of them are asked, as one that was cut off from the others names the
// master of before: what the latest failover decided counts. Only configured ones are asked.

import { Redis } from "ioredis";
import { classifyRedisError } from "./redis-failure.ts";
import { closeClient, clientOptions } from "./redis-options.ts";
import type { RedisNode, SentinelSet } from "./redis-target.ts";

export interface NamedMaster extends RedisNode {
  /** Grows with every failover. */
  readonly epoch: number;
}

export interface Sentinels {
  /** Undefined: none of them answered in time, or none knows it. */
  master(): Promise<NamedMaster | undefined>;
  /** Why none of them did: what the last of them failed with. */
  trouble(): string;
  close(): Promise<void>;
}

/** One that is up answers at once; one that is not is not waited for any longer. */
const askLimitMs = 500;

export function createSentinels(set: SentinelSet, random: () => number): Sentinels {
  const { sentinel, nodes, master: name } = set;
  let trouble = "NO_MASTER";
  const clients = nodes.map((node) => {
    const client = new Redis({
      ...clientOptions({ ...set, ...sentinel }, { random, onLeave: () => undefined }),
      host: node.host,
      port: node.port,
      // The first question is asked before the connection is there. What waits fails with the next attempt to connect.
      enableOfflineQueue: true,
      enableReadyCheck: false,
    });
    return client.on("error", (error) => (trouble = classifyRedisError(error).code));
  });

  async function ask(client: Redis): Promise<NamedMaster | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), askLimitMs);
    // In this order: the address is then never older than the epoch. And not the address that stands beside the epoch: with whoever
    // leads a failover that is the old master's until all replicas follow the new one.
    const epoch = client.call("SENTINEL", "MASTER", name).then(epochIn);
    const address = client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name);
    const answer = Promise.all([epoch, address]).then(masterIn, () => undefined);
    return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer));
  }

  return {
    async master() {
      const named = (await Promise.all(clients.map(ask))).filter((answer) => answer !== undefined);
      const [latest] = named.toSorted((one, other) => other.epoch - one.epoch);
      return latest;
    },
    trouble: () => trouble,
    async close() {
      await Promise.all(clients.map(closeClient));
    },
  };
}

/** In a list of names and values by turns. */
function epochIn(fields: unknown): number {
  const at = Array.isArray(fields) ? fields.indexOf("config-epoch") : -1;
  return Array.isArray(fields) && at >= 0 ? Number(fields[at + 1]) : Number.NaN;
}

function masterIn([epoch, address]: readonly [number, unknown]): NamedMaster | undefined {
  const [host, port]: readonly unknown[] = Array.isArray(address) ? address : [];
  const known = typeof host === "string" && host !== "" && Number.isInteger(Number(port)) && Number.isInteger(epoch);
  return known ? { host, port: Number(port), epoch } : undefined;
}
