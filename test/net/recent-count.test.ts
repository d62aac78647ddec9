import { describe, expect, it } from "vitest";
import { createRecentCount } from "../../src/net/recent-count.ts";
import { frozenClock } from "../cache/fixtures.ts";

describe("a recent count", () => {
  it("holds what happened within the window, and forgets it slice by slice", () => {
    const clock = frozenClock();
    const count = createRecentCount(clock, 1_000);
    for (let step = 0; step < 20; step += 1) {
      count.add();
      clock.advance(100);
    }
    expect(count.total()).toBe(9);
    clock.advance(900);
    expect(count.total()).toBe(0);
  });

  it("forgets what lies ahead of a clock that was set back", () => {
    const clock = frozenClock();
    const count = createRecentCount(clock, 1_000);
    count.add();
    clock.advance(-5_000);
    expect(count.total()).toBe(0);
    clock.advance(5_000);
    expect(count.total()).toBe(0);
  });

  it("begins anew when it is cleared", () => {
    const count = createRecentCount(frozenClock(), 1_000);
    count.add();
    count.clear();
    expect(count.total()).toBe(0);
  });
});
