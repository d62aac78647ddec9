import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { createRevocationAnnouncements } from "../../src/cache/revocation-announcements.ts";
import type { Announcement } from "../../src/cache/revocation-codec.ts";
import type { Announcements } from "../../src/cache/revocations.ts";
import type { TamperAlarm } from "../../src/sealing/tamper-alarm.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { eventually } from "../support/eventually.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { flipped, type FrozenClock, frozenClock, masterKey, nowMs, ready } from "./fixtures.ts";
import { subjectRevocation, tokenRevocation } from "./revocation-log-contract.ts";

const channel = "cambio:v1:revocations:0";

interface Replica extends Announcements {
  readonly heard: Announcement[];
  readonly alarms: TamperAlarm[];
  readonly redis: RedisConnection;
  close(): Promise<void>;
}

let server: RedisServer;
let operator: Redis;
let clock: FrozenClock;
let replicas: Replica[];

beforeAll(async () => {
  server = await startRedisServer();
  operator = server.raw();
});
beforeEach(() => {
  clock = frozenClock();
  replicas = [];
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.close()));
});
afterAll(() => server.stop());

async function startReplica(given: { keys?: readonly MasterKey[]; db?: number; listenOn?: number } = {}): Promise<Replica> {
  const address = { ...server.address, db: given.db ?? 0 };
  const before = await listeners(address.db);
  const redis = createRedis(address, { log: () => undefined, random: () => 0 });
  const sealer = createSealer(given.keys ?? [masterKey("a")], "revocation-announcement");
  const heard: Announcement[] = [];
  const alarms: TamperAlarm[] = [];
  const onAlarm = (alarm: TamperAlarm) => void alarms.push(alarm);
  const listening = { ...address, port: given.listenOn ?? address.port };
  const announcements = createRevocationAnnouncements({ redis, target: listening, sealer, clock, onAlarm, random: () => 0 });
  announcements.listen((announcement) => void heard.push(announcement));
  const one: Replica = {
    publish: (announcement) => announcements.publish(announcement),
    listen: (hear) => announcements.listen(hear),
    heard,
    alarms,
    redis,
    async close() {
      await announcements.close();
      await redis.close();
    },
  };
  replicas.push(one);
  await ready(redis);
  await eventually("its subscription", async () => (await listeners(address.db)) > before);
  return one;
}

async function listeners(db = 0): Promise<number> {
  const [, count] = await operator.pubsub("NUMSUB", `cambio:v1:revocations:${db}`);
  return Number(count);
}

/** A message on the channel, as it went over the wire. */
async function overheard(send: () => void): Promise<Buffer> {
  const ear = server.raw();
  const message = new Promise<Buffer>((resolve) => ear.once("messageBuffer", (_name: Buffer, bytes: Buffer) => resolve(bytes)));
  await ear.subscribe(channel);
  send();
  const bytes = await message;
  ear.disconnect();
  return bytes;
}

const heartbeat: Announcement = { log: "database", seq: 7, atMs: nowMs };
const announced: Announcement = { log: "database", seq: 8, atMs: nowMs, revocation: tokenRevocation("a") };

test("what one replica says the others hear, whole; a subscriber of either key order included", async () => {
  const [a, b] = [masterKey("a"), masterKey("b")];
  const [one, other] = [await startReplica({ keys: [a, b] }), await startReplica({ keys: [b, a] })];
  const subject: Announcement = { ...announced, revocation: subjectRevocation("Ü 🦊") };
  for (const announcement of [heartbeat, announced, subject]) one.publish(announcement);
  other.publish(heartbeat);
  await eventually("four messages", () => other.heard.length === 4 && one.heard.length === 4);
  expect(other.heard).toEqual([heartbeat, announced, subject, heartbeat]);
  expect([...one.alarms, ...other.alarms]).toEqual([]);
});

test("deployments in two databases of one Redis do not hear each other", async () => {
  const [one, foreign] = [await startReplica(), await startReplica({ db: 1 })];
  foreign.publish(announced);
  one.publish(heartbeat);
  await eventually("the own message", () => one.heard.length > 0 && foreign.heard.length > 0);
  expect(one.heard).toEqual([heartbeat]);
  expect(foreign.heard).toEqual([announced]);
});

test("whoever listens in on Redis learns no token", async () => {
  const one = await startReplica();
  const bytes = await overheard(() => one.publish({ ...announced, revocation: tokenRevocation("readable") }));
  expect(bytes.toString("latin1")).not.toContain("readable");
});

const tooLong: Announcement = { ...announced, revocation: tokenRevocation("x".repeat(16 * 1024)) };

function sealed(keys: readonly MasterKey[], purpose: string, where: string, what: unknown = announced): Buffer {
  return Buffer.from(createSealer(keys, purpose).seal(Buffer.from(JSON.stringify(what)), [where]));
}

describe("an attacker who can write to Redis is an alarm and changes nothing, by a message that is", () => {
  const cases: readonly [string, () => Buffer | string][] = [
    ["not sealed", () => JSON.stringify(announced)],
    ["empty", () => ""],
    ["sealed under another key", () => sealed([masterKey("x")], "revocation-announcement", channel)],
    ["sealed for another purpose", () => sealed([masterKey("a")], "revocation", channel)],
    ["from another database's channel", () => sealed([masterKey("a")], "revocation-announcement", `${channel}1`)],
    ["changed in one bit", () => flipped(sealed([masterKey("a")], "revocation-announcement", channel), 400)],
    ["huge", () => Buffer.alloc(64 * 1024, "x")],
    ["longer than any, although sealed", () => sealed([masterKey("a")], "revocation-announcement", channel, tooLong)],
    ["of an unknown shape", () => sealed([masterKey("a")], "revocation-announcement", channel, { ...announced, more: 1 })],
  ];
  test.each(cases)("%s", async (_, message) => {
    const one = await startReplica();
    await operator.publish(channel, message());
    one.publish(heartbeat);
    await eventually("the next message", () => one.heard.length > 0);
    expect(one.heard).toEqual([heartbeat]);
    expect(one.alarms).toEqual([{ kind: "unreadable", store: "revocations" }]);
  });

  test.each([
    ["kept and sent again much later", 30_001],
    ["dated ahead", -30_001],
  ])("%s", async (_, laterMs) => {
    const one = await startReplica();
    const bytes = await overheard(() => one.publish(announced));
    await eventually("the message itself", () => one.heard.length === 1);
    clock.advance(laterMs);
    await operator.publish(channel, bytes);
    one.publish({ ...heartbeat, atMs: clock() });
    await eventually("the next message", () => one.heard.length === 2);
    expect(one.heard).toEqual([announced, { ...heartbeat, atMs: clock() }]);
    expect(one.alarms).toEqual([{ kind: "implausible", store: "revocations" }]);
  });
});

test("with Redis away nothing is thrown and nothing waits; when it is back they hear one another again", async () => {
  const [one, other] = [await startReplica(), await startReplica()];
  await server.kill();
  await eventually("its absence", () => one.redis.status() === "away");
  one.publish(announced);
  await server.start();
  await ready(one.redis);
  await eventually("both subscriptions", async () => (await listeners()) === 2);
  one.publish(heartbeat);
  await eventually("the message", () => other.heard.length > 0);
  expect(other.heard).toEqual([heartbeat]);
});

test("a connection on which nothing comes any more is noticed and replaced, although nobody waits for anything on it", async () => {
  const proxy = await startFaultProxy(server.port);
  const listener = await startReplica({ listenOn: proxy.port });
  const speaker = await startReplica();
  proxy.always({ kind: "hang", at: "answer" });
  await eventually("another attempt", () => proxy.accepted() > 1);
  proxy.clear();
  await eventually("a message that is heard", () => {
    speaker.publish(heartbeat);
    return listener.heard.length > 0;
  });
  expect(listener.heard[0]).toEqual(heartbeat);
  await listener.close();
  await proxy.close();
});

test("a connection that breaks while it subscribes anew is replaced, and ends nothing", async () => {
  const proxy = await startFaultProxy(server.port);
  const bare = createRedis({ ...server.address, port: proxy.port }, { log: () => undefined, random: () => 0 });
  await ready(bare);
  const untilReady = proxy.passed("request");
  await bare.close();
  const listener = await startReplica({ listenOn: proxy.port });
  const speaker = await startReplica();
  const unheard: unknown[] = [];
  const note = (failure: unknown) => void unheard.push(failure);
  process.on("unhandledRejection", note);
  proxy.always({ kind: "reset", at: "request", afterBytes: untilReady + 1 });
  proxy.resetAll();
  await eventually("two attempts that broke", () => proxy.met() > 1);
  proxy.clear();
  await eventually("a message that is heard", () => {
    speaker.publish(heartbeat);
    return listener.heard.length > 0;
  });
  process.off("unhandledRejection", note);
  expect(unheard).toEqual([]);
  await listener.close();
  await proxy.close();
});
