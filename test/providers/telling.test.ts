import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createUpstreamRevocationsMemory } from "../../src/cache/upstream-revocations-memory.ts";
import type { Provider } from "../../src/exchange/provider-ports.ts";
import { tellingLifetimeMs, type TellingQueue } from "../../src/exchange/revocation-ports.ts";
import { createTelling, type Telling, type TellingEvent } from "../../src/providers/telling.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { createTellingNames } from "../../src/sealing/telling-names.ts";
import { sealedColumns } from "../../src/store/sealed-columns.ts";
import { createUpstreamRevocationQueue } from "../../src/store/upstream-revocations.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { telling as about } from "../cache/upstream-revocations-contract.ts";
import { onSqlite } from "../store/database-rig.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import { createRig, type Rig } from "../support/provider-rig.ts";

let clock: FrozenClock;
let fake: FakeProvider;
let rig: Rig;
let events: TellingEvent[];
let opened: Telling[];

beforeEach(async () => {
  clock = frozenClock();
  events = [];
  opened = [];
  fake = await startFakeProvider();
  rig = createRig({ issuer: fake.issuer, client: fake.client, timeoutMs: 2_000 });
});
afterEach(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await rig.close();
  await fake.close();
});

const nameOf = createTellingNames(masterKey("a"));
const patience = (): AbortSignal => AbortSignal.timeout(10_000);

function teller(queue: TellingQueue, given: { provider?: (name: string) => Provider | undefined; atOnceMs?: number } = {}): Telling {
  const provider = given.provider ?? ((name: string) => (name === "main" ? rig.provider : undefined));
  const parts = { queue, provider, clock, random: () => 0.5, onEvent: (event: TellingEvent) => void events.push(event) };
  const one = createTelling(parts, { lookEveryMs: 5, atOnceMs: given.atOnceMs ?? 2_000 });
  opened.push(one);
  return one;
}

/** Whatever waits has been looked for since. */
async function aLook(queue: TellingQueue & { looks(): number }): Promise<void> {
  const before = queue.looks();
  await eventually("a look", () => queue.looks() > before + 1);
}

function counted(queue: TellingQueue): TellingQueue & { looks(): number } {
  let looks = 0;
  return {
    ...queue,
    takeDue(limit) {
      looks += 1;
      return queue.takeDue(limit);
    },
    looks: () => looks,
  };
}

describe("a provider that answers", () => {
  test("has heard it before whoever revokes is answered, and is not told again", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue);
    telling.start();
    expect(await telling.tell(about(), patience())).toBe(false);
    clock.advance(tellingLifetimeMs - 1);
    await aLook(queue);
    expect(fake.revoked).toEqual(["token-1"]);
  });

  test("is not called again by an attacker who revokes the same token again and again", async () => {
    const telling = teller(createUpstreamRevocationsMemory({ nameOf, clock }));
    for (let count = 0; count < 5; count += 1) expect(await telling.tell(about(), patience())).toBe(false);
    expect(fake.callsTo("revocation")).toBe(1);
    expect(await telling.tell(about("token-2"), patience())).toBe(false);
    expect(fake.revoked).toEqual(["token-1", "token-2"]);
  });

  test("and refuses is not asked again, and that is said", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue);
    telling.start();
    fake.faults.always("revocation", { kind: "status", status: 403 });
    expect(await telling.tell(about(), patience())).toBe(false);
    clock.advance(tellingLifetimeMs - 1);
    await aLook(queue);
    expect(fake.callsTo("revocation")).toBe(1);
    expect(events).toEqual([expect.objectContaining({ kind: "refused", provider: "main" })]);
  });

  test("but has no endpoint for it is not asked, and that is said", async () => {
    const provider: Provider = {
      ...rig.provider,
      prepare: async (signal) => ({ ...(await rig.provider.prepare(signal)), revoke: undefined }),
    };
    const telling = teller(createUpstreamRevocationsMemory({ nameOf, clock }), { provider: () => provider });
    expect(await telling.tell(about(), patience())).toBe(false);
    expect(events).toEqual([{ kind: "no_endpoint", provider: "main" }]);
  });
});

describe("a provider that is down", () => {
  test("is told as soon as it is back, at growing intervals until then", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue);
    telling.start();
    fake.faults.always("revocation", { kind: "status", status: 503 });
    expect(await telling.tell(about(), patience())).toBe(true);
    for (const [attempt, waitMs] of [1_000, 2_000, 4_000, 8_000].entries()) {
      clock.advance(waitMs - 1);
      await aLook(queue);
      expect(fake.callsTo("revocation")).toBe(attempt + 1);
      clock.advance(1);
      await eventually("the next attempt", () => fake.callsTo("revocation") === attempt + 2);
      await aLook(queue);
    }
    fake.faults.clear();
    clock.advance(300_000);
    await eventually("the word", () => fake.revoked.length > 0);
    expect(fake.revoked).toEqual(["token-1"]);
  });

  test("is asked no sooner than it says", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue);
    telling.start();
    fake.faults.next("revocation", { kind: "status", status: 429, headers: { "retry-after": "60" } });
    expect(await telling.tell(about(), patience())).toBe(true);
    clock.advance(59_999);
    await aLook(queue);
    expect(fake.callsTo("revocation")).toBe(1);
    rig.time.nowMs += 60_000;
    clock.advance(1);
    await eventually("the word", () => fake.revoked.length > 0);
    expect(fake.callsTo("revocation")).toBe(2);
  });

  test("is not called by an attacker who revokes one token again and again, which stays in the queue once", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue);
    fake.faults.always("revocation", { kind: "status", status: 503 });
    for (let count = 0; count < 5; count += 1) expect(await telling.tell(about(), patience())).toBe(true);
    expect(fake.callsTo("revocation")).toBe(1);
    fake.faults.clear();
    telling.start();
    clock.advance(2_000);
    await eventually("the word", () => fake.revoked.length > 0);
    await aLook(queue);
    expect(fake.revoked).toEqual(["token-1"]);
  });

  test("for a day is not told any more, and that is said", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue);
    telling.start();
    fake.faults.always("revocation", { kind: "status", status: 503 });
    await telling.tell(about(), patience());
    clock.advance(tellingLifetimeMs);
    await eventually("the end of it", () => events.length > 0);
    expect(events).toEqual([{ kind: "expired", count: 1 }]);
  });

  test("is asked once for all that waits, not once for each", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    for (let count = 0; count < 20; count += 1) await (await queue.add(about(`token-${count}`)))?.later(clock());
    fake.faults.always("revocation", { kind: "status", status: 503 });
    teller(queue).start();
    await aLook(queue);
    expect(fake.callsTo("revocation")).toBe(1);
    fake.faults.clear();
    clock.advance(10_000);
    await eventually("every word", () => fake.revoked.length === 20);
    expect(new Set(fake.revoked).size).toBe(20);
  });

  test("that does not even answer discovery is told later, too", async () => {
    const telling = teller(createUpstreamRevocationsMemory({ nameOf, clock }));
    fake.faults.next("discovery", { kind: "html" });
    expect(await telling.tell(about(), patience())).toBe(true);
    expect(fake.callsTo("revocation")).toBe(0);
    rig.time.nowMs += 60_000;
    clock.advance(60_000);
    telling.start();
    await eventually("the word", () => fake.revoked.length > 0);
    expect(fake.revoked).toEqual(["token-1"]);
  });

  test("keeps whoever revokes waiting for a short while only, and its late answer counts", async () => {
    const queue = counted(createUpstreamRevocationsMemory({ nameOf, clock }));
    const telling = teller(queue, { atOnceMs: 20 });
    const release = fake.hold("revocation");
    expect(await telling.tell(about(), patience())).toBe(true);
    release();
    await eventually("the word", () => fake.revoked.length > 0);
    telling.start();
    clock.advance(tellingLifetimeMs - 1);
    await aLook(queue);
    expect(fake.revoked).toEqual(["token-1"]);
  });

  test("does not hold up whoever has no time left", async () => {
    const telling = teller(createUpstreamRevocationsMemory({ nameOf, clock }));
    fake.hold("revocation");
    expect(await telling.tell(about(), AbortSignal.abort())).toBe(true);
  });
});

test("a provider that is not configured for the moment is told when it is again", async () => {
  let configured = false;
  const telling = teller(createUpstreamRevocationsMemory({ nameOf, clock }), { provider: () => (configured ? rig.provider : undefined) });
  telling.start();
  expect(await telling.tell(about(), patience())).toBe(true);
  configured = true;
  clock.advance(2_000);
  await eventually("the word", () => fake.revoked.length > 0);
  expect(fake.revoked).toEqual(["token-1"]);
});

describe("with a database", () => {
  onSqlite((open) => {
    async function queueOf(): Promise<TellingQueue & { looks(): number }> {
      const sealer = createSealer([masterKey("a")], sealedColumns.upstreamToken.purpose);
      return counted(createUpstreamRevocationQueue({ database: await open(), sealer, nameOf, clock, onAlarm: () => undefined }));
    }

    test("what a process could not tell before it ended, the next one tells", async () => {
      const first = teller(await queueOf());
      fake.faults.always("revocation", { kind: "reset" });
      expect(await first.tell(about(), patience())).toBe(true);
      await first.close();
      fake.faults.clear();
      clock.advance(2_000);
      teller(await queueOf()).start();
      await eventually("the word", () => fake.revoked.length > 0);
      expect(fake.revoked).toEqual(["token-1"]);
    });

    test("what a process was just telling when it was stopped is told by another one at once", async () => {
      const first = teller(await queueOf(), { atOnceMs: 10 });
      const release = fake.hold("revocation");
      expect(await first.tell(about(), patience())).toBe(true);
      await eventually("the first word has arrived", () => fake.callsTo("revocation") === 1);
      await first.close();
      release();
      teller(await queueOf()).start();
      await eventually("the word", () => fake.callsTo("revocation") === 2);
      expect(fake.revoked).toContain("token-1");
    });

    test("two replicas tell each of fifty tokens once", async () => {
      const [one, other] = [await queueOf(), await queueOf()];
      fake.faults.always("revocation", { kind: "status", status: 503 });
      const texts = Array.from({ length: 50 }, (_, index) => `token-${index}`);
      for (const text of texts) await (await one.add(about(text)))?.later(clock());
      fake.faults.clear();
      for (const queue of [one, other]) teller(queue).start();
      await eventually("every word", () => fake.revoked.length >= 50);
      await aLook(one);
      await aLook(other);
      expect(fake.revoked.toSorted()).toEqual(texts.toSorted());
    });
  });
});
