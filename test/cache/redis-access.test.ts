import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOneTimeRedis } from "../../src/cache/one-time-redis.ts";
import { evictionOf } from "../../src/cache/redis-eviction.ts";
import type { RedisAccess, RedisTarget } from "../../src/cache/redis-target.ts";
import { keptVerifications } from "../../src/cache/verification-codec.ts";
import { createRedisTier } from "../../src/cache/redis-tier.ts";
import { createRevocationAnnouncements } from "../../src/cache/revocation-announcements.ts";
import { createRevocationLogRedis } from "../../src/cache/revocation-log-redis.ts";
import { createSharedCountsRedis } from "../../src/cache/shared-counts-redis.ts";
import { createUsedAssertionsRedis } from "../../src/cache/used-assertions-redis.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { generalName, makeAuthority } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { useConnections } from "./connections.ts";
import { frozenClock, masterKey, nowMs, pendingState, ready, until, verification } from "./fixtures.ts";
import { tokenRevocation } from "./revocation-log-contract.ts";
import { type Guard, type Topology, topologies } from "./topologies.ts";

const keys = [masterKey("a"), masterKey("b")] as const;
/** As docs/operations.md gives it. */
const rights =
  "~cambio:* &cambio:* -@all +@read +@write +@connection +@pubsub -@dangerous +eval +info +config|get +cluster|slots +cluster|info";
const words = { default: "word-of-default", cambio: "word-of-cambio", mute: "word-of-mute", sentinels: "word-of-the-sentinels" };

const onAlarm = (): undefined => undefined;

const { events, open } = useConnections();

const codesOfAway = () => events.flatMap((event) => (event.kind === "redis_away" ? [event.code] : []));
const asUser = (target: RedisTarget, username: string | undefined, password: string | undefined): RedisTarget => ({
  ...target,
  username,
  password: password === undefined ? undefined : new Secret(password),
});

const authority = makeAuthority("Redis CA");

/** Servers that speak TLS only, and to users only. */
async function guardedBy(folder: string): Promise<Guard> {
  const { cert, key } = authority.issue({ use: "none", otherNames: [generalName.ip(127, 0, 0, 1)] });
  const files = { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  await Promise.all([writeFile(files.ca, authority.cert), writeFile(files.cert, cert), writeFile(files.key, key)]);
  const tls = [`tls-ca-cert-file ${files.ca}`, `tls-cert-file ${files.cert}`, `tls-key-file ${files.key}`, "tls-auth-clients no"];
  const operator: RedisAccess = { tls: true, ca: authority.cert, username: undefined, password: new Secret(words.default) };
  return {
    args: [
      ...tls.flatMap((line) => `--${line}`.split(" ")),
      ...`--requirepass ${words.default} --masterauth ${words.default}`.split(" "),
      ...`--user cambio on >${words.cambio} ${rights}`.split(" "),
      ...`--user mute on >${words.mute} ~* &* +@all -eval -set`.split(" "),
    ],
    access: operator,
    lines: [
      ...tls,
      `sentinel auth-pass main ${words.default}`,
      `requirepass ${words.sentinels}`,
      `sentinel sentinel-pass ${words.sentinels}`,
      `user watcher on >${words.sentinels} -@all +@connection +sentinel|master +sentinel|get-master-addr-by-name`,
    ],
    sentinel: { username: undefined, password: new Secret(words.sentinels) },
  };
}

describe.each(topologies)("TLS, users and passwords on %s", (_, start) => {
  let folder: string;
  let topology: Topology;
  let target: RedisTarget;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cambio-redis-access-"));
    topology = await start(await guardedBy(folder));
    ({ target } = topology);
    if (target.kind === "sentinel") target = { ...target, sentinel: { username: "watcher", password: new Secret(words.sentinels) } };
  });
  afterAll(async () => {
    await topology.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("a user with the rights that the documentation names can do everything", async () => {
    const mine = asUser(target, "cambio", words.cambio);
    const redis = open(mine);
    await ready(redis);
    const clock = frozenClock();
    const names = createOneTimeNames(keys);
    const oneTime = createOneTimeRedis({ redis, names, sealer: createSealer(keys, "pending-state"), onAlarm });
    const claim = await oneTime.claimCode("main", new Secret("code"));
    await claim?.release();
    await oneTime.keepState("state", pendingState());
    expect(await oneTime.takeState("state")).toBeDefined();
    expect(await createUsedAssertionsRedis({ redis, names, clock }).claim("batch", "id", nowMs + 60_000)).toBe(true);
    const log = createRevocationLogRedis({ redis, keys, clock, onAlarm });
    await log.append(tokenRevocation("a"));
    expect((await log.readSince(0, 10)).entries).toHaveLength(1);
    const counts = createSharedCountsRedis({ redis, first: keys[0], replica: randomBytes(16) });
    expect(await counts.settle([{ key: "k", window: 1, count: 2, lifeMs: 1_000 }])).toEqual([2]);
    const tier = createRedisTier({ redis, sealer: createSealer(keys, "verification"), kind: keptVerifications, clock, onAlarm });
    await tier.put("key", verification());
    await eventually("what was put", async () => (await tier.get("key")) !== undefined);
    const parts = { redis, target: mine, sealer: createSealer(keys, "revocation-announcement"), clock, onAlarm };
    const announcements = createRevocationAnnouncements(parts);
    const heard: unknown[] = [];
    announcements.listen((announcement) => void heard.push(announcement));
    await eventually("an announcement", () => {
      announcements.publish({ log: "database", seq: 1, atMs: nowMs });
      return heard.length > 0;
    });
    await announcements.close();
    expect(await evictionOf(redis)).toBe("keeps");
  });

  test.each([
    ["no password", undefined, undefined, "NOAUTH"],
    ["a wrong password", "cambio", "word-of-nobody", "WRONGPASS"],
    ["a wrong user", "nobody", words.cambio, "WRONGPASS"],
  ])("with %s it stays away, says why once, and shows no password", async (_name, username, password, code) => {
    const redis = open(asUser(target, username, password));
    await until(() => codesOfAway().length > 0);
    const failure: unknown = await redis.run((client) => client.ping()).catch((error: unknown) => error);
    expect(codesOfAway()).toEqual([code]);
    expect(failure).toMatchObject({ code: "AWAY", outcome: "refused" });
    expect(JSON.stringify([events, failure, String(failure)])).not.toContain("word-of");
  });

  test("a user without a command is refused it, certainly, and the connection stays", async () => {
    const redis = open(asUser(target, "mute", words.mute));
    await ready(redis);
    const claim = redis.run((client) => client.eval("return 1", 1, "cambio:x"));
    await expect(claim).rejects.toMatchObject({ code: "NOPERM", outcome: "refused" });
    expect(redis.status()).toBe("ready");
  });

  test("a full Redis refuses to remember, certainly, and the connection stays", async () => {
    const redis = open(asUser(target, "cambio", words.cambio));
    await ready(redis);
    const masters = await topology.masters();
    await Promise.all(masters.map((master) => master.config("SET", "maxmemory", "1")));
    const names = createOneTimeNames(keys);
    const script = "return redis.call('SET', KEYS[1], 'x')";
    const [name] = names.ofState("state");
    await expect(redis.run((client) => client.eval(script, 1, name))).rejects.toMatchObject({ code: "OOM", outcome: "refused" });
    await Promise.all(masters.map((master) => master.config("SET", "maxmemory", "0")));
    expect(await redis.run((client) => client.eval(script, 1, name))).toBe("OK");
    expect(redis.status()).toBe("ready");
  });

  test.each([
    ["another CA of the same name", makeAuthority("Redis CA").cert],
    ["no CA that anybody knows", undefined],
  ])("that %s vouches for: nothing is sent to it", async (_name, ca) => {
    const redis = open({ ...asUser(target, "cambio", words.cambio), ca });
    await until(() => codesOfAway().length > 0);
    expect(codesOfAway()).toEqual([expect.stringMatching(/CERT|SIGNATURE/)]);
    expect(redis.status()).toBe("away");
  });
});
