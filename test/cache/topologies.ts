// What tests of several topologies have in common: one server, a Sentinel set or a Cluster, started for a whole file, with what a
// test does to all servers that keep keys.

import type { Redis } from "ioredis";
import type { RedisTarget } from "../../src/cache/redis-target.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startRedisSentinels } from "../support/redis-sentinel.ts";
import { startRedisServer } from "../support/redis-server.ts";

export interface Topology {
  readonly target: RedisTarget;
  /** Clients of an operator at every server that takes writes. */
  masters(): Promise<readonly Redis[]>;
  stop(): Promise<void>;
}

export const topologies: readonly (readonly [name: string, start: () => Promise<Topology>])[] = [
  [
    "one server",
    async () => {
      const server = await startRedisServer();
      const raw = server.raw();
      return { target: server.address, masters: async () => [raw], stop: () => server.stop() };
    },
  ],
  [
    "a Sentinel set",
    async () => {
      const set = await startRedisSentinels({ replicas: 1 });
      return { target: set.target, masters: async () => [(await set.master()).raw], stop: () => set.stop() };
    },
  ],
  [
    "a Cluster",
    async () => {
      const cluster = await startRedisCluster();
      const raws = cluster.servers.map(({ raw }) => raw);
      return { target: cluster.target, masters: async () => raws, stop: () => cluster.stop() };
    },
  ],
];

export async function everyKey(masters: readonly Redis[]): Promise<readonly string[]> {
  return (await Promise.all(masters.map((master) => master.keys("*")))).flat();
}

/** By whoever keeps it. */
export async function onKey<T>(masters: readonly Redis[], key: string, act: (master: Redis) => Promise<T>): Promise<T> {
  for (const master of masters) if ((await master.keys(key)).length > 0) return act(master);
  throw new Error("nobody keeps that key");
}
