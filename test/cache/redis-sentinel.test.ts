import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RedisConnection } from "../../src/cache/redis-connection.ts";
import type { RedisFailure } from "../../src/cache/redis-failure.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { type RedisSentinels, startRedisSentinels } from "../support/redis-sentinel.ts";
import { announcing } from "./announcing.ts";
import { useConnections } from "./connections.ts";
import { ready, until } from "./fixtures.ts";

const { events, open, connect } = useConnections();

const incr = (connection: RedisConnection, key: string) => connection.run((client) => client.incr(key));
const portOf = (connection: RedisConnection) => connection.run(async (client) => Number((await client.config("GET", "port"))[1]));

describe("a master, two replicas and three Sentinels", () => {
  let set: RedisSentinels;
  beforeAll(async () => {
    set = await startRedisSentinels();
  });
  afterAll(() => set.stop());

  test("a master that was replaced while it lives is left within a second, although it still takes writes", async () => {
    const connection = await connect(set.target);
    const old = await set.master();
    expect(await portOf(connection)).toBe(old.port);
    await set.sentinels[0]?.raw.call("SENTINEL", "FAILOVER", set.target.master);
    await eventually("a new master", async () => (await set.master()) !== old);
    await eventually("its discovery", async () => (await portOf(connection).catch(() => 0)) === (await set.master()).port, 1_500);
    expect(events.map(({ kind }) => kind)).toEqual(["redis_ready", "redis_away", "redis_ready"]);
  });

  test("one that was cut off from the others and names the master of before is not believed", async () => {
    const forgetful = await startRedisSentinels({ replicas: 0, sentinels: 1 });
    // It answers first and has decided nothing yet; the others have just had a failover.
    const connection = await connect({ ...set.target, nodes: [...forgetful.target.nodes, ...set.target.nodes] });
    expect(await portOf(connection)).toBe((await set.master()).port);
    await forgetful.stop();
  });

  test("without any Sentinel an open connection goes on; a lost one comes back when one of them does", async () => {
    const connection = await connect(set.target);
    const port = await portOf(connection);
    await Promise.all(set.sentinels.map((sentinel) => sentinel.kill()));
    expect(await portOf(connection)).toBe(port);
    const late = open(set.target);
    await expect(incr(late, "x")).rejects.toMatchObject({ code: "AWAY", outcome: "refused" });
    await Promise.all(set.sentinels.map((sentinel) => sentinel.start()));
    await ready(late);
    expect(await portOf(late)).toBe(port);
  });

  test("a killed master: what was under way fails and is not carried out later, and its successor is found", async () => {
    const connection = await connect(set.target);
    const heard = await announcing(connection, set.target);
    const lost = await set.master();
    await incr(connection, "counter");
    await eventually("replication", async () => {
      // WAIT is about what its own connection has written, and all that came before it.
      await lost.raw.call("SET", "marker", "1");
      return Number(await lost.raw.call("WAIT", 1, 1_000)) > 0;
    });
    lost.pause();
    const settled = Promise.allSettled(Array.from({ length: 200 }, () => incr(connection, "counter")));
    await lost.kill();
    const outcomes = await settled;
    expect(outcomes.map((one) => (one.status === "rejected" ? (one.reason as RedisFailure).outcome : "answered"))).toEqual(
      outcomes.map(() => "unknown"),
    );
    await until(() => connection.status() === "away");
    await ready(connection);
    expect(await connection.run((client) => client.get("counter"))).toBe("1");
    await heard.again();
    await heard.close();
  });
});

test("a server that is no master is not used, whatever a Sentinel says", async () => {
  const set = await startRedisSentinels({ replicas: 0, sentinels: 1 });
  const [server] = set.servers;
  await server?.raw.call("REPLICAOF", "127.0.0.1", 1);
  const connection = open(set.target);
  await eventually("its refusal", () => events.length > 0);
  expect(events).toEqual([expect.objectContaining({ kind: "redis_away", code: "NOT_MASTER", port: server?.port })]);
  expect(connection.status()).toBe("away");
  await server?.raw.call("REPLICAOF", "NO", "ONE");
  await ready(connection);
  await set.stop();
});

const bulk = (texts: readonly string[]) => `*${texts.length}\r\n${texts.map((text) => `$${text.length}\r\n${text}\r\n`).join("")}`;

test.for([
  ["a port beyond all ports", ["127.0.0.1", "70000"]],
  ["a host that no name can be", ["a\0b", "6379"]],
] as const)("a Sentinel that lies and names %s does not end the client: the next true answer is followed", async ([, lie]) => {
  const server = await startRedisServer();
  let named: readonly string[] = lie;
  let asked = 0;
  const sentinel = createServer((socket) => {
    socket
      .on("error", () => undefined)
      .on("data", (commands) => {
        for (const command of commands.toString().split(/(?=\*\d+\r\n)/)) {
          if (/hello/i.test(command)) socket.write("-ERR unknown command 'HELLO'\r\n");
          else if (!command.includes("GET-MASTER-ADDR-BY-NAME")) socket.write(bulk(["config-epoch", "1"]));
          else socket.write(bulk(named), () => (asked += 1));
        }
      });
  });
  await new Promise<void>((resolve) => sentinel.listen(0, "127.0.0.1", resolve));
  const nodes = [{ host: "127.0.0.1", port: (sentinel.address() as AddressInfo).port }];
  const plain = { tls: false, username: undefined, password: undefined } as const;
  const connection = open({ kind: "sentinel", ...plain, master: "main", nodes, sentinel: plain, db: 0 });
  await until(() => asked > 0);
  await eventually("its failure", () => events.length > 0);
  expect(events).toEqual([expect.objectContaining({ kind: "redis_away", code: "NO_ADDRESS" })]);
  named = ["127.0.0.1", String(server.port)];
  await ready(connection);
  await connection.close();
  sentinel.close();
  await server.stop();
});
