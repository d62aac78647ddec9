import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Payer } from "../../src/exchange/trail.ts";
import { createFailureBudget, type SettledFailureBudget } from "../../src/limits/failure-budget.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";
import { settingsOf, stoppedClock } from "./fixtures.ts";

const service: Payer = { client: "backend", address: undefined };
const from = (address: string, client = "web"): Payer => ({ client, address });

function rig(clientFailures = 100, addressFailures = 5) {
  const clock = stoppedClock();
  return { clock, budget: createFailureBudget(clock, settingsOf({ clientFailures, addressFailures })) };
}

function fail(budget: SettledFailureBudget, payer: Payer, times: number, provider = "main"): void {
  for (let time = 0; time < times; time += 1) budget.spend(payer, provider);
}

const refused = (rule: string, retryAfterMs: unknown = expect.any(Number)) =>
  refusal("RATE_LIMITED", { retryAfterMs, cause: { kind: "policy", rule } });

describe("a budget", () => {
  it("lasts for as many refusals as are configured, and pauses the client from then on", () => {
    const { budget } = rig(3);
    fail(budget, service, 2);
    budget.check(service, "main");
    fail(budget, service, 1);
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures", 600_000));
  });

  it("is 2,000 for a client and 50 for an address where nothing is configured", () => {
    const budget = createFailureBudget(stoppedClock(), settingsOf());
    fail(budget, service, 1_999);
    fail(budget, from("203.0.113.9"), 49);
    budget.check(service, "main");
    budget.check(from("203.0.113.9"), "main");
    fail(budget, service, 1);
    fail(budget, from("203.0.113.9"), 1);
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures"));
    expect(() => budget.check(from("203.0.113.9"), "main")).toThrow(refused("limits.address_failures"));
  });

  it("comes back minute by minute, and says when", () => {
    const { budget, clock } = rig(3);
    clock.set(20_000);
    fail(budget, service, 2);
    clock.set(3 * 60_000);
    fail(budget, service, 1);
    clock.set(9 * 60_000 + 59_999);
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures", 1));
    clock.advance(1);
    budget.check(service, "main");
    fail(budget, service, 2);
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures", 3 * 60_000));
  });

  it("is spent by refusals only: checking costs nothing", () => {
    const { budget } = rig(2);
    fail(budget, service, 1);
    for (let call = 0; call < 10; call += 1) budget.check(service, "main");
    fail(budget, service, 1);
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures"));
  });

  it("that is lowered or raised while serving holds for the next call", () => {
    let clientFailures = 5;
    const budget = createFailureBudget(stoppedClock(), () => settingsOf({ clientFailures })());
    fail(budget, service, 4);
    budget.check(service, "main");
    clientFailures = 4;
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures"));
    clientFailures = 5;
    budget.check(service, "main");
  });
});

describe("an attacker", () => {
  it("at one address uses up its own share, and the client goes on for everybody else", () => {
    const { budget } = rig();
    while (outcomeOf(() => budget.check(from("203.0.113.9"), "main")) === undefined) fail(budget, from("203.0.113.9"), 1);
    expect(() => budget.check(from("203.0.113.9"), "main")).toThrow(refused("limits.address_failures"));
    budget.check(from("203.0.113.10"), "main");
  });

  it("who changes its address within a /64 has the share of one", () => {
    const { budget } = rig();
    for (let host = 1; host <= 5; host += 1) budget.spend(from(`2001:db8:1:2::${host}`), "main");
    expect(() => budget.check(from("2001:db8:1:2:ffff::1"), "main")).toThrow(refused("limits.address_failures"));
    budget.check(from("2001:db8:1:3::1"), "main");
  });

  it.each([
    ["40 × /64 of one IPv6 subscriber", (host: number) => `2001:db8:0:${(0x100 + host).toString(16)}::1`, "2001:db8:1::1"],
    ["40 addresses of one IPv4 /24", (host: number) => `203.0.113.${host}`, "203.0.112.1"],
  ])("with %s uses up eight shares, and the client goes on for everybody else", (_name, addressOf, elsewhere) => {
    const budget = createFailureBudget(stoppedClock(), settingsOf());
    let spent = 0;
    for (let round = 0; round < 50; round += 1) {
      for (let host = 0; host < 40; host += 1) {
        if (outcomeOf(() => budget.check(from(addressOf(host)), "main")) !== undefined) continue;
        budget.spend(from(addressOf(host)), "main");
        spent += 1;
      }
    }
    expect(spent).toBe(8 * 50);
    expect(() => budget.check(from(addressOf(41)), "main")).toThrow(refused("limits.address_failures"));
    budget.check(from(elsewhere), "main");
  });

  it("with many addresses meets the client's budget, and other clients and providers go on", () => {
    const { budget } = rig(100);
    for (let host = 0; host < 100; host += 1) budget.spend(from(`203.0.113.${host}`), "main");
    expect(() => budget.check(from("198.51.100.1"), "main")).toThrow(refused("limits.client_failures"));
    budget.check(from("198.51.100.1"), "other");
    budget.check(from("198.51.100.1", "cli"), "main");
    budget.check(service, "main");
  });

  it("with more addresses than there is room for frees neither its client nor a service", () => {
    const { budget } = rig(3);
    fail(budget, service, 3);
    for (let host = 0; host < 30_000; host += 1) budget.spend(from(`2001:db8:${(host >> 8).toString(16)}:${host & 255}::1`), "main");
    expect(() => budget.check(service, "main")).toThrow(refused("limits.client_failures"));
    expect(() => budget.check(from("198.51.100.1"), "main")).toThrow(refused("limits.client_failures"));
  });
});

it("what one payer spends at one provider is never another's, whatever their names are", () => {
  const name = fc.constantFrom("a", "b", "a-b", "b.a");
  const payer = fc.record({ client: name, address: fc.constantFrom(undefined, "203.0.113.9", "203.0.113.10") });
  const pair = fc.record({ payer, provider: name });
  fc.assert(
    fc.property(pair, pair, (one, two) => {
      const { budget } = rig(3, 3);
      fail(budget, one.payer, 3, one.provider);
      const paused = outcomeOf(() => budget.check(two.payer, two.provider)) !== undefined;
      expect(paused).toBe(one.payer.client === two.payer.client && one.provider === two.provider);
    }),
  );
});

const apart = (number: number) => `203.0.${number}.9`;

describe("refusals of all clients together", () => {
  const settings = settingsOf({ clientFailures: 100, addressFailures: 5, providerFailures: 20 });
  const clients = ["web", "app", "site"];

  it("pause each address that was refused at all, and no other, no service and nobody at another provider", () => {
    const budget = createFailureBudget(stoppedClock(), settings);
    for (let number = 0; number < 19; number += 1) fail(budget, from(apart(number), clients[number % 3]), 1);
    budget.check(from(apart(0)), "main");
    fail(budget, service, 1);
    for (let number = 0; number < 19; number += 1)
      expect(() => budget.check(from(apart(number), clients[number % 3]), "main")).toThrow(refused("limits.provider_failures", 600_000));
    budget.check(from(apart(19)), "main");
    budget.check(from("203.0.0.10"), "main");
    budget.check(service, "main");
    fail(budget, from(apart(0)), 1, "other");
    budget.check(from(apart(0)), "other");
  });

  it("leave an address that goes on with one refusal more, and are forgotten as they came", () => {
    const clock = stoppedClock();
    const budget = createFailureBudget(clock, settings);
    fail(budget, service, 20);
    fail(budget, from(apart(1)), 1);
    expect(() => budget.check(from(apart(1)), "main")).toThrow(refused("limits.provider_failures", 600_000));
    clock.advance(600_000);
    budget.check(from(apart(1)), "main");
  });
});
