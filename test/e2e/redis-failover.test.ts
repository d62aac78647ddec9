import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { RedisTarget } from "../../src/cache/redis-target.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeCode, type FakeStack, type Instance, startFakeStack } from "../support/fake-stack.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import type { RedisProcess } from "../support/redis-process.ts";
import { startRedisSentinels } from "../support/redis-sentinel.ts";
import { outcomeOf, redeem, revokeAsService, untilReady } from "./replica-rig.ts";

// Three replicas under load on a Redis of several servers, without a database: masters are killed, or hang, others take over, and
// nobody restarts Cambio.

/** A call waits for no more than a few commands of 250 ms, also on a busy machine. */
const callLimitMs = 3_000;
/** Longer than a failover takes: meanwhile validations go on as always. */
const lagMs = 20_000;
const failoverLimitMs = 20_000;
/** A mark that was made so shortly before its server died may not have reached the replica. */
const unreplicatedMs = 1_000;
const paceMs = 5;

interface RedisOfMany {
  readonly target: RedisTarget;
  /** The master that matters most now. */
  master(): Promise<RedisProcess>;
  /** What was lost comes back, and may take part again. */
  mend(lost: RedisProcess): Promise<void>;
  stop(): Promise<void>;
}

const kinds: readonly (readonly [string, () => Promise<RedisOfMany>])[] = [
  [
    "a Cluster of three masters with a replica each",
    async () => {
      const cluster = await startRedisCluster({ replicas: 1 });
      const logs = ["cambio:v1:{revocations}:head", "cambio:v1:code:{00}:", "cambio:v1:code:{01}:"];
      return {
        target: cluster.target,
        master: async () => cluster.masterOf(logs.shift() ?? ""),
        async mend(lost) {
          lost.resume();
          await lost.start();
          await cluster.settled();
        },
        stop: () => cluster.stop(),
      };
    },
  ],
  [
    "a master with two replicas and three Sentinels",
    async () => {
      const set = await startRedisSentinels();
      // One that goes on as if nothing had happened takes writes until Sentinels make a replica of it, which takes them ten seconds.
      return { target: set.target, master: () => set.master(), mend: async (lost) => lost.resume(), stop: () => set.stop() };
    },
  ],
];

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function given(start: () => Promise<RedisOfMany>): Promise<{ readonly redis: RedisOfMany; readonly stack: FakeStack }> {
  const redis = await start();
  closers.push(() => redis.stop());
  const stack = await startFakeStack({
    instances: 3,
    change: (loaded) => ({ ...loaded, revocation_lag: lagMs, redis: { target: redis.target, ca_file: undefined } }),
  });
  closers.push(() => stack.close());
  await untilReady(stack.instances, "redis");
  const clock = setInterval(() => (stack.time.nowMs = Date.now()), paceMs);
  closers.push(async () => clearInterval(clock));
  return { redis, stack };
}

interface Seen {
  readonly what: string;
  readonly outcome: string;
  readonly ms: number;
}

interface Load {
  readonly seen: readonly Seen[];
  /** When each code was redeemed with success. */
  readonly redeemed: ReadonlyMap<FakeCode, readonly number[]>;
  stop(): Promise<void>;
}

/** Validations of every kind and code exchanges, each code at two replicas at once, until it is stopped. */
async function startLoad({ instances, token, newCode }: FakeStack, revoked: string): Promise<Load> {
  const seen: Seen[] = [];
  const redeemed = new Map<FakeCode, number[]>();
  const tokens = await Promise.all(Array.from({ length: 200 }, () => token()));
  const bad: readonly (readonly [string, string])[] = [
    ["TOKEN_REVOKED", revoked],
    ["TOKEN_EXPIRED", await token({ iat: Math.floor(Date.now() / 1_000) - 600, exp: Math.floor(Date.now() / 1_000) - 1 })],
    ["ISSUER_NOT_TRUSTED", await token({ iss: "https://evil.example" })],
  ];
  const stopping = new AbortController();

  async function timed(what: string, call: () => Promise<Parameters<typeof outcomeOf>[0]>): Promise<string> {
    const begun = performance.now();
    const outcome = outcomeOf(await call());
    seen.push({ what, outcome, ms: performance.now() - begun });
    return outcome;
  }

  async function validate(at: Instance, offset: number): Promise<void> {
    for (let number = offset; !stopping.signal.aborted; number += 1) {
      const [what, one] = number % 4 === 0 ? (bad[(number / 4) % bad.length] ?? ["", ""]) : ["200", tokens[number % tokens.length] ?? ""];
      await timed(what, () => at.validate(one));
      await pause(paceMs);
    }
  }

  async function exchange(offset: number): Promise<void> {
    for (let number = offset; !stopping.signal.aborted; number += 1) {
      const [begin, one, other] = [at(number), at(number + 1), at(number + 2)] as const;
      // Where no sign-in can begin there is no code either.
      const code = await newCode(begin).catch(() => undefined);
      if (code === undefined) {
        await pause(paceMs);
        continue;
      }
      const times: number[] = [];
      redeemed.set(code, times);
      const bare = { ...code, state: "a-state-of-the-client" };
      const outcomes = await Promise.all([one, other].map((replica) => timed("a code", () => redeem(replica, bare))));
      for (const outcome of outcomes) if (outcome === "200") times.push(performance.now());
    }
  }

  const at = (number: number): Instance => instances[number % instances.length] as Instance;
  const workers = [...instances.map((instance, index) => validate(instance, 67 * index)), exchange(0), exchange(1)];
  return {
    seen,
    redeemed,
    async stop() {
      stopping.abort();
      await Promise.all(workers);
    },
  };
}

describe.each(kinds)("%s", (_, start) => {
  it("masters die and hang under load: no wrong answer, no late one, no code that works twice, and all is well again by itself", async () => {
    const { redis, stack } = await given(start);
    const { instances } = stack;
    const [one] = instances as readonly [Instance];
    const revoked = await stack.token();
    expect(outcomeOf(await revokeAsService({ stack }, one, revoked))).toBe("200");
    await eventually("the revocation everywhere", async () => {
      const said = await Promise.all(instances.map((instance) => instance.validate(revoked)));
      return said.every((answer) => outcomeOf(answer) === "TOKEN_REVOKED");
    });
    const load = await startLoad(stack, revoked);
    const kills: number[] = [];
    for (const strike of ["kill", "pause"] as const) {
      const codesBefore = [...load.redeemed.values()].filter((times) => times.length > 0).length;
      await eventually("some exchanges", () => [...load.redeemed.values()].filter((times) => times.length > 0).length > codesBefore + 10);
      const master = await redis.master();
      kills.push(performance.now());
      await master[strike]();
      // Every replica exchanges again, whatever slot its codes are in.
      let inARow = 0;
      await eventually(
        "exchanges at every replica",
        async () => {
          const all = await Promise.all(instances.map(async (at) => codeWorks(stack, at)));
          inARow = all.every(Boolean) ? inARow + 1 : 0;
          return inARow === 5;
        },
        failoverLimitMs,
      );
      await untilReady(instances, "redis");
      await redis.mend(master);
    }
    await load.stop();

    const answers = load.seen.filter(({ what }) => what !== "a code");
    expect(answers.length).toBeGreaterThan(300);
    expect(answers.filter(({ what, outcome }) => what !== outcome)).toEqual([]);
    const exchanges = new Set(load.seen.filter(({ what }) => what === "a code").map(({ outcome }) => outcome));
    expect([...exchanges].filter((outcome) => !["200", "GRANT_INVALID", "STORE_UNAVAILABLE"].includes(outcome))).toEqual([]);
    expect(Math.max(...load.seen.map(({ ms }) => ms))).toBeLessThan(callLimitMs);

    // Again, much later, at every replica: what worked once works nowhere, and what never did is good for once.
    const codes = [...load.redeemed];
    for (const [code, times] of codes) {
      const again = [];
      for (const at of instances) again.push(outcomeOf(await redeem(at, { ...code, state: "a-state-of-the-client" })));
      expect(again.filter((outcome) => outcome === "200").length + times.length).toBeLessThanOrEqual(1);
    }
    const sent = Map.groupBy(
      stack.provider.requests.filter(({ endpoint }) => endpoint === "token").map(({ body }) => new URLSearchParams(body).get("code") ?? ""),
      (code) => code,
    );
    // A mark that a dead server took along is the one reason why the provider, who refuses it, sees a code twice.
    const twice = codes.filter(([{ code }]) => (sent.get(code)?.length ?? 0) > 1);
    expect(
      twice.filter(([, times]) => !times.some((time) => kills.some((kill) => kill > time - 500 && kill - time < unreplicatedMs))),
    ).toEqual([]);
    expect(await Promise.all(instances.map((at) => codeWorks(stack, at)))).toEqual([true, true, true]);
  }, 90_000);
});

async function codeWorks(stack: FakeStack, at: Instance): Promise<boolean> {
  const code = await stack.newCode(at).catch(() => undefined);
  return code !== undefined && outcomeOf(await redeem(at, code)) === "200";
}
