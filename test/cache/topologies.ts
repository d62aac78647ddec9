// What tests of several topologies have in common: one server, a Sentinel set or a Cluster, started for a whole file, with what a
// test does to all servers that keep keys.

import { once } from "node:events";
import type { Redis } from "ioredis";
import type { RedisAccess, RedisTarget } from "../../src/cache/redis-target.ts";
import { rawClient, startRedisCluster } from "../support/redis-cluster.ts";
import { freePorts } from "../support/redis-process.ts";
import { startRedisSentinels } from "../support/redis-sentinel.ts";
import { startRedisServer } from "../support/redis-server.ts";

const open: RedisAccess = { tls: false, username: undefined, password: undefined };

export interface Topology {
  readonly target: RedisTarget;
  /** Clients of an operator at every server that takes writes. */
  masters(): Promise<readonly Redis[]>;
  stop(): Promise<void>;
}

export interface Guard {
  /** Of the servers. */
  readonly args?: readonly string[];
  /** As their operator. */
  readonly access?: RedisAccess;
  /** Of the Sentinels. */
  readonly lines?: readonly string[];
  readonly sentinel?: Pick<RedisAccess, "username" | "password">;
}

export const topologies: readonly (readonly [name: string, start: (guard?: Guard) => Promise<Topology>])[] = [
  [
    "one server",
    async ({ args = [], access = open } = {}) => {
      const tls = access.tls ? ["--port", "0", "--tls-port"] : [];
      const [port = 0] = await freePorts(1);
      const server = await startRedisServer({ args: access.tls ? [...tls, String(port), ...args] : args });
      const target = { ...server.address, ...access, ...(access.tls ? { port } : {}) };
      const raw = rawClient(target.port, access);
      return {
        target,
        async masters() {
          // It keeps no command for later, and on a loaded machine others are connected before it is.
          if (raw.status !== "ready") await once(raw, "ready");
          return [raw];
        },
        async stop() {
          raw.disconnect();
          await server.stop();
        },
      };
    },
  ],
  [
    "a Sentinel set",
    async ({ args = [], access = open, lines = [], sentinel = open } = {}) => {
      const set = await startRedisSentinels({ replicas: 1, args, access, lines, sentinelAccess: sentinel });
      return { target: set.target, masters: async () => [(await set.master()).raw], stop: () => set.stop() };
    },
  ],
  [
    "a Cluster",
    async ({ args = [], access = open } = {}) => {
      const cluster = await startRedisCluster({ args, access });
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
