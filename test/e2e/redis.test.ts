import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Redis } from "ioredis";
import { eventually } from "../support/eventually.ts";
import { type Answer, backendRedirectUri, type FakeStack, type Instance, page, reasonOf, startFakeStack } from "../support/fake-stack.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

// Two instances on one Redis: what one of them remembers, the other finds, and what neither wrote is believed by none.

let redis: RedisServer;
let raw: Redis;
let stack: FakeStack;
let one: Instance;
let other: Instance;
beforeAll(async () => {
  redis = await startRedisServer();
  raw = redis.raw();
  stack = await startFakeStack({ redis: redis.url, instances: 2 });
  [one, other] = stack.instances as [Instance, Instance];
  await eventually(
    "both instances reach Redis",
    async () => (await redisStatus(one)) === "ready" && (await redisStatus(other)) === "ready",
  );
});
afterAll(async () => {
  await stack.close();
  await redis.stop();
});
afterEach(async () => {
  await redis.flush();
});

const redisStatus = async ({ url }: Instance): Promise<unknown> =>
  ((await (await fetch(`${url}/readyz`)).json()) as { redis: unknown }).redis;
const verifications = (): Promise<string[]> => raw.keys("cambio:v1:ver:*");

/** Validated by the first instance, and written where the second one finds it. */
async function remembered(token: string): Promise<{ readonly answer: Answer; readonly key: string }> {
  const before = new Set(await verifications());
  const answer = await one.validate(token);
  let key: string | undefined;
  await eventually(
    "the verification is in Redis",
    async () => (key = (await verifications()).find((name) => !before.has(name))) !== undefined,
  );
  return { answer, key: key ?? "" };
}

const redeem = (instance: Instance, { code, codeVerifier, redirectUri, state }: Awaited<ReturnType<FakeStack["newCode"]>>) =>
  instance.rpc("Exchange", { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri, state } }, { origin: page });

const changed = (change: (value: Buffer) => Buffer) => async (key: string) => {
  const value = (await raw.getBuffer(key)) ?? Buffer.alloc(0);
  await raw.set(key, change(value), "PX", 60_000);
};
const flipped = (at: (length: number) => number) =>
  changed((value) => {
    const copy = Buffer.from(value);
    copy[at(copy.length)] = (copy[at(copy.length)] ?? 0) ^ 1;
    return copy;
  });

describe("codes", () => {
  it("the same code sent to both at once reaches the provider once", async () => {
    for (let round = 0; round < 5; round += 1) {
      const calls = stack.provider.callsTo("token");
      // Without a state of ours, which would be used up beside it.
      const code = { ...(await stack.newCode()), state: "" };
      const answers = await Promise.all([redeem(one, code), redeem(other, code), redeem(one, code), redeem(other, code)]);
      const outcomes = answers.map((answer) => reasonOf(answer) ?? answer.status);
      expect(outcomes.map(String).toSorted()).toEqual(["200", "GRANT_INVALID", "GRANT_INVALID", "GRANT_INVALID"]);
      expect(stack.provider.callsTo("token")).toBe(calls + 1);
    }
  });

  it("a sign-in that one began is finished by the other, with the verifier that was kept", async () => {
    const headers = { authorization: stack.authorization("backend") };
    const { body } = await one.rpc("CreateAuthorizationUrl", {}, headers);
    const { code, state } = await stack.provider.login(String(body["authorizationUrl"]));
    const subject = { code, state, redirectUri: backendRedirectUri };
    expect((await other.rpc("Exchange", { authorizationCode: subject }, headers)).status).toBe(200);
  });

  it("a state that was forgotten by FLUSHALL is refused", async () => {
    const code = await stack.newCode();
    await redis.flush();
    expect(reasonOf(await redeem(other, code))).toBe("GRANT_INVALID");
  });
});

describe("verifications", () => {
  it("one verification is a hit at the other, with the same claims and the same end", async () => {
    const token = await stack.token();
    const hits = await other.metric("cambio_cache_lookups_total", { of: "verification", tier: "redis" });
    const { answer } = await remembered(token);
    expect((await other.validate(token)).body).toEqual({ ...answer.body, cached: true });
    expect(await other.metric("cambio_cache_lookups_total", { of: "verification", tier: "redis" })).toBe(hits + 1);
  });

  it("nothing in Redis is readable, and nothing stays for longer than a minute", async () => {
    const token = await stack.token();
    const { key } = await remembered(token);
    const value = (await raw.getBuffer(key))?.toString("latin1") ?? "";
    expect(value).not.toBe("");
    stack.canary.saw("Redis", `${key} ${value}`);
    for (const word of ["alice", "cambio", "orders", stack.provider.issuer]) expect(value).not.toContain(word);
    const leftMs = await raw.pttl(key);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
  });

  it.each([
    ["tampered with at its beginning", flipped(() => 0)],
    ["tampered with in the middle", flipped((length) => length >> 1)],
    ["tampered with at its end", flipped((length) => length - 1)],
    ["cut short", changed((value) => value.subarray(0, value.length - 1))],
    ["made longer", changed((value) => Buffer.concat([value, Buffer.from([0])]))],
    ["of 1 MB", changed(() => Buffer.alloc(1_000_000, 1))],
    ["foreign", changed(() => Buffer.from('{"claims":{"subject":"eve"}}'))],
    [
      "of another token",
      async (key: string) => {
        const { key: strange } = await remembered(await stack.token({ sub: "eve" }));
        await raw.set(key, (await raw.getBuffer(strange)) ?? "", "PX", 60_000);
      },
    ],
  ] as const)("a value that is %s is not believed: the same answer by verification, and an alarm", async (_name, spoil) => {
    const token = await stack.token();
    const { answer, key } = await remembered(token);
    await spoil(key);
    const alarms = await other.metric("cambio_cache_alarms_total");
    expect((await other.validate(token)).body).toEqual(answer.body);
    expect(await other.metric("cambio_cache_alarms_total")).toBe(alarms + 1);
    expect(other.logLines().findLast((line) => line["store"] === "verifications")).toMatchObject({ level: "warn", security: true });
  });

  it("two swapped values are not believed either", async () => {
    const tokens = [await stack.token({ sub: "alice" }), await stack.token({ sub: "bob" })] as const;
    const [first, second] = [await remembered(tokens[0]), await remembered(tokens[1])];
    const values = [await raw.getBuffer(first.key), await raw.getBuffer(second.key)] as const;
    await raw.set(first.key, values[1] ?? "", "PX", 60_000);
    await raw.set(second.key, values[0] ?? "", "PX", 60_000);
    const alarms = await other.metric("cambio_cache_alarms_total");
    expect((await other.validate(tokens[0])).body).toEqual(first.answer.body);
    expect((await other.validate(tokens[1])).body).toEqual(second.answer.body);
    expect(await other.metric("cambio_cache_alarms_total")).toBe(alarms + 2);
  });

  it("a value that was put back after its time is over does not count", async () => {
    const token = await stack.token();
    const { key } = await remembered(token);
    const value = (await raw.getBuffer(key)) ?? "";
    stack.time.nowMs += 60_000;
    // A leap of the clock makes what is known of revocations old, until each has read on.
    const unrelated = await stack.token();
    await eventually(
      "both say yes again",
      async () => (await one.validate(unrelated)).status + (await other.validate(unrelated)).status === 400,
    );
    await raw.set(key, value, "PX", 60_000);
    const answer = await other.validate(token);
    expect(answer.status).toBe(200);
    expect(answer.body["cached"]).toBeUndefined();
  });

  it("FLUSHALL between two calls changes nothing but who has to verify again", async () => {
    const token = await stack.token();
    const { answer } = await remembered(token);
    await redis.flush();
    const alarms = await other.metric("cambio_cache_alarms_total");
    expect((await one.validate(token)).body).toEqual({ ...answer.body, cached: true });
    expect((await other.validate(token)).body).toEqual(answer.body);
    expect(await other.metric("cambio_cache_alarms_total")).toBe(alarms);
  });

  it("a remembered verification is still held against the audience and the scopes of each question", async () => {
    const token = await stack.token();
    await remembered(token);
    expect(reasonOf(await other.validate(token, { requiredScopes: ["orders:delete"] }))).toBe("SCOPE_INSUFFICIENT");
    expect((await other.validate(token)).status).toBe(200);
  });
});
