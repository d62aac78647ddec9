// A real Sentinel set for tests: a master, its replicas and the Sentinels that watch them, all on free ports. Servers and Sentinels
// can be killed and started again; stop() leaves nothing behind.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import type { RedisAccess, SentinelSet } from "../../src/cache/redis-target.ts";
import { eventually } from "./eventually.ts";
import { rawClient } from "./redis-cluster.ts";
import { freePorts, type RedisProcess, redisProcess } from "./redis-process.ts";

/** A master that says nothing for so long is replaced. Much less, and a busy machine replaces masters that are well. */
const downAfterMs = 1_000;
const formLimitMs = 20_000;
const name = "main";

export interface SentinelServer extends RedisProcess {
  readonly port: number;
  readonly raw: Redis;
}

export interface RedisSentinels {
  readonly servers: readonly SentinelServer[];
  readonly sentinels: readonly SentinelServer[];
  readonly target: SentinelSet;
  /** By what most Sentinels say. */
  master(): Promise<SentinelServer>;
  /** Resolves when every server is up, and every Sentinel knows all the others. */
  settled(): Promise<void>;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisSentinelOptions {
  readonly replicas?: number;
  readonly sentinels?: number;
  /** Of the servers. */
  readonly args?: readonly string[];
  readonly access?: RedisAccess;
  /** Lines of every Sentinel's configuration. */
  readonly lines?: readonly string[];
  readonly sentinelAccess?: Pick<RedisAccess, "username" | "password">;
}

const open: RedisAccess = { tls: false, username: undefined, password: undefined };
const openSentinel = { username: undefined, password: undefined };

export async function startRedisSentinels(options: RedisSentinelOptions = {}): Promise<RedisSentinels> {
  const { replicas = 2, sentinels: sentinelCount = 3, args = [], access = open, lines = [], sentinelAccess = openSentinel } = options;
  const dir = await mkdtemp(join(tmpdir(), "cambio-sentinel-"));
  const ports = await freePorts(1 + replicas + sentinelCount);
  const [masterPort = 0] = ports;
  const listen = (port: number) =>
    access.tls ? ["--port", "0", "--tls-port", String(port), "--tls-replication", "yes"] : ["--port", String(port)];

  async function startServer(port: number): Promise<SentinelServer> {
    const own = join(dir, String(port));
    await mkdir(own);
    const plain = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", own, "--repl-diskless-sync-delay", "0"];
    const follow = port === masterPort ? [] : ["--replicaof", `127.0.0.1 ${masterPort}`];
    const running = redisProcess([...listen(port), ...plain, ...follow, ...args]);
    await running.start();
    return { ...running, port, raw: rawClient(port, access) };
  }

  async function startSentinel(port: number): Promise<SentinelServer> {
    const own = join(dir, String(port));
    await mkdir(own);
    const file = join(own, "sentinel.conf");
    const watch = [
      `sentinel monitor ${name} 127.0.0.1 ${masterPort} ${Math.floor(sentinelCount / 2) + 1}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} 1000`,
    ];
    const plain = [access.tls ? `port 0\ntls-port ${port}\ntls-replication yes` : `port ${port}`, "bind 127.0.0.1", `dir ${own}`];
    await writeFile(file, `${[...plain, ...watch, ...lines].join("\n")}\n`);
    const running = redisProcess([file, "--sentinel"], "Sentinel ID is");
    await running.start();
    return { ...running, port, raw: rawClient(port, { ...access, ...sentinelAccess }) };
  }

  const servers = await Promise.all(ports.slice(0, 1 + replicas).map(startServer));
  // A Sentinel that starts before the replicas are there hears of them only ten seconds later.
  await eventually("replicas that follow", async () => (await following()) === replicas, formLimitMs);
  const sentinels = await Promise.all(ports.slice(1 + replicas).map(startSentinel));
  async function following(): Promise<number> {
    const roles = await Promise.all(servers.map(async ({ raw }) => raw.info("replication").catch(() => "")));
    return roles.filter((info) => info.includes("master_link_status:up")).length;
  }
  const fields = async ({ raw }: SentinelServer) => {
    const said = (await raw.call("SENTINEL", "MASTER", name).catch(() => [])) as readonly string[];
    return new Map(Array.from({ length: said.length / 2 }, (_, index) => [said[2 * index] ?? "", said[2 * index + 1] ?? ""]));
  };

  async function master(): Promise<SentinelServer> {
    let found: SentinelServer | undefined;
    await eventually("a master", async () => {
      const said = await Promise.all(sentinels.map(async (one) => Number((await fields(one)).get("port"))));
      const counts = servers.map((server) => ({ server, votes: said.filter((port) => port === server.port).length }));
      found = counts.find(({ votes }) => 2 * votes > said.length)?.server;
      return found !== undefined;
    });
    return found as unknown as SentinelServer;
  }

  async function complete(): Promise<boolean> {
    const known = await Promise.all(sentinels.map(fields));
    const agreed = known.every(
      (one) =>
        one.get("flags") === "master" &&
        one.get("num-other-sentinels") === String(sentinelCount - 1) &&
        one.get("num-slaves") === String(replicas) &&
        one.get("port") === known[0]?.get("port"),
    );
    return agreed && (await following()) === replicas;
  }

  const settled = () => eventually("a complete Sentinel set", complete, formLimitMs);
  await settled();
  const nodes = sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
  return {
    servers,
    sentinels,
    target: { kind: "sentinel", master: name, nodes, sentinel: sentinelAccess, db: 0, ...access },
    master,
    settled,
    async flush() {
      await (await master()).raw.flushall();
    },
    async stop() {
      const all = [...sentinels, ...servers];
      for (const { raw } of all) raw.disconnect();
      await Promise.all(all.map((one) => one.kill()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
