import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RedisConnection } from "../../src/cache/redis-connection.ts";
import type { RedisFailure } from "../../src/cache/redis-failure.ts";
import { createSharedCountsRedis } from "../../src/cache/shared-counts-redis.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type ClusterServer, type RedisCluster, startRedisCluster } from "../support/redis-cluster.ts";
import { announcing } from "./announcing.ts";
import { useConnections } from "./connections.ts";
import { masterKey, ready, until } from "./fixtures.ts";

/** What a command may take, and a busy machine with it. */
const limitMs = 600;

const { events, connect } = useConnections();

const incr = (connection: RedisConnection, key: string) => connection.run((client) => client.incr(key));

async function took(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action().catch(() => undefined);
  return performance.now() - start;
}

const idOf = ({ raw }: ClusterServer) => raw.cluster("MYID");

/** A name of each of them, so that every server is asked. */
async function keyOf(cluster: RedisCluster, server: ClusterServer): Promise<string> {
  for (let number = 0; ; number += 1) if ((await cluster.masterOf(`key-${number}`)) === server) return `key-${number}`;
}

describe("three masters, each behind a proxy", () => {
  const proxies = new Map<number, FaultProxy>();
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster({
      // So that a server that is away takes its own slots along and no others.
      args: ["--cluster-require-full-coverage", "no"],
      async announce(port) {
        const proxy = await startFaultProxy(port);
        proxies.set(port, proxy);
        return proxy.port;
      },
    });
  });
  beforeEach(() => cluster.flush());
  afterEach(async () => {
    for (const proxy of proxies.values()) proxy.clear();
    for (const server of cluster.servers) server.resume();
    await cluster.settled();
  });
  afterAll(async () => {
    await cluster.stop();
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
  });
  const proxyOf = (server: ClusterServer): FaultProxy => proxies.get(server.port) as FaultProxy;
  const pair = (): readonly [ClusterServer, ClusterServer] => cluster.servers as unknown as [ClusterServer, ClusterServer];

  test.each([
    ["hangs", (server: ClusterServer) => proxyOf(server).always({ kind: "hang", at: "answer" })],
    ["is stopped in its tracks", (server: ClusterServer) => server.pause()],
  ])("one of them %s: nobody waits past the limit, the others go on, and it is used again by itself", async (_, fault) => {
    const [lost, other] = pair();
    const [key, fine] = [await keyOf(cluster, lost), await keyOf(cluster, other)];
    const connection = await connect(cluster.target);
    await incr(connection, key);
    fault(lost);
    const first = await Promise.allSettled(Array.from({ length: 20 }, () => incr(connection, key)));
    for (const outcome of first) expect(outcome).toMatchObject({ reason: { code: "TIMEOUT", outcome: "unknown" } });
    // Until its silence is taken for its end every command waits that long, and then none.
    const end = performance.now() + 1_400;
    while (performance.now() < end) {
      expect(await took(() => incr(connection, key))).toBeLessThan(limitMs);
      expect(await incr(connection, fine)).toBeGreaterThan(0);
    }
    expect(events).toContainEqual(expect.objectContaining({ kind: "redis_node_away", port: proxyOf(lost).port }));
    proxyOf(lost).clear();
    lost.resume();
    await eventually("its commands", async () => (await incr(connection, key).catch(() => 0)) > 0);
    expect(connection.status()).toBe("ready");
    expect(events.filter(({ kind }) => kind === "redis_node_ready")).toHaveLength(1);
  });

  test("cut connections fail what was under way, none of it is sent again, and the next commands go through", async () => {
    const [lost] = pair();
    const key = await keyOf(cluster, lost);
    const connection = await connect(cluster.target);
    proxyOf(lost).always({ kind: "hang", at: "request" });
    const inFlight = Promise.allSettled(Array.from({ length: 50 }, () => incr(connection, key)));
    proxyOf(lost).resetAll();
    const outcomes = await inFlight;
    expect(outcomes.map((one) => (one.status === "rejected" ? (one.reason as RedisFailure).outcome : "answered"))).toEqual(
      outcomes.map(() => "unknown"),
    );
    proxyOf(lost).clear();
    await eventually("its commands", async () => (await connection.run((client) => client.set("probe", "x")).catch(() => "")) === "OK");
    await eventually("its server", async () => (await connection.run((client) => client.get(key)).catch(() => "away")) === null);
  });

  test("while a server is being connected to, commands for it fail at once, and none is kept for later", async () => {
    const [lost] = pair();
    const key = await keyOf(cluster, lost);
    const connection = await connect(cluster.target);
    proxyOf(lost).always({ kind: "hang", at: "connect" });
    proxyOf(lost).resetAll();
    await until(() => events.some(({ kind }) => kind === "redis_node_away"));
    const slowest = await Promise.all(Array.from({ length: 50 }, () => took(() => incr(connection, key))));
    expect(Math.max(...slowest)).toBeLessThan(200);
    proxyOf(lost).clear();
    const value = () => connection.run((client) => client.get(key)).catch(() => "away");
    await eventually("its commands", async () => (await value()) !== "away");
    expect(await value()).toBeNull();
  });

  test("counts that one of them cannot tell are told by the others", async () => {
    const [lost] = pair();
    const redis = await connect(cluster.target);
    const counts = createSharedCountsRedis({ redis, first: masterKey("a"), replica: randomBytes(16), perSlot: true });
    const own = Array.from({ length: 64 }, (_, index) => ({ key: `k${index}`, window: 7, count: 3, lifeMs: 60_000 }));
    proxyOf(lost).always({ kind: "hang", at: "answer" });
    const totals = await counts.settle(own);
    const told = totals.filter((total) => total !== undefined);
    expect([...new Set(told)]).toEqual([3]);
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(own.length);
    for (const { port } of cluster.servers) proxies.get(port)?.always({ kind: "hang", at: "answer" });
    await expect(counts.settle(own)).rejects.toMatchObject({ name: "RedisFailure" });
  });

  test("a slow server costs the time limit and no more", async () => {
    const [slow] = pair();
    const key = await keyOf(cluster, slow);
    const connection = await connect(cluster.target);
    proxyOf(slow).always({ kind: "delay", at: "answer", ms: 700 });
    const ms = await took(() => incr(connection, key));
    expect(ms).toBeGreaterThan(200);
    expect(ms).toBeLessThan(limitMs);
  });

  describe("a slot on its way from one to the other", () => {
    let from: ClusterServer;
    let to: ClusterServer;
    let slot: number;
    beforeEach(async () => {
      [from, to] = pair();
      slot = await from.raw.cluster("KEYSLOT", "{moved}");
      from = await cluster.masterOf("{moved}");
      to = cluster.servers.find((server) => server !== from) as ClusterServer;
    });
    const setslot = (at: ClusterServer, ...words: readonly string[]) => at.raw.call("CLUSTER", "SETSLOT", slot, ...words);
    async function begin(): Promise<void> {
      await setslot(to, "IMPORTING", await idOf(from));
      await setslot(from, "MIGRATING", await idOf(to));
    }
    async function finish(): Promise<void> {
      for (const server of [to, ...cluster.servers]) await setslot(server, "NODE", await idOf(to));
    }
    afterEach(finish);

    test("ASK and MOVED are followed, and every command is carried out once", async () => {
      const connection = await connect(cluster.target);
      expect(await incr(connection, "{moved}:old")).toBe(1);
      await begin();
      expect(await incr(connection, "{moved}:old")).toBe(2);
      expect(await incr(connection, "{moved}:new")).toBe(1);
      await from.raw.migrate("127.0.0.1", to.port, "{moved}:old", 0, 1_000);
      expect(await incr(connection, "{moved}:old")).toBe(3);
      await finish();
      expect(await incr(connection, "{moved}:old")).toBe(4);
      expect(await incr(connection, "{moved}:new")).toBe(2);
    });

    test("a script over two keys is refused meanwhile, and nobody takes that for a maybe", async () => {
      const connection = await connect(cluster.target);
      await begin();
      const script = "return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}";
      const both = () => connection.run((client) => client.eval(script, 2, "{moved}:x", "{moved}:y"));
      await expect(both()).rejects.toMatchObject({ code: expect.stringMatching(/^(TRYAGAIN|ASK|MOVED)$/), outcome: "refused" });
      await finish();
      expect(await both()).toEqual([1, 1]);
    });

    test("a server that breaks off when it is asked ends the command and not the process", async () => {
      const unheard: unknown[] = [];
      const note = (failure: unknown) => void unheard.push(failure);
      process.on("unhandledRejection", note);
      const connection = await connect(cluster.target);
      await begin();
      proxyOf(to).always({ kind: "reset", at: "request" });
      await expect(incr(connection, "{moved}:lost")).rejects.toMatchObject({ outcome: "unknown" });
      proxyOf(to).clear();
      await eventually("the next one", async () => (await incr(connection, "{moved}:later").catch(() => 0)) > 0);
      process.off("unhandledRejection", note);
      expect(unheard).toEqual([]);
    });
  });
});

describe("masters with a replica each", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: 1 });
  });
  afterAll(() => cluster.stop());

  test("one is killed: no command that was under way is carried out later, and its successor is found", async () => {
    const connection = await connect(cluster.target);
    const heard = await announcing(connection, cluster.target);
    const lost = await cluster.masterOf("counter");
    await incr(connection, "counter");
    // So that its replica has it.
    await eventually("replication", async () => (await lost.raw.call("WAIT", 1, 1_000)) === 1);
    // Stopped first: whatever is sent from here on is certainly under way when the server dies.
    lost.pause();
    const inFlight = Array.from({ length: 200 }, () => incr(connection, "counter"));
    const settled = Promise.allSettled(inFlight);
    await lost.kill();
    const outcomes = await settled;
    expect(outcomes.map((one) => (one.status === "rejected" ? (one.reason as RedisFailure).outcome : "answered"))).toEqual(
      outcomes.map(() => "unknown"),
    );
    let slowest = 0;
    await eventually("its successor", async () => {
      const start = performance.now();
      const value = await connection.run((client) => client.get("counter")).catch(() => "away");
      slowest = Math.max(slowest, performance.now() - start);
      return value !== "away";
    });
    expect(await connection.run((client) => client.get("counter"))).toBe("1");
    expect(slowest).toBeLessThan(limitMs);
    expect(connection.status()).toBe("ready");
    await heard.again();
    await heard.close();
    await lost.start();
    await cluster.settled();
  });
});

describe("masters without replicas", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  test("one is killed: the Cluster stops, which is told once and costs nothing, and goes on when it is back", async () => {
    const connection = await connect(cluster.target);
    const [lost] = cluster.servers as [ClusterServer];
    await lost.kill();
    await eventually("its stop", async () => {
      await incr(connection, "key-1").catch(() => undefined);
      await incr(connection, "key-2").catch(() => undefined);
      return connection.status() === "away";
    });
    expect(await took(() => incr(connection, "key-1"))).toBeLessThan(50);
    await expect(incr(connection, "key-1")).rejects.toMatchObject({ code: "AWAY", outcome: "refused" });
    await lost.start();
    await ready(connection);
    expect(events.filter(({ kind }) => !kind.startsWith("redis_node"))).toEqual([
      expect.objectContaining({ kind: "redis_ready" }),
      expect.objectContaining({ kind: "redis_away", code: "CLUSTERDOWN" }),
      expect.objectContaining({ kind: "redis_ready" }),
    ]);
  });

  test("all are killed and started again: it is away, and ready again by itself", async () => {
    const connection = await connect(cluster.target);
    await Promise.all(cluster.servers.map((server) => server.kill()));
    await until(() => connection.status() === "away");
    await Promise.all(cluster.servers.map((server) => server.start()));
    await ready(connection);
    await eventually("its commands", async () => (await incr(connection, "key").catch(() => 0)) > 0);
    await Promise.all(cluster.servers.map((server) => server.kill()));
    await until(() => connection.status() === "away");
    expect(await took(() => connection.close())).toBeLessThan(1_000);
    await expect(incr(connection, "key")).rejects.toMatchObject({ code: "AWAY" });
  });
});
