import { describe, expect, it } from "vitest";
import { createRetryBudget } from "../../src/net/retry-budget.ts";
import { frozenClock } from "../cache/fixtures.ts";

function spendAll(budget: ReturnType<typeof createRetryBudget>): number {
  const tries = Array.from({ length: 100 }, () => budget.spend());
  const spent = tries.filter((had) => had).length;
  expect(budget.left()).toBe(false);
  return spent;
}

describe("a retry budget", () => {
  it("is a tenth of the calls of the last ten seconds, and three", () => {
    const budget = createRetryBudget(frozenClock());
    expect(spendAll(budget)).toBe(3);
    for (let call = 0; call < 100; call += 1) budget.called();
    expect(spendAll(budget)).toBe(10);
  });

  it("comes back with time, and with it goes what old calls gave", () => {
    const clock = frozenClock();
    const budget = createRetryBudget(clock);
    for (let call = 0; call < 100; call += 1) budget.called();
    expect(spendAll(budget)).toBe(13);
    clock.advance(10_000);
    expect(spendAll(budget)).toBe(3);
  });
});
