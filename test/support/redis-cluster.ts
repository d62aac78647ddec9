// A real Redis Cluster for tests: masters and as many replicas on free ports, each in a folder of its own, with nothing kept on disk
// but who they are. Servers can be killed and started again; stop() leaves nothing behind.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { ClusterNodes, RedisAccess } from "../../src/cache/redis-target.ts";
import { eventually } from "./eventually.ts";
import { freePorts, type RedisProcess, redisProcess } from "./redis-process.ts";

/** A master that says nothing for so long is replaced. */
const nodeTimeoutMs = 1_000;
const formLimitMs = 20_000;
const slots = 16_384;

export interface ClusterServer extends RedisProcess {
  readonly port: number;
  /** Where clients are told to find it. */
  readonly announced: number;
  /** A client of the test's own, as an operator would have one. Closed by stop(). */
  readonly raw: Redis;
}

export interface RedisCluster {
  readonly servers: readonly ClusterServer[];
  readonly target: ClusterNodes;
  /** Those that have slots now, as one that is alive tells. */
  masters(): Promise<readonly ClusterServer[]>;
  /** The master that keeps a key. */
  masterOf(key: string): Promise<ClusterServer>;
  /** Resolves when every slot is served and every master has its replica. */
  settled(): Promise<void>;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisClusterOptions {
  readonly masters?: number;
  readonly replicas?: number;
  readonly args?: readonly string[];
  readonly access?: RedisAccess;
  /** Where clients are told to find each server, by its port: a proxy in front of it. */
  readonly announce?: (port: number) => Promise<number>;
}

const open: RedisAccess = { tls: false, username: undefined, password: undefined };

export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0, args = [], access = open, announce = async (port: number) => port } = options;
  const count = masters * (1 + replicas);
  const dir = await mkdtemp(join(tmpdir(), "cambio-cluster-"));
  const ports = await freePorts(2 * count);
  const servers = await Promise.all(
    ports.slice(0, count).map(async (port, index): Promise<ClusterServer> => {
      const own = join(dir, String(port));
      await mkdir(own);
      const cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeoutMs), "--cluster-announce-ip", "127.0.0.1"];
      const bus = ["--cluster-port", String(ports[count + index]), "--cluster-replica-validity-factor", "0"];
      const announced = await announce(port);
      const seen = announced === port ? [] : [access.tls ? "--cluster-announce-tls-port" : "--cluster-announce-port", String(announced)];
      const plain = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        own,
        "--repl-diskless-sync-delay",
        "0",
        "--repl-ping-replica-period",
        "1",
      ];
      const listen = access.tls ? ["--port", "0", "--tls-port", String(port), "--tls-cluster", "yes"] : ["--port", String(port)];
      const server = redisProcess([...listen, ...cluster, ...bus, ...seen, ...plain, ...args]);
      await server.start();
      return { ...server, port, announced, raw: rawClient(port, access) };
    }),
  );
  const announced = new Map(servers.map((server) => [server.announced, server] as const));

  async function topology(): Promise<readonly ClusterRange[]> {
    for (const { raw } of servers) {
      if (raw.status !== "ready") continue;
      const ranges = (await raw.cluster("SLOTS").catch(() => [])) as readonly (readonly [
        number,
        number,
        ...(readonly [string, number])[],
      ])[];
      if (ranges.length > 0) {
        return ranges.map(([from, to, ...nodes]) => ({
          from,
          to,
          servers: nodes.flatMap(([, port]) => announced.get(port) ?? []),
        }));
      }
    }
    return [];
  }

  async function complete(): Promise<boolean> {
    const states = await Promise.all(servers.map(async ({ raw }) => raw.cluster("INFO").catch(() => "")));
    const known = states.every((said) => said.includes("cluster_state:ok") && said.includes(`cluster_known_nodes:${count}`));
    const ranges = await topology();
    const served = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    if (!known || served !== slots || !ranges.every(({ servers: each }) => each.length === 1 + replicas)) return false;
    const linked = await Promise.all(servers.map(async ({ raw }) => raw.info("replication")));
    return linked.filter((info) => info.includes("master_link_status:up")).length === masters * replicas;
  }

  const settled = () => eventually("a complete cluster", complete, formLimitMs);
  await eventually("connections to all", () => servers.every(({ raw }) => raw.status === "ready"), formLimitMs);
  await form({ servers, masters, ports, count, settled });
  return {
    servers,
    target: { kind: "cluster", nodes: [...announced.keys()].map((port) => ({ host: "127.0.0.1", port })), ...access },
    masters: async () => [...new Set((await topology()).flatMap(({ servers: [master] }) => master ?? []))],
    async masterOf(key) {
      const slot = await aliveOf(servers).raw.cluster("KEYSLOT", key);
      const range = (await topology()).find(({ from, to }) => from <= slot && slot <= to);
      const master = range?.servers[0];
      if (master === undefined) throw new Error("nobody keeps that key");
      return master;
    },
    settled,
    async flush() {
      await Promise.all(servers.map(({ raw }) => raw.flushall().catch(() => undefined)));
    },
    async stop() {
      for (const { raw } of servers) raw.disconnect();
      await Promise.all(servers.map((server) => server.kill()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

interface ClusterRange {
  readonly from: number;
  readonly to: number;
  /** The master first. */
  readonly servers: readonly ClusterServer[];
}

interface Forming {
  readonly servers: readonly ClusterServer[];
  readonly masters: number;
  readonly ports: readonly number[];
  readonly count: number;
  readonly settled: () => Promise<void>;
}

async function form({ servers, masters, ports, count, settled }: Forming): Promise<void> {
  const each = Math.ceil(slots / masters);
  await Promise.all(
    servers.map(async ({ raw }, index) => {
      await raw.cluster("SET-CONFIG-EPOCH", index + 1);
      if (index < masters) await raw.call("CLUSTER", "ADDSLOTSRANGE", index * each, Math.min(slots, (index + 1) * each) - 1);
    }),
  );
  const [first] = servers;
  for (const [index, { port }] of servers.entries()) {
    if (index > 0) await first?.raw.call("CLUSTER", "MEET", "127.0.0.1", port, ports[count + index] ?? 0);
  }
  const ids = await Promise.all(servers.map(({ raw }) => raw.cluster("MYID")));
  const allKnown = async () => {
    const said = await Promise.all(servers.map(async ({ raw }) => String(await raw.cluster("NODES"))));
    return said.every((nodes) => ids.every((id) => nodes.includes(id)) && !nodes.includes("handshake"));
  };
  await eventually("that all servers know each other", allKnown, formLimitMs);
  await Promise.all(servers.slice(masters).map(async ({ raw }, index) => raw.cluster("REPLICATE", ids[index % masters] ?? "")));
  await settled();
}

function aliveOf(servers: readonly ClusterServer[]): ClusterServer {
  const alive = servers.find(({ raw }) => raw.status === "ready");
  if (alive === undefined) throw new Error("no server is alive");
  return alive;
}

export function rawClient(port: number, { tls, ca, username, password }: RedisAccess): Redis {
  const client = new Redis({
    port,
    host: "127.0.0.1",
    retryStrategy: () => 50,
    enableOfflineQueue: false,
    disableClientInfo: true,
    ...(tls ? { tls: ca === undefined ? {} : { ca } } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
  });
  // It loses its connection whenever a test kills the server.
  client.on("error", () => undefined);
  return client;
}
