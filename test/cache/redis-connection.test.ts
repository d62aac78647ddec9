import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { createServer, TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import type { RedisEvent } from "../../src/cache/redis-line.ts";
import type { RedisFailure } from "../../src/cache/redis-failure.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { startLyingRedis } from "../support/lying-redis.ts";
import { redisAddress, startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { startHangingEndpoint } from "../support/tcp-hang.ts";
import { ready, until } from "./fixtures.ts";

let server: RedisServer;
let events: RedisEvent[];
let connections: RedisConnection[];

beforeEach(async () => {
  server = await startRedisServer();
  events = [];
  connections = [];
});
afterEach(async () => {
  server.resume();
  await Promise.all(connections.map((connection) => connection.close()));
  await server.stop();
});

function connect(address = server.address): RedisConnection {
  const connection = createRedis(address, { log: (event) => void events.push(event), random: () => 0 });
  connections.push(connection);
  return connection;
}
const ping = (connection: RedisConnection) => connection.run((client) => client.ping());
async function took(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action().catch(() => undefined);
  return performance.now() - start;
}

test("becomes ready by itself, answers, and says so once", async () => {
  const connection = connect();
  expect(connection.status()).toBe("away");
  await ready(connection);
  expect(await ping(connection)).toBe("PONG");
  expect(events).toEqual([{ kind: "redis_ready", host: "127.0.0.1", port: server.port }]);
});

test("away at start: commands fail at once, nothing throws, one line is logged; ready when the server appears", async () => {
  await server.kill();
  const connection = connect();
  await until(() => events.length > 0);
  expect(await took(() => ping(connection))).toBeLessThan(50);
  await expect(ping(connection)).rejects.toMatchObject({ code: "AWAY", outcome: "refused" });
  await server.start();
  await ready(connection);
  expect(await ping(connection)).toBe("PONG");
  expect(events.map((event) => [event.kind, "code" in event ? event.code : ""])).toEqual([
    ["redis_away", "ECONNREFUSED"],
    ["redis_ready", ""],
  ]);
});

test("a stopped server costs the first commands their time limit, later ones nothing, and is used again when it goes on", async () => {
  const connection = connect();
  await ready(connection);
  server.pause();
  const first = await Promise.allSettled(Array.from({ length: 20 }, () => ping(connection)));
  for (const outcome of first) expect(outcome).toMatchObject({ reason: { code: "TIMEOUT", outcome: "unknown" } });
  expect(await took(() => ping(connection))).toBeLessThan(50);
  // The dead socket is dropped although nobody sends anything any more.
  await until(() => events.some((event) => event.kind === "redis_away" && event.code === "TIMEOUT"));
  server.resume();
  await ready(connection);
  expect(await ping(connection)).toBe("PONG");
});

test("a server that was only slow is used again without a new connection", async () => {
  const connection = connect();
  await ready(connection);
  const id = await connection.run((client) => client.client("ID"));
  server.pause();
  await expect(ping(connection)).rejects.toMatchObject({ code: "TIMEOUT" });
  expect(connection.status()).toBe("away");
  server.resume();
  await ready(connection);
  expect(await connection.run((client) => client.client("ID"))).toBe(id);
  expect(events.length).toBe(1);
});

test("a stall of this very process is not held against a server that has answered", async () => {
  const connection = connect();
  await ready(connection);
  const answer = ping(connection);
  // Twice the time limit without the event loop turning once.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  expect(await answer).toBe("PONG");
  expect(connection.status()).toBe("ready");
});

test("an endpoint that accepts and says nothing is given up and tried again, and no command waits for it", async () => {
  const hanging = await startHangingEndpoint();
  const connection = connect(redisAddress(hanging.port));
  await until(() => hanging.accepted() > 1);
  expect(await took(() => ping(connection))).toBeLessThan(50);
  await connection.close();
  await hanging.stop();
});

test("a server killed under load fails every command in flight within its limit, none twice, and is found again", async () => {
  const connection = connect();
  await ready(connection);
  // Stopped first: whatever is sent from here on is certainly under way when the server dies.
  server.pause();
  const inFlight = Array.from({ length: 500 }, () => connection.run((client) => client.incr("counter")));
  const settled = Promise.allSettled(inFlight);
  await server.kill();
  const outcomes = await settled;
  const failures = outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason as RedisFailure);
  expect(failures.length).toBe(500);
  expect(failures.map((failure) => failure.outcome)).toEqual(failures.map(() => "unknown"));
  await server.start();
  await ready(connection);
  // Nothing was queued for later: a command that failed is not carried out afterwards.
  expect(await connection.run((client) => client.get("counter"))).toBeNull();
});

test("a reply that is an error is told apart from no reply", async () => {
  const connection = connect();
  await ready(connection);
  await connection.run((client) => client.set("text", "x"));
  await expect(connection.run((client) => client.llen("text"))).rejects.toMatchObject({ code: "WRONGTYPE", outcome: "refused" });
  expect(connection.status()).toBe("ready");
});

test("a server that was made a replica refuses to write, certainly, is left, and is used again when it is a master", async () => {
  const connection = connect();
  await ready(connection);
  const id = await connection.run((client) => client.client("ID"));
  const operator = server.raw();
  await operator.replicaof("127.0.0.1", 1);
  const writes = await Promise.allSettled(Array.from({ length: 5 }, () => connection.run((client) => client.incr("counter"))));
  for (const write of writes) expect(write).toMatchObject({ reason: { outcome: expect.stringMatching(/refused|unknown/) } });
  expect(writes[0]).toMatchObject({ reason: { code: "READONLY", outcome: "refused" } });
  await operator.replicaof("NO", "ONE");
  await until(() => events.length === 3);
  await ready(connection);
  expect(await connection.run((client) => client.client("ID"))).not.toBe(id);
  expect(await connection.run((client) => client.incr("counter"))).toBe(1);
});

test("more commands than the bound are refused instead of queued, and those that a dead server never answered stop counting", async () => {
  const connection = connect();
  await ready(connection);
  server.pause();
  const outcomes = await Promise.allSettled(Array.from({ length: 5_000 }, () => ping(connection)));
  const codes = outcomes.map((outcome) => (outcome.status === "rejected" ? (outcome.reason as { code: string }).code : "answered"));
  expect(codes.filter((code) => code === "BUSY").length).toBe(5_000 - 4_096);
  expect(codes.filter((code) => code === "TIMEOUT").length).toBe(4_096);
  await server.kill();
  await server.start();
  await ready(connection);
  expect(await ping(connection)).toBe("PONG");
});

describe("a password", () => {
  test("that is right works; one that is wrong appears in no log and no error", async () => {
    await server.stop();
    server = await startRedisServer({ args: ["--requirepass", "hunter2-right"] });
    const right = connect(redisAddress(server.port, new Secret("hunter2-right")));
    await ready(right);
    const wrong = connect(redisAddress(server.port, new Secret("hunter2-wrong")));
    await until(() => events.some((event) => event.kind === "redis_away"));
    const error: unknown = await ping(wrong).catch((failure: unknown) => failure);
    expect(events).toContainEqual(expect.objectContaining({ kind: "redis_away", code: "WRONGPASS" }));
    expect(JSON.stringify([events, error, String(error)])).not.toContain("hunter2");
  });
});

describe("close", () => {
  test.each([
    ["ready", async (connection: RedisConnection) => ready(connection)],
    ["not connected yet", async () => undefined],
    [
      "between two attempts",
      async () => {
        await server.kill();
        await until(() => events.some((event) => event.kind === "redis_away"));
      },
    ],
    [
      "facing a stopped server",
      async (connection: RedisConnection) => {
        await ready(connection);
        server.pause();
        await ping(connection).catch(() => undefined);
      },
    ],
  ])("ends in bounded time while %s, twice is once, and nothing connects again", async (_, reach) => {
    const connection = connect();
    await reach(connection);
    expect(await took(() => connection.close())).toBeLessThan(1_000);
    await connection.close();
    expect(connection.closed.aborted).toBe(true);
    await expect(ping(connection)).rejects.toMatchObject({ code: "AWAY" });
    server.resume();
    const seen = events.length;
    await server.kill();
    await server.start();
    const probe = server.raw();
    await probe.ping();
    expect(await probe.client("LIST")).not.toMatch(/\n./);
    expect(events.slice(seen).filter((event) => event.kind === "redis_ready")).toEqual([]);
  });
});

test("an impostor between this service and Redis gets no password, even where NODE_TLS_REJECT_UNAUTHORIZED=0 is set", async () => {
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  const received: Buffer[] = [];
  const sockets = new Set<TLSSocket>();
  const impostor = createServer(makeCertificate("localhost"), (socket) => {
    sockets.add(socket);
    socket.on("data", (bytes: Buffer) => void received.push(bytes));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = impostor.address() as AddressInfo;
    connect({ ...redisAddress(port, new Secret("canary")), host: "localhost", tls: true });
    await until(() => events.length > 0 || received.length > 0);
    expect(events).toEqual([expect.objectContaining({ kind: "redis_away" })]);
    expect(Buffer.concat(received).toString()).toBe("");
  } finally {
    vi.unstubAllEnvs();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => impostor.close(resolve));
  }
});

test("a TLS peer that sends an alert and then resets the connection, or is refused first, ends nothing but the connection", async () => {
  const unheard: unknown[] = [];
  const note = (failure: unknown) => void unheard.push(failure);
  process.on("uncaughtException", note);
  const authority = makeAuthority("Redis CA");
  const certificate = authority.issue({ use: "server", dnsNames: ["localhost"] });
  let met = 0;
  const peer = createTcpServer((raw) => {
    const socket = new TLSSocket(raw, { isServer: true, ...certificate });
    for (const each of [raw, socket]) each.on("error", () => undefined);
    socket.once("secure", () => {
      met += 1;
      // An alert in clear text, where none can be.
      raw.write(Buffer.from("15030300020232", "hex"), () => setImmediate(() => raw.resetAndDestroy()));
    });
  });
  await new Promise<void>((resolve) => peer.listen(0, "127.0.0.1", resolve));
  const at = { ...redisAddress((peer.address() as AddressInfo).port), host: "localhost", tls: true };
  const believing = connect({ ...at, ca: authority.cert });
  const refusing = connect({ ...at, ca: makeAuthority("Redis CA").cert });
  await until(() => met > 8);
  expect([believing.status(), refusing.status()]).toEqual(["away", "away"]);
  await Promise.all([believing.close(), refusing.close()]);
  await new Promise((resolve) => peer.close(resolve));
  process.off("uncaughtException", note);
  expect(unheard).toEqual([]);
});

test.for([
  ["a push without a word", ">1\r\n_\r\n"],
  ["a subscription without a channel", ">1\r\n$9\r\nsubscribe\r\n"],
  ["one answer too many, which is nothing", ":1\r\n_\r\n"],
] as const)("what stands in place of Redis and says %s loses its connection, and does not end the process", async ([, answer]) => {
  const lying = await startLyingRedis(answer);
  const connection = connect(lying.address);
  await ready(connection);
  await connection.run((client) => client.get("k")).catch(() => undefined);
  await until(() => events.some(({ kind }) => kind === "redis_away"));
  await ready(connection);
  expect(events.map(({ kind }) => kind)).toEqual(["redis_ready", "redis_away", "redis_ready"]);
  await connection.close();
  await lying.stop();
});
