import { describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Answer, Instance } from "../support/fake-stack.ts";
import { exchangesAt, exchanging, newTokenOf, swapAt } from "./exchange-world.ts";
import { atOnce, type Given, useServers } from "./replica-rig.ts";

const servers = useServers();
const calls = 1_000;

/** Sends all of them, and lets the provider answer only when each has looked into the cache in vain. */
async function allAtOnce({ stack }: Given, replicas: readonly Instance[], token: string): Promise<readonly Answer[]> {
  const release = stack.provider.hold("token");
  const answers = atOnce(calls, replicas, (at) => swapAt(at, token));
  const lookedUp = async () => {
    const counts = await Promise.all(replicas.map((at) => at.metric("cambio_cache_lookups_total", { of: "exchange", tier: "none" })));
    return counts.reduce((sum, count) => sum + count, 0) === calls;
  };
  await eventually("every look-up", lookedUp, 15_000);
  release();
  return answers;
}

const tokensIn = (answers: readonly Answer[]) => new Set(answers.map(newTokenOf));

describe("one thousand calls at once with the same unseen token", () => {
  it("over three replicas on one Redis are one exchange, and every call gets the same token", async () => {
    const given = await servers.given({ redis: true }, exchanging);
    const token = await given.stack.token({ scope: "orders:read" });
    const answers = await allAtOnce(given, given.replicas, token);
    expect(tokensIn(answers).size).toBe(1);
    expect(exchangesAt(given.stack.provider)).toBe(1);
    expect(given.stack.provider.violations).toEqual([]);
    // And whoever comes later, at any of them.
    for (const at of given.replicas) expect(await swapAt(at, token)).toMatchObject({ status: 200, body: { cached: true } });
    expect(exchangesAt(given.stack.provider)).toBe(1);
  });

  it("over three replicas whose Redis is away are one exchange at each at most", async () => {
    const given = await servers.given({ redis: true, postgres: true }, exchanging);
    const token = await given.stack.token({ scope: "orders:read" });
    await servers.kill(servers.redis());
    const answers = await allAtOnce(given, given.replicas, token);
    expect(tokensIn(answers).size).toBeLessThanOrEqual(3);
    expect(exchangesAt(given.stack.provider)).toBeLessThanOrEqual(3);
  });

  it("at one replica without a Redis are one exchange", async () => {
    const given = await servers.given({ sqlite: true }, exchanging);
    const token = await given.stack.token({ scope: "orders:read" });
    const answers = await allAtOnce(given, [given.stack.cambio], token);
    expect(tokensIn(answers).size).toBe(1);
    expect(exchangesAt(given.stack.provider)).toBe(1);
  });

  it("that the provider refuses are asked about once at each replica at most: a refusal is nobody else's answer", async () => {
    const given = await servers.given({ redis: true }, exchanging);
    const token = await given.stack.token({ scope: "orders:read" });
    given.stack.provider.faults.always("token", { kind: "status", status: 400, body: { error: "invalid_grant" } });
    const answers = await allAtOnce(given, given.replicas, token);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect(exchangesAt(given.stack.provider)).toBe(3);
    given.stack.provider.faults.clear();
    expect((await swapAt(given.stack.cambio, token)).status).toBe(200);
  });
});

describe("what one replica had exchanged", () => {
  it("another finds in Redis, sealed: neither token can be read there", async () => {
    const given = await servers.given({ redis: true }, exchanging);
    const [one, other] = given.replicas;
    const token = await given.stack.token({ scope: "orders:read" });
    const first = newTokenOf(await swapAt(one, token));
    const raw = servers.redis().raw();
    await eventually("it is there", async () => (await raw.keys("cambio:v1:exc:*")).length === 1);
    expect(newTokenOf(await swapAt(other, token))).toBe(first);
    for (const key of await raw.keys("*")) {
      const value = await raw.getBuffer(key).catch(() => Buffer.alloc(0));
      for (const secret of [token, first, first.split(".")[1] ?? "", "alice"]) expect(value?.includes(secret)).toBe(false);
    }
    const [key = ""] = await raw.keys("cambio:v1:exc:*");
    expect(await raw.pttl(key)).toBeLessThanOrEqual(60_000);
  });

  it.each<[string, (value: Buffer, other: Buffer) => Buffer]>([
    ["cut", (value) => value.subarray(0, -1)],
    ["changed in one bit", (value) => Buffer.concat([value.subarray(0, -1), Buffer.from([(value.at(-1) ?? 0) ^ 1])])],
    ["that of another token", (_value, other) => other],
    ["an attacker's own", () => Buffer.from(JSON.stringify({ accessToken: "a.b.c" }))],
  ])("is not believed where it is %s: it is asked for anew, and there is an alarm", async (_what, change) => {
    const given = await servers.given({ redis: true }, exchanging);
    const [one, other] = given.replicas;
    const raw = servers.redis().raw();
    const stored = async (count: number) => {
      await eventually("it is there", async () => (await raw.keys("cambio:v1:exc:*")).length === count);
      return raw.keys("cambio:v1:exc:*");
    };
    const token = await given.stack.token({ scope: "orders:read" });
    const first = newTokenOf(await swapAt(one, token));
    const [key = ""] = await stored(1);
    await swapAt(one, await given.stack.token({ scope: "orders:read", sub: "mallory" }));
    const otherKey = (await stored(2)).find((name) => name !== key) ?? "";
    const [value, otherValue] = [await raw.getBuffer(key), await raw.getBuffer(otherKey)];
    await raw.set(key, change(value ?? Buffer.alloc(0), otherValue ?? Buffer.alloc(0)), "PX", 50_000);
    expect(newTokenOf(await swapAt(other, token))).not.toBe(first);
    expect(exchangesAt(given.stack.provider)).toBe(3);
    // Looked at twice: once before the question, once when it was this replica that asks it.
    expect(await other.metric("cambio_cache_alarms_total")).toBe(2);
  });
});
