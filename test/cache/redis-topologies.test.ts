import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import { stringify } from "yaml";
import { createOneTimeRedis } from "../../src/cache/one-time-redis.ts";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { evictionOf } from "../../src/cache/redis-eviction.ts";
import type { RedisEvent } from "../../src/cache/redis-line.ts";
import type { RedisNode, RedisTarget } from "../../src/cache/redis-target.ts";
import { createRevocationLogRedis } from "../../src/cache/revocation-log-redis.ts";
import { createSharedCountsRedis } from "../../src/cache/shared-counts-redis.ts";
import { createUsedAssertionsRedis } from "../../src/cache/used-assertions-redis.ts";
import { revokeCommand } from "../../src/cli/revoke.ts";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { announcing } from "./announcing.ts";
import { frozenClock, masterKey, ready, until } from "./fixtures.ts";
import { oneTimeContract } from "./one-time-contract.ts";
import { revocationLogContract } from "./revocation-log-contract.ts";
import { everyKey, onKey, type Topology, topologies } from "./topologies.ts";
import { usedAssertionsContract } from "./used-assertions-contract.ts";

// In the middle of a change of keys every command that names a one-time thing has two keys.
const keys = [masterKey("a"), masterKey("b")] as const;
const noAlarm = (): undefined => undefined;

const store = (redis: RedisConnection) =>
  createOneTimeRedis({ redis, names: createOneTimeNames(keys), sealer: createSealer(keys, "pending-state"), onAlarm: noAlarm });
const used = (redis: RedisConnection) => createUsedAssertionsRedis({ redis, names: createOneTimeNames(keys), clock: frozenClock() });
const log = (redis: RedisConnection) => createRevocationLogRedis({ redis, keys, clock: frozenClock(), onAlarm: noAlarm });
const counted = (count: number) => Array.from({ length: 1_000 }, (_, index) => ({ key: `k${index}`, window: 7, count, lifeMs: 3_000 }));

describe.each(topologies)("on %s", (_name, start) => {
  let topology: Topology;
  let target: RedisTarget;
  let masters: readonly Redis[];
  let connections: [RedisConnection, RedisConnection];
  const events: RedisEvent[] = [];

  beforeAll(async () => {
    topology = await start();
    ({ target } = topology);
    masters = await topology.masters();
    connections = [createRedis(target, { log: (event) => void events.push(event) }), createRedis(target, { log: () => undefined })];
    await ready(...connections);
  });
  beforeEach(async () => {
    await Promise.all(masters.map((master) => master.flushall()));
  });
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await topology.stop();
  });

  test("it becomes ready by itself, and says so once", () => {
    expect(events.map(({ kind }) => kind)).toEqual(["redis_ready"]);
  });

  describe("one-time things", () => {
    oneTimeContract({
      stores: () => [store(connections[0]), store(connections[1])],
      async expire() {
        for (const key of await everyKey(masters)) await onKey(masters, key, (master) => master.pexpire(key, 1)).catch(() => undefined);
        await until(async () => (await everyKey(masters)).length === 0);
      },
    });
  });

  describe("used assertions", () => {
    usedAssertionsContract({
      replicas: () => [used(connections[0]), used(connections[1])],
      async pass(ms) {
        for (const key of await everyKey(masters))
          await onKey(masters, key, async (master) => ((await master.pttl(key)) <= ms ? master.pexpire(key, 1) : 0));
        await until(async () => (await everyKey(masters)).length === keys.length);
      },
    });
  });

  describe("the log of revocations", () => {
    revocationLogContract({ logs: () => [log(connections[0]), log(connections[1])] });
  });

  test("counts of a thousand keys add up, in as few commands as there are slots for them", async () => {
    const perSlot = target.kind === "cluster";
    const counts = (redis: RedisConnection) => createSharedCountsRedis({ redis, first: keys[0], replica: randomBytes(16), perSlot });
    const [one, other] = [counts(connections[0]), counts(connections[1])];
    await Promise.all(masters.map((master) => master.config("RESETSTAT")));
    await one.settle(counted(3));
    expect(await other.settle(counted(4))).toEqual(counted(7).map(({ count }) => count));
    const stats = await Promise.all(masters.map((master) => master.info("commandstats")));
    const commands = stats.map((text) => Number(/cmdstat_eval:calls=([0-9]+)/.exec(text)?.[1] ?? 0));
    expect(commands.reduce((sum, each) => sum + each, 0)).toBe(perSlot ? 32 : 2);
    expect(await one.settle(counted(5).slice(0, 1))).toEqual([9]);
  });

  test("what is announced is heard", async () => {
    const pair = await announcing(connections[0], target);
    await expect(pair.again()).resolves.toBeUndefined();
    await pair.close();
  });

  test("one master of all that evicts is enough for a warning", async () => {
    expect(await evictionOf(connections[0])).toBe("keeps");
    const last = masters.at(-1);
    await last?.config("SET", "maxmemory-policy", "allkeys-lru");
    expect(await evictionOf(connections[0])).toBe("evicts");
    await last?.config("SET", "maxmemory-policy", "noeviction");
  });

  describe("an operator", () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "cambio-topologies-"));
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    it("revokes with the command, and every replica reads it", async () => {
      const sealing = Buffer.from(Array.from({ length: 32 }, (_, index) => 7 * index)).toString("base64url");
      const grant = { redirect_uris: ["https://app.example/cb"] };
      const web = { kind: "browser", origins: ["https://app.example"], methods: ["Revoke"], providers: { main: grant } };
      const file = join(folder, "cambio.yaml");
      const provider = { kind: "oidc", issuer: "https://issuer.example", client: { id: "cambio", authentication: "none" } };
      await writeFile(
        file,
        stringify({
          redis: written(target),
          sealing: { keys: [{ id: "k", key: sealing }] },
          providers: { main: provider },
          clients: { web },
        }),
      );
      const said = { out: "", error: "" };
      const output = { out: (text: string) => void (said.out += text), error: (text: string) => void (said.error += text) };
      const status = await revokeCommand([file, "--provider", "main", "--token-id", "abc"], output, {
        defaultFile: file,
        clock: frozenClock(),
      });
      expect({ status, error: said.error }).toEqual({ status: 0, error: "" });
      expect((await everyKey(masters)).filter((key) => key.endsWith(":entries"))).toHaveLength(1);
    });
  });
});

const at = ({ host, port }: RedisNode) => `${host}:${port}`;

/** As it would stand in a configuration file. */
function written(target: RedisTarget): object {
  switch (target.kind) {
    case "single":
      return { url: `redis://${at(target)}` };
    case "sentinel":
      return { sentinel: { master: target.master, nodes: target.nodes.map(at) } };
    case "cluster":
      return { cluster: { nodes: target.nodes.map(at) } };
  }
}
