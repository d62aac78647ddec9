import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Method, methods } from "../../src/exchange/clients.ts";
import { createConcurrency } from "../../src/limits/concurrency.ts";
import { outcomeOf, refusal } from "../exchange/fixtures.ts";

const overloaded = refusal("OVERLOADED", { retryAfterMs: 1_000, cause: { kind: "policy", rule: "limits.concurrent_calls" } });

/** Takes places for as long as there are any. */
function fill(takePlace: (method: Method) => () => void, method: Method): readonly (() => void)[] {
  const leaves: (() => void)[] = [];
  for (;;) {
    const place = outcomeOf(() => takePlace(method));
    if (typeof place !== "function") break;
    leaves.push(place as () => void);
  }
  expect(() => takePlace(method)).toThrow(overloaded);
  return leaves;
}

describe("places", () => {
  it.each([
    ["Exchange", 60],
    ["CreateAuthorizationUrl", 60],
    ["Refresh", 80],
    ["Revoke", 80],
    ["GetAccount", 80],
    ["ValidateCrossClient", 100],
  ] satisfies readonly (readonly [Method, number])[])("of 100, %s takes %i", (method, places) => {
    expect(
      fill(
        createConcurrency(() => 100),
        method,
      ).length,
    ).toBe(places);
  });

  it("under load exchanges are refused first, refreshes second, validations last", () => {
    const takePlace = createConcurrency(() => 10);
    const taken = methods.map((): string[] => []);
    for (let place = 0; place < 10; place += 1) {
      for (const [index, method] of methods.entries()) {
        const leave = outcomeOf(() => takePlace(method));
        taken[index]?.push(typeof leave === "function" ? "takes" : "refused");
        if (typeof leave === "function") leave();
      }
      takePlace("ValidateCrossClient");
    }
    const counts = methods.map((method, index) => [method, taken[index]?.lastIndexOf("takes")]);
    expect(Object.fromEntries(counts)).toEqual({
      Exchange: 5,
      CreateAuthorizationUrl: 5,
      Refresh: 7,
      Revoke: 7,
      GetAccount: 7,
      ValidateCrossClient: 9,
    });
  });

  it("that are refused are not counted", () => {
    const takePlace = createConcurrency(() => 10);
    const [leave] = fill(takePlace, "ValidateCrossClient");
    for (let call = 0; call < 100; call += 1) expect(() => takePlace("ValidateCrossClient")).toThrow(overloaded);
    leave?.();
    takePlace("ValidateCrossClient");
  });

  it("of another number, after the configuration was reloaded, hold for the next call", () => {
    let max = 10;
    const takePlace = createConcurrency(() => max);
    fill(takePlace, "ValidateCrossClient");
    max = 20;
    expect(fill(takePlace, "ValidateCrossClient").length).toBe(10);
    max = 10;
    expect(() => takePlace("ValidateCrossClient")).toThrow(overloaded);
  });

  it("never leak and are never given back twice, in whatever order calls come and go", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("enter" as const), method: fc.constantFrom(...methods) }),
      fc.record({ kind: fc.constant("leave" as const), which: fc.nat(40) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (program) => {
        const takePlace = createConcurrency(() => 10);
        const calls: { readonly leave: () => void; inside: boolean }[] = [];
        for (const one of program) {
          if (one.kind === "enter") {
            const leave = outcomeOf(() => takePlace(one.method));
            if (typeof leave === "function") calls.push({ leave: leave as () => void, inside: true });
          } else {
            // Also those that have left already.
            const call = calls[one.which % Math.max(1, calls.length)];
            call?.leave();
            if (call !== undefined) call.inside = false;
          }
        }
        const inside = calls.filter((call) => call.inside).length;
        expect(inside).toBeLessThanOrEqual(10);
        expect(fill(takePlace, "ValidateCrossClient").length).toBe(10 - inside);
      }),
    );
  });
});
