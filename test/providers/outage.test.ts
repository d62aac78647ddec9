import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { type FakeProvider, startFakeProvider } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";
import { createRig, type Rig } from "../support/provider-rig.ts";

let fake: FakeProvider;
let rig: Rig;
beforeEach(async () => {
  fake = await startFakeProvider();
  rig = createRig({ issuer: fake.issuer, client: fake.client });
});
afterEach(async () => {
  await rig.close();
  await fake.close();
});

const soon = () => AbortSignal.timeout(5_000);
const down: Fault = { kind: "status", status: 500 };
const paths = { discovery: "/.well-known/openid-configuration", jwks: "/jwks" } as const;

/** Somebody else's calls to the endpoint, as many as open its circuit, then probes that fail until its pauses are as long as they get. */
async function openCircuit(endpoint: "discovery" | "jwks"): Promise<void> {
  const ask = () =>
    rig.http.send({ endpoint, method: "GET", url: `${fake.issuer}${paths[endpoint]}`, headers: {} }).catch((failure: unknown) => failure);
  for (let count = 0; count < 10; count += 1) await ask();
  for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000]) {
    rig.time.nowMs += pauseMs;
    await ask();
  }
  expect(await ask()).toMatchObject({ code: "circuit_open", retryAfterMs: 30_000 });
}

/** Asks every second from when the endpoint is well again; the seconds until the first success. */
async function secondsUntil(works: () => Promise<boolean>): Promise<number> {
  fake.faults.clear();
  for (let second = 0; second < 200; second += 1) {
    if (await works()) return second;
    rig.time.nowMs += 1_000;
  }
  throw new Error("it never works again");
}

const succeeds = (work: () => Promise<unknown>) => () =>
  work().then(
    () => true,
    () => false,
  );
const discovered = succeeds(() => rig.discovery.metadata(soon()));
const keysFetched = succeeds(() => rig.keySet.ready(soon()));

describe("a provider that was down and is up", () => {
  it("is discovered within the cool-down of ten seconds where its circuit is closed", async () => {
    fake.faults.always("discovery", down);
    expect(await discovered()).toBe(false);
    expect(await secondsUntil(discovered)).toBe(10);
  });

  it("is discovered within the circuit's bound of thirty seconds, to which the cool-down adds nothing", async () => {
    fake.faults.always("discovery", down);
    await openCircuit("discovery");
    // A cool-down of its own begins at every attempt, at the worst instant: just before the circuit lets one through.
    expect(await discovered()).toBe(false);
    rig.time.nowMs += 500;
    expect(await secondsUntil(discovered)).toBeLessThanOrEqual(30);
    expect(rig.events.at(-1)).toEqual({ kind: "closed", endpoint: "discovery" });
  });

  it("has its keys fetched within the circuit's bound, to which the key set's cool-down adds nothing", async () => {
    await rig.discovery.metadata(soon());
    fake.faults.always("jwks", down);
    await openCircuit("jwks");
    rig.time.nowMs += 29_000;
    expect(await keysFetched()).toBe(false);
    expect(await secondsUntil(keysFetched)).toBe(1);
  });

  it("has its keys fetched as soon as it is discovered: the wait for the one is not followed by another", async () => {
    fake.faults.always("discovery", down);
    expect(await discovered()).toBe(false);
    rig.time.nowMs += 9_000;
    expect(await keysFetched()).toBe(false);
    expect(await secondsUntil(keysFetched)).toBe(1);
  });

  it("is of use within ten seconds, discovery and keys together, however long it was away", async () => {
    const prepared = succeeds(() => rig.provider.prepare(soon()));
    fake.faults.always("discovery", down);
    fake.faults.always("jwks", down);
    for (let second = 0; second < 600; second += 1) {
      expect(await prepared()).toBe(false);
      rig.time.nowMs += 1_000;
    }
    expect(await secondsUntil(prepared)).toBeLessThanOrEqual(10);
  });

  it("is asked once in thirty seconds, by the first who comes, while it stays down: the probe is a call that came anyway", async () => {
    await rig.discovery.metadata(soon());
    fake.faults.always("jwks", down);
    await openCircuit("jwks");
    const before = fake.callsTo("jwks");
    for (let second = 0; second < 120; second += 1) {
      await keysFetched();
      rig.time.nowMs += 1_000;
    }
    expect(fake.callsTo("jwks") - before).toBe(3);
  });
});

describe("a provider that asks for a pause", () => {
  it("at discovery is asked no sooner, and says to everybody what is left", async () => {
    fake.faults.next("discovery", { kind: "status", status: 429, headers: { "retry-after": "60" } });
    await discovered();
    for (let second = 0; second < 60; second += 1) {
      const failure = await rig.discovery.metadata(soon()).catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(ExchangeError);
      expect(failure).toMatchObject({ reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 60_000 - second * 1_000 });
      rig.time.nowMs += 1_000;
    }
    expect(fake.callsTo("discovery")).toBe(1);
    expect(await discovered()).toBe(true);
  });

  it("at its keys is asked as soon as the pause is over, however the cool-down lies", async () => {
    await rig.discovery.metadata(soon());
    fake.faults.next("jwks", { kind: "status", status: 503, headers: { "retry-after": "70" } });
    await keysFetched();
    expect(await secondsUntil(keysFetched)).toBe(70);
    expect(fake.callsTo("jwks")).toBe(2);
  });
});
