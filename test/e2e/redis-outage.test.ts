import { afterEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../src/config/schema.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, type FakeStack, type Instance, page, reasonOf, startFakeStack } from "../support/fake-stack.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

/** What a validation may take while Redis is away: its time limit for one command, and what a loaded machine needs besides. */
const validationLimitMs = 2_000;
/** It comes back by itself within its longest pause between two attempts, and one more for a loaded machine. */
const recoveryLimitMs = 6_000;

const parts: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of parts.splice(0).toReversed()) await close();
});

/** Redis is then a cache and the place of used codes; where somebody revokes, no yes is given without it (revocation.test.ts). */
const nobodyRevokes = (loaded: Configuration): Configuration => ({
  ...loaded,
  clients: Object.fromEntries(
    Object.entries(loaded.clients).map(([id, client]) => [id, { ...client, methods: client.methods.filter((name) => name !== "Revoke") }]),
  ),
});

async function given(
  started: boolean,
): Promise<{ readonly redis: RedisServer; readonly stack: FakeStack; readonly pair: readonly Instance[] }> {
  const redis = await startRedisServer({ started });
  parts.push(() => redis.stop());
  const stack = await startFakeStack({ redis: redis.url, instances: 2, change: nobodyRevokes });
  parts.push(() => stack.close());
  if (started) await eventually("both instances reach Redis", () => allSay(stack.instances, "ready"));
  return { redis, stack, pair: stack.instances };
}

async function allSay(instances: readonly Instance[], status: string): Promise<boolean> {
  const answers = await Promise.all(instances.map(async ({ url }) => (await fetch(`${url}/readyz`)).json() as Promise<{ redis: string }>));
  return answers.every(({ redis }) => redis === status);
}

async function timed(work: Promise<Answer>): Promise<{ readonly outcome: unknown; readonly ms: number }> {
  const begun = performance.now();
  const answer = await work;
  return { outcome: reasonOf(answer) ?? answer.status, ms: performance.now() - begun };
}

interface All {
  readonly stack: FakeStack;
  readonly pair: readonly Instance[];
}

/** Every kind of token, fresh and a second time, at both: those that were not answered as always, or not in time. */
async function wrongAnswers({ stack, pair }: All): Promise<readonly unknown[]> {
  const now = Math.floor(stack.time.nowMs / 1000);
  const expected = [
    [await stack.token(), 200],
    [await stack.token({ iat: now - 600, exp: now - 1 }), "TOKEN_EXPIRED"],
    [await stack.token({ iss: "https://evil.example" }), "ISSUER_NOT_TRUSTED"],
    [await stack.token({ aud: "https://payroll.example" }), "AUDIENCE_MISMATCH"],
  ] as const;
  const wrong: unknown[] = [];
  for (const instance of pair) {
    for (const [token, outcome] of [...expected, ...expected]) {
      const answer = await timed(instance.validate(token));
      if (answer.outcome !== outcome || answer.ms > validationLimitMs) wrong.push({ expected: outcome, ...answer });
    }
  }
  return wrong;
}

const strange = { clientId: "web", authorizationCode: { code: "a-code-that-nobody-issued", codeVerifier: "v".repeat(43) } };

/** Whether both refuse a code, in time, and without the provider hearing of it. */
async function codesAreRefused({ stack, pair }: All): Promise<boolean> {
  const calls = stack.provider.callsTo("token");
  const answers = await Promise.all(pair.map((instance) => timed(instance.rpc("Exchange", strange, { origin: page }))));
  const refused = answers.every(({ outcome, ms }) => outcome === "STORE_UNAVAILABLE" && ms < validationLimitMs);
  return refused && stack.provider.callsTo("token") === calls;
}

/** What becomes of a code at each of them once they have come back by themselves. */
async function codesAfterRecovery({ stack, pair }: All): Promise<readonly unknown[]> {
  await eventually("both instances come back by themselves", () => allSay(pair, "ready"), recoveryLimitMs);
  const outcomes: unknown[] = [];
  for (const instance of pair) {
    const { code, codeVerifier, redirectUri, state } = await stack.newCode();
    const message = { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri, state } };
    outcomes.push((await timed(instance.rpc("Exchange", message, { origin: page }))).outcome);
  }
  return outcomes;
}

describe("Redis that is away", () => {
  it("at start: validations are answered, codes are not, and both work once it is there", async () => {
    const all = await given(false);
    expect(await wrongAnswers(all)).toEqual([]);
    expect(await codesAreRefused(all)).toBe(true);
    await all.redis.start();
    expect(await codesAfterRecovery(all)).toEqual([200, 200]);
  });

  it("killed under load: every validation is answered rightly and in time, and it recovers without a restart", async () => {
    const all = await given(true);
    const { stack, pair, redis } = all;
    const tokens = await Promise.all(Array.from({ length: 40 }, () => stack.token()));
    let killed: Promise<void> | undefined;
    let next = 0;
    const results: { readonly outcome: unknown; readonly ms: number }[] = [];
    const worker = async (): Promise<void> => {
      while (next < 400) {
        const number = next++;
        if (number === 100) killed = redis.kill();
        const [instance, token] = [pair[number % 2], tokens[number % tokens.length]];
        if (instance === undefined || token === undefined) throw new Error("there is nobody to ask");
        results.push(await timed(instance.validate(token)));
        // So that no token is remembered in process for all of the load.
        stack.time.nowMs += 1_000;
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await killed;
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set([200]));
    expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThan(validationLimitMs);
    expect(await codesAreRefused(all)).toBe(true);
    expect(await wrongAnswers(all)).toEqual([]);
    await redis.start();
    expect(await codesAfterRecovery(all)).toEqual([200, 200]);
    expect(stack.cambio.logLines().filter((line) => String(line["msg"]).startsWith("redis is away"))).toHaveLength(1);
  });

  it("hanging: nobody waits for it longer than one command may take, and it recovers when it goes on", async () => {
    const all = await given(true);
    all.redis.pause();
    expect(await codesAreRefused(all)).toBe(true);
    expect(await wrongAnswers(all)).toEqual([]);
    expect(await codesAreRefused(all)).toBe(true);
    all.redis.resume();
    expect(await codesAfterRecovery(all)).toEqual([200, 200]);
  });

  it("full: codes are not claimed where they cannot be remembered", async () => {
    const all = await given(true);
    await all.redis.raw().config("SET", "maxmemory", "1");
    expect(await codesAreRefused(all)).toBe(true);
    expect(await wrongAnswers(all)).toEqual([]);
    await all.redis.raw().config("SET", "maxmemory", "0");
    expect(await codesAfterRecovery(all)).toEqual([200, 200]);
  });
});

describe("no Redis", () => {
  it("everything works in process, and the start-up log says that this serves one replica", async () => {
    const stack = await startFakeStack();
    parts.push(() => stack.close());
    expect(stack.cambio.logLines().filter((line) => line["level"] === "warn")).toEqual([
      expect.objectContaining({ msg: expect.stringMatching(/no database and no Redis.*one replica only/) }),
    ]);
    const { code, codeVerifier, redirectUri } = await stack.newCode();
    // Without a state of ours, which would be used up beside it.
    const message = { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri } };
    const outcomes = await Promise.all([1, 2, 3].map(() => timed(stack.cambio.rpc("Exchange", message, { origin: page }))));
    expect(outcomes.map(({ outcome }) => String(outcome)).toSorted()).toEqual(["200", "GRANT_INVALID", "GRANT_INVALID"]);
  });
});
