import { afterEach, describe, expect, it } from "vitest";
import { createLog } from "../../src/telemetry/log.ts";
import { wireRedis } from "../../src/wiring/redis.ts";
import { until } from "../cache/fixtures.ts";
import { startRedisServer } from "../support/redis-server.ts";

const parts: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of parts.splice(0).toReversed()) await close();
});

const evicting = ["--maxmemory-policy", "allkeys-lru"];

/** What is logged of a Redis, which `started` says is there. */
async function given(isAuthority: boolean, started: boolean) {
  const server = await startRedisServer({ started, args: evicting });
  parts.push(() => server.stop());
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => lines.push(line) } });
  const redis = wireRedis(server.address, { log, isAuthority });
  parts.push(() => redis.close());
  return { server, redis, logged: (words: string) => lines.filter((line) => line.includes(words)).length };
}

describe("a Redis that is away", () => {
  it.each([
    ["beside a database", false, "without the shared cache"],
    ["that is itself the authority", true, "codes, sign-ins and assertions are refused"],
  ])("%s says what that means", async (_name, isAuthority, words) => {
    const { logged } = await given(isAuthority, false);
    await until(() => logged("redis is away") === 1);
    expect(logged(words)).toBe(1);
  });
});

describe("a Redis that evicts", () => {
  it("is warned of each time it comes, where it is the authority", async () => {
    const { server, logged } = await given(true, true);
    await until(() => logged("redis may evict used codes") === 1);
    await server.kill();
    await until(() => logged("redis is away") === 1);
    await server.start();
    await until(() => logged("redis is ready") === 2);
    await until(() => logged("redis may evict used codes") > 1);
    expect(logged("redis may evict used codes")).toBe(2);
  });

  it("is not warned of as a cache, which may forget", async () => {
    const { server, redis, logged } = await given(false, true);
    await until(() => logged("redis is ready") === 1);
    // Whatever was asked of it at the connection has been answered by the time this is.
    await redis.run((client) => client.ping());
    expect(await server.raw().config("GET", "maxmemory-policy")).toContain("allkeys-lru");
    expect(logged("evict")).toBe(0);
  });
});
