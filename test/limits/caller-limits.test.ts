import { describe, expect, it } from "vitest";
import { type CallerLimits, createCallerLimits } from "../../src/limits/caller-limits.ts";
import type { LimitSettings } from "../../src/limits/limits.ts";
import { createRateCounters } from "../../src/limits/rate-counters.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { countOf, settingsOf, type StoppedClock, stoppedClock } from "./fixtures.ts";

interface Rig {
  readonly limits: CallerLimits;
  readonly clock: StoppedClock;
}

function rig(settings: () => LimitSettings = settingsOf(), maxKeys = 1_000): Rig {
  const clock = stoppedClock();
  const [services, addresses] = [createRateCounters(clock), createRateCounters(clock, { maxKeys })];
  return { limits: createCallerLimits({ services, addresses, settings }), clock };
}

const passes = (act: () => void) => outcomeOf(act) === undefined;

const refused = (rule: string, retryAfterMs: unknown = expect.any(Number)) =>
  refusal("RATE_LIMITED", { retryAfterMs, cause: { kind: "policy", rule } });

describe("a service", () => {
  it("has 1,000 calls a second by default, and is told how long to wait", () => {
    const { limits, clock } = rig();
    expect(countOf(1_500, () => passes(() => limits.ofService("orders")))).toBe(1_000);
    expect(() => limits.ofService("orders")).toThrow(refused("limits.services", 1_000));
    clock.advance(1_100);
    expect(countOf(1_500, () => passes(() => limits.ofService("orders")))).toBe(101);
  });

  it("does not spend for another", () => {
    const { limits } = rig(settingsOf({ services: 5 }));
    expect(countOf(10, () => passes(() => limits.ofService("orders")))).toBe(5);
    expect(countOf(10, () => passes(() => limits.ofService("payroll")))).toBe(5);
  });

  it("has the limit of its own where it has one", () => {
    const { limits } = rig(settingsOf({ services: 5, ofClient: new Map([["orders", 8]]) }));
    expect(countOf(10, () => passes(() => limits.ofService("orders")))).toBe(8);
    expect(() => limits.ofService("orders")).toThrow(refused("clients.orders.rate_limit"));
  });

  it("has no more through an attacker with more addresses than there is room for", () => {
    const { limits } = rig(settingsOf({ services: 5 }), 100);
    for (let call = 0; call < 5; call += 1) limits.ofService("orders");
    for (let address = 0; address < 1_000; address += 1) {
      limits.countUnproven(`2001:db8:0:${address.toString(16)}::1`);
      limits.ofPublicClient("web", `2001:db8:1:${address.toString(16)}::1`);
    }
    expect(() => limits.ofService("orders")).toThrow(refused("limits.services"));
  });

  it("is not a public client of the same name", () => {
    const { limits } = rig(settingsOf({ services: 1, publicClients: 1 }));
    limits.ofService("orders");
    expect(passes(() => limits.ofPublicClient("orders", "203.0.113.9"))).toBe(true);
    expect(() => limits.ofService("orders")).toThrow(refused("limits.services"));
  });
});

describe("a public client", () => {
  it("has 20 calls a second by default for each address", () => {
    const { limits } = rig();
    const calls = (address: string) => countOf(50, () => passes(() => limits.ofPublicClient("web", address)));
    expect(calls("203.0.113.9")).toBe(20);
    expect(calls("203.0.113.10")).toBe(20);
    expect(() => limits.ofPublicClient("web", "203.0.113.9")).toThrow(refused("limits.public_clients", 1_000));
  });

  it("an attacker who changes its address within a /64 gets no more than with one", () => {
    const { limits } = rig();
    let next = 0;
    const calls = countOf(500, () => passes(() => limits.ofPublicClient("web", `2001:db8:1:2:${(next += 1).toString(16)}::1`)));
    expect(calls).toBe(20);
  });

  it("does not spend for another at the same address", () => {
    const { limits } = rig(settingsOf({ ofClient: new Map([["cli", 3]]) }));
    expect(countOf(50, () => passes(() => limits.ofPublicClient("web", "203.0.113.9")))).toBe(20);
    expect(countOf(50, () => passes(() => limits.ofPublicClient("cli", "203.0.113.9")))).toBe(3);
    expect(() => limits.ofPublicClient("cli", "203.0.113.9")).toThrow(refused("clients.cli.rate_limit"));
  });

  it("whose calls are all proven never closes its address", () => {
    const { limits } = rig();
    countOf(500, () => passes(() => limits.ofPublicClient("web", "203.0.113.9")));
    expect(passes(() => limits.ofUnproven("203.0.113.9"))).toBe(true);
  });
});

describe("an address", () => {
  it("many pods of a service behind one address are not held against it, however many they are", () => {
    const { limits } = rig();
    const calls = countOf(900, () =>
      passes(() => {
        limits.ofUnproven("203.0.113.9");
        limits.ofService("orders");
      }),
    );
    expect(calls).toBe(900);
  });

  it("an attacker who guesses secrets is told after a while that he guesses too often, and alone", () => {
    const { limits, clock } = rig();
    const guesses = countOf(500, () =>
      passes(() => {
        limits.ofUnproven("203.0.113.9");
        limits.countUnproven("203.0.113.9");
      }),
    );
    expect(guesses).toBe(50);
    expect(() => limits.ofUnproven("203.0.113.9")).toThrow(refused("limits.addresses", 1_000));
    expect(passes(() => limits.ofUnproven("203.0.113.10"))).toBe(true);
    clock.advance(2_000);
    expect(passes(() => limits.ofUnproven("203.0.113.9"))).toBe(true);
  });

  it("an attacker who guesses from all over its /64 has the guesses of one address", () => {
    const { limits } = rig();
    let next = 0;
    const guesses = countOf(500, () => {
      const address = `2001:db8:1:2::${(next += 1).toString(16)}`;
      return passes(() => {
        limits.ofUnproven(address);
        limits.countUnproven(address);
      });
    });
    expect(guesses).toBe(50);
  });
});

it("limits that change while serving count for the next call", () => {
  let settings = settingsOf({ services: 2 })();
  const { limits } = rig(() => settings);
  expect(countOf(9, () => passes(() => limits.ofService("orders")))).toBe(2);
  settings = settingsOf({ services: 6 })();
  expect(countOf(9, () => passes(() => limits.ofService("orders")))).toBe(4);
  settings = settingsOf({ ofClient: new Map([["orders", 7]]) })();
  expect(countOf(9, () => passes(() => limits.ofService("orders")))).toBe(1);
});
