import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import { createSharedFlight, type SharedFlightOptions } from "../../src/cache/shared-flight.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { SharedFlight, SharedQuestion } from "../../src/exchange/token-exchange-ports.ts";
import { refusal } from "../exchange/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { ready, until } from "./fixtures.ts";

const lease = "cambio:v1:lease:k";
let server: RedisServer;
let raw: Redis;
let replicas: readonly RedisConnection[];

beforeAll(async () => {
  server = await startRedisServer();
  raw = server.raw();
  replicas = Array.from({ length: 3 }, () => createRedis(server.address, { log: () => undefined }));
});
beforeEach(async () => {
  await ready(...replicas);
  await raw.flushall();
});
afterEach(() => server.resume());
afterAll(async () => {
  await Promise.all(replicas.map((redis) => redis.close()));
  await server.stop();
});

/** What replicas can see of each other's answers, and who asked. */
function world() {
  const kept = new Map<string, string>();
  const asked: string[] = [];
  const question = (name: string, given: Partial<SharedQuestion<string>> = {}): SharedQuestion<string> => ({
    recall: async () => kept.get("k"),
    async ask() {
      asked.push(name);
      kept.set("k", `answer of ${name}`);
      return { answer: `answer of ${name}`, kept: Promise.resolve() };
    },
    ...given,
  });
  /** Asks, and is told when; answers once it may. */
  const slow = (name: string) => {
    const started = Promise.withResolvers<AbortSignal>();
    const may = Promise.withResolvers<void>();
    const asking = question(name, {
      async ask(signal) {
        asked.push(name);
        started.resolve(signal);
        await may.promise;
        kept.set("k", `answer of ${name}`);
        return { answer: `answer of ${name}`, kept: Promise.resolve() };
      },
    });
    return { asking, started: started.promise, finish: () => may.resolve(), fail: (failure: Error) => may.reject(failure) };
  };
  return { kept, asked, question, slow };
}

const flight = (number: number, options?: SharedFlightOptions): SharedFlight => createSharedFlight(replicas[number], options);
const patience = () => AbortSignal.timeout(10_000);
const neverWaiting = () => Promise.reject(new Error("waited"));
const leftover = () => raw.exists(lease);

describe("replicas with the same question", () => {
  it("ask once: one holds the lease, the others get what it remembered, and nothing is left of the lease", async () => {
    const { asked, question, slow } = world();
    const { asking, started, finish } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    expect(await raw.pttl(lease)).toBeGreaterThan(0);
    const others = [1, 2].map((number) => flight(number)("k", question(`replica ${number}`), patience()));
    finish();
    expect(await Promise.all([first, ...others])).toEqual(["answer of first", "answer of first", "answer of first"]);
    expect(asked).toEqual(["first"]);
    await until(async () => (await leftover()) === 0);
  });

  it("with different questions do not wait for each other", async () => {
    const { asked, question, slow } = world();
    const { asking, started, finish } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    expect(await flight(1)("other", question("second", { recall: async () => undefined }), patience())).toBe("answer of second");
    finish();
    await first;
    expect(asked).toEqual(["first", "second"]);
  });

  it("look once more when they hold the lease: the one before may have answered between the last look and now", async () => {
    const { asked, kept, question } = world();
    kept.set("k", "answer of before");
    expect(await flight(0)("k", question("late"), patience())).toBe("answer of before");
    expect(asked).toEqual([]);
    await until(async () => (await leftover()) === 0);
  });

  it("find the answer before they find the lease free, and its holder does not wait for that", async () => {
    const { kept, asked, question } = world();
    const visible = Promise.withResolvers<void>();
    const answering = question("first", {
      async ask() {
        asked.push("first");
        return { answer: "answer of first", kept: visible.promise };
      },
    });
    expect(await flight(0)("k", answering, patience())).toBe("answer of first");
    expect(await leftover()).toBe(1);
    const other = flight(1)("k", question("second"), patience());
    kept.set("k", "answer of first");
    visible.resolve();
    expect(await other).toBe("answer of first");
    expect(asked).toEqual(["first"]);
  });

  it("share no refusal: each hears the provider's own word", async () => {
    const { asked, question, slow } = world();
    const { asking, started, fail } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    const second = flight(1)("k", question("second"), patience());
    fail(new ExchangeError("TARGET_NOT_ALLOWED"));
    await expect(first).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    expect(await second).toBe("answer of second");
    expect(asked).toEqual(["first", "second"]);
  });
});

describe("a holder of the lease", () => {
  it("that died is waited for as long as the lease lasts, and then another asks", async () => {
    const { asked, question } = world();
    await raw.set(lease, "of one that died", "PX", 300);
    expect(await flight(0)("k", question("second"), patience())).toBe("answer of second");
    expect(asked).toEqual(["second"]);
  });

  it("that lives keeps it for as long as it asks", async () => {
    const { asked, question, slow } = world();
    const { asking, started, finish } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    await raw.pexpire(lease, 1_000);
    await eventually("the lease is renewed", async () => (await raw.pttl(lease)) > 1_000);
    finish();
    await first;
    expect(await flight(1)("k", question("second"), patience())).toBe("answer of first");
    expect(asked).toEqual(["first"]);
  });

  it("gives back its own only: what another took meanwhile stays", async () => {
    const { slow } = world();
    const { asking, started, finish } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    await raw.set(lease, "of another", "PX", 2_000);
    finish();
    await first;
    // The release is sent behind whatever comes next on the same connection.
    await replicas[0]?.run((client) => client.ping());
    expect(await raw.get(lease)).toBe("of another");
  });

  it("never holds it longer than two seconds without asking for more", async () => {
    const { slow } = world();
    const { asking, started, finish } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    expect(await raw.pttl(lease)).toBeLessThanOrEqual(2_000);
    finish();
    await first;
  });
});

describe("who waits", () => {
  it("waits no longer than its own call lasts", async () => {
    const { asked, question } = world();
    await raw.set(lease, "of another", "PX", 2_000);
    const leaving = new AbortController();
    const looked = Promise.withResolvers<void>();
    const recall = async () => {
      looked.resolve();
      return undefined;
    };
    const waiting = flight(0)("k", question("waiter", { recall }), leaving.signal);
    await looked.promise;
    leaving.abort();
    await expect(waiting).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(asked).toEqual([]);
    expect(await raw.get(lease)).toBe("of another");
  });

  it.each([
    ["has no end", () => raw.set(lease, "of an attacker")],
    ["ends in an hour", () => raw.set(lease, "of an attacker", "PX", 3_600_000)],
  ])(
    "does not wait for a lease that an attacker left in Redis and that %s: a caller with little time is answered",
    async (_what, plant) => {
      const { asked, question } = world();
      await plant();
      expect(await flight(0, { wait: neverWaiting })("k", question("first"), patience())).toBe("answer of first");
      expect(asked).toEqual(["first"]);
      expect(await raw.get(lease)).toBe("of an attacker");
    },
  );

  it("asks for itself after five seconds, though the lease is held and no answer came", async () => {
    const { asked, question } = world();
    await raw.set(lease, "of another", "PX", 2_000);
    let clockMs = 0;
    const waits: number[] = [];
    const options = {
      now: () => clockMs,
      wait: async (ms: number) => {
        waits.push(ms);
        clockMs += ms;
      },
    };
    expect(await flight(0, options)("k", question("waiter", { recall: async () => undefined }), patience())).toBe("answer of waiter");
    expect(asked).toEqual(["waiter"]);
    expect(clockMs).toBeGreaterThanOrEqual(5_000);
    expect(clockMs).toBeLessThan(5_200);
    expect([waits[0], Math.max(...waits)]).toEqual([10, 100]);
    expect(await raw.get(lease)).toBe("of another");
  });
});

describe("without a Redis that answers each asks for itself:", () => {
  it("one that is alone", async () => {
    const { asked, question } = world();
    expect(await createSharedFlight(undefined)("k", question("alone"), patience())).toBe("answer of alone");
    expect(asked).toEqual(["alone"]);
  });

  it("one that hangs before the lease is taken", async () => {
    const { asked, question } = world();
    server.pause();
    const answers = [0, 1, 2].map((number) => flight(number)("k", question(`replica ${number}`), patience()));
    expect(await Promise.all(answers)).toHaveLength(3);
    expect(asked.toSorted()).toEqual(["replica 0", "replica 1", "replica 2"]);
  });

  it("one that goes away while the lease is held, and while another waits", async () => {
    const { asked, question, slow } = world();
    const { asking, started, finish } = slow("first");
    const first = flight(0)("k", asking, patience());
    await started;
    const second = flight(1)("k", question("second", { recall: async () => undefined }), patience());
    await server.kill();
    expect(await second).toBe("answer of second");
    finish();
    // The release fails, and nobody hears of it.
    expect(await first).toBe("answer of first");
    expect(asked).toEqual(["first", "second"]);
    await server.start();
  });
});
