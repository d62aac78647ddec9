import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRedis } from "../../src/cache/redis-connection.ts";
import { createRevocationAnnouncements } from "../../src/cache/revocation-announcements.ts";
import { createRevocationLogRedis } from "../../src/cache/revocation-log-redis.ts";
import { createRevocations, type FollowedRevocations } from "../../src/cache/revocations.ts";
import type { RevocableToken, Revocation } from "../../src/exchange/ports.ts";
import type { RevocationLog } from "../../src/exchange/revocation-ports.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { createRevocationLog } from "../../src/store/revocation-log.ts";
import { masterKey, ready } from "../cache/fixtures.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { onEachDatabase } from "./database-rig.ts";

// Whole replicas on the machine's clock, at the pace of the service.
const lagMs = 5_000;
const withinMs = 1_000;
const keys = [masterKey("a")] as const;
const revoked = refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });

let redisServer: RedisServer;
let operator: Redis;
let closers: (() => Promise<void>)[];

beforeAll(async () => {
  redisServer = await startRedisServer();
  operator = redisServer.raw();
});
afterAll(() => redisServer.stop());
beforeEach(async () => {
  closers = [];
  await redisServer.flush();
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
});

const now = (): number => Math.floor(Date.now() / 1_000);
const revocation = (id: string): Revocation => ({ kind: "token", provider: "main", id, expiresAt: now() + 300 });
const token = (id: string): RevocableToken => ({ provider: "main", id, subject: "alice", issuedAt: now() });
const checked = (by: FollowedRevocations, id: string): unknown => outcomeOf(() => by.check(token(id)));

async function listeners(): Promise<number> {
  const [, count] = await operator.pubsub("NUMSUB", "cambio:v1:revocations:0");
  return Number(count);
}

async function replica(log: RevocationLog, announced: boolean): Promise<FollowedRevocations> {
  const redis = createRedis(redisServer.address, { log: () => undefined });
  closers.push(() => redis.close());
  await ready(redis);
  const parts = { redis, target: redisServer.address, sealer: createSealer(keys, "revocation-announcement"), clock: Date.now };
  const before = await listeners();
  const announcements = announced ? createRevocationAnnouncements({ ...parts, onAlarm: () => undefined }) : undefined;
  const revocations = createRevocations({ log, announcements, clock: Date.now, lagMs, onState: () => undefined });
  closers.push(async () => {
    await revocations.close();
    await announcements?.close();
  });
  await revocations.start();
  if (announced) await eventually("its subscription", async () => (await listeners()) > before);
  return revocations;
}

/** What each of them says of it once all have something to say: the time limit of a revocation included. */
async function sayings(replicas: readonly FollowedRevocations[], id: string): Promise<unknown[]> {
  await eventually(`${id} at every replica`, () => replicas.every((one) => checked(one, id) !== undefined), withinMs);
  return replicas.map((one) => checked(one, id));
}

onEachDatabase((_, open) => {
  describe.each([
    ["Redis that announces", true],
    ["the database alone", false],
  ])("with %s", (_name, announced) => {
    test("what one of three replicas revokes all refuse within a second, and one that starts later at once", async () => {
      const replicas = [];
      for (let count = 0; count < 3; count += 1) replicas.push(await replica(createRevocationLog(await open()), announced));
      for (const [index, one] of replicas.entries()) {
        expect(checked(one, `id-${index}`)).toBeUndefined();
        await one.revoke(revocation(`id-${index}`));
        expect(await sayings(replicas, `id-${index}`)).toEqual([revoked, revoked, revoked]);
      }
      const late = await replica(createRevocationLog(await open()), announced);
      expect(checked(late, "id-1")).toEqual(revoked);
      expect(checked(late, "other")).toBeUndefined();
    });
  });

  test("right after Redis was restarted empty nothing is forgotten, and what is revoked then is seen within a second", async () => {
    const replicas = [await replica(createRevocationLog(await open()), true), await replica(createRevocationLog(await open()), true)];
    await replicas[0]?.revoke(revocation("before"));
    expect(await sayings(replicas, "before")).toEqual([revoked, revoked]);
    await redisServer.kill();
    await redisServer.start();
    await replicas[0]?.revoke(revocation("after"));
    expect(await sayings(replicas, "before")).toEqual([revoked, revoked]);
    expect(await sayings(replicas, "after")).toEqual([revoked, revoked]);
    expect(checked(await replica(createRevocationLog(await open()), true), "before")).toEqual(revoked);
  });

  test("a replica that has lost the database hears of a revocation from one that has it", async () => {
    const [near, far] = [await open(), await open()];
    const [one, other] = [await replica(createRevocationLog(near), true), await replica(createRevocationLog(far), true)];
    await far.close();
    await one.revoke(revocation("a"));
    expect(await sayings([one, other], "a")).toEqual([revoked, revoked]);
  });
});

test("where Redis is the authority, running replicas keep over a flush what they know, and go on following", async () => {
  const logOn = (): RevocationLog => {
    const redis = createRedis(redisServer.address, { log: () => undefined });
    closers.push(() => redis.close());
    return createRevocationLogRedis({ redis, keys, clock: Date.now, onAlarm: () => undefined });
  };
  const replicas = [await replica(logOn(), false), await replica(logOn(), false)];
  await eventually("freshness", () => replicas.every((one) => checked(one, "none") === undefined));
  await replicas[0]?.revoke(revocation("before"));
  expect(await sayings(replicas, "before")).toEqual([revoked, revoked]);
  await redisServer.flush();
  await replicas[1]?.revoke(revocation("after"));
  expect(await sayings(replicas, "after")).toEqual([revoked, revoked]);
  expect(await sayings(replicas, "before")).toEqual([revoked, revoked]);
});
