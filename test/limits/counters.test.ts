import { describe, expect, it } from "vitest";
import { createCounters, type Counters } from "../../src/limits/counters.ts";
import { startMs, stoppedClock, tellAlone } from "./fixtures.ts";

const shape = { windowMs: 1_000, windows: 3, maxKeys: 10 };
const first = startMs / 1_000;

function addTimes(counters: Counters, key: string, times: number): void {
  for (let time = 0; time < times; time += 1) counters.add(key);
}

/** Settles with a store that knows these totals, by window from the first. */
function hear(counters: Counters, totals: Readonly<Record<number, number>>): void {
  for (const own of counters.news(100)) counters.learn(own, totals[own.window - first] ?? own.count);
}

describe("what is news", () => {
  it("is asked about in every window when a key is new here, as others may have counted it before", () => {
    const counters = createCounters(shape, stoppedClock());
    counters.add("k");
    expect(counters.news(100)).toEqual([
      { key: "k", window: first, count: 1, lifeMs: 4_000 },
      { key: "k", window: first - 1, count: 0, lifeMs: 4_000 },
      { key: "k", window: first - 2, count: 0, lifeMs: 4_000 },
    ]);
  });

  it("is told once, as the count so far, and asked about once more: others tell theirs at the same time", () => {
    const counters = createCounters(shape, stoppedClock());
    counters.add("k");
    counters.add("other");
    tellAlone(counters);
    expect(tellAlone(counters).map(({ key, window, count }) => [key, window - first, count])).toEqual([
      ["k", 0, 1],
      ["other", 0, 1],
    ]);
    expect(counters.news(100)).toEqual([]);
    addTimes(counters, "k", 2);
    expect(counters.news(100)).toEqual([{ key: "k", window: first, count: 3, lifeMs: 4_000 }]);
    expect(counters.news(100)).toEqual([]);
  });

  it("that did not get through is told again, with what came since", () => {
    const counters = createCounters(shape, stoppedClock());
    counters.add("k");
    const [own] = counters.news(100);
    counters.add("k");
    if (own !== undefined) counters.untold(own);
    expect(counters.news(100)[0]).toEqual({ key: "k", window: first, count: 2, lifeMs: 4_000 });
  });

  it("that came while others were being told is told next, and asked about once more as well", () => {
    const counters = createCounters(shape, stoppedClock());
    counters.add("k");
    const [own] = counters.news(100);
    counters.add("k");
    if (own !== undefined) counters.learn(own, 1);
    expect([tellAlone(counters), tellAlone(counters), tellAlone(counters)].map((news) => news.map(({ count }) => count))).toEqual([
      [2],
      [2],
      [],
    ]);
  });

  it("of a window that has closed is still told, and once more asked about: others counted to its end", () => {
    const clock = stoppedClock();
    const counters = createCounters(shape, clock);
    counters.add("k");
    tellAlone(counters);
    counters.add("k");
    clock.advance(1_000);
    counters.add("k");
    expect(tellAlone(counters).map(({ window, count }) => [window - first, count])).toEqual([
      [1, 1],
      [0, 2],
    ]);
    tellAlone(counters);
    expect(counters.news(100)).toEqual([]);
    clock.advance(1_000);
    counters.add("k");
    expect(tellAlone(counters).map(({ window, count }) => [window - first, count])).toEqual([
      [2, 1],
      [1, 1],
    ]);
  });

  it("that is too old to count is not told", () => {
    const clock = stoppedClock();
    const counters = createCounters(shape, clock);
    addTimes(counters, "k", 2);
    clock.advance(3_000);
    expect(counters.news(100).map(({ count }) => count)).toEqual([0, 0, 0]);
  });

  it("is given in batches no larger than asked for, and none is left out", () => {
    const counters = createCounters(shape, stoppedClock());
    for (const key of ["a", "b", "c", "d", "e"]) counters.add(key);
    const batches = [counters.news(7), counters.news(7), counters.news(7)];
    expect(batches.map((batch) => new Set(batch.map(({ key }) => key)).size)).toEqual([2, 2, 1]);
    expect(batches.every((batch) => batch.length <= 7)).toBe(true);
    expect(counters.news(7)).toEqual([]);
  });

  it("of a key that had to go is forgotten with it", () => {
    const counters = createCounters(shape, stoppedClock());
    counters.add("gone");
    const [own] = counters.news(100);
    for (let key = 0; key < 10; key += 1) counters.add(`k${key}`);
    if (own !== undefined) {
      counters.untold(own);
      counters.learn(own, 7);
    }
    expect(new Set(counters.news(100).map(({ key }) => key)).has("gone")).toBe(false);
    expect(counters.read("gone").counts).toEqual([0, 0, 0]);
  });
});

it("a key that had to go and comes again is last in turn, as it is new", () => {
  const counters = createCounters({ ...shape, maxKeys: 2 }, stoppedClock());
  for (const key of ["a", "b", "c", "a"]) counters.add(key);
  expect(counters.news(100).flatMap(({ key, count }) => (count > 0 ? [key] : []))).toEqual(["c", "a"]);
});

describe("what others counted", () => {
  it("counts like our own, without our own in it twice, each in its window", () => {
    const counters = createCounters(shape, stoppedClock());
    addTimes(counters, "k", 2);
    hear(counters, { 0: 7, [-1]: 4 });
    expect(counters.read("k").counts).toEqual([7, 4, 0]);
    counters.add("k");
    expect(counters.read("k").counts).toEqual([8, 4, 0]);
  });

  it("is not taken back where the store has forgotten", () => {
    const counters = createCounters(shape, stoppedClock());
    counters.add("k");
    hear(counters, { 0: 9 });
    counters.add("k");
    hear(counters, { 0: 2 });
    expect(counters.read("k").counts).toEqual([10, 0, 0]);
  });

  it("of a window that is over when the answer comes changes nothing", () => {
    const clock = stoppedClock();
    const counters = createCounters(shape, clock);
    counters.add("k");
    const [own] = counters.news(100);
    clock.advance(3_000);
    if (own !== undefined) counters.learn(own, 100);
    expect(counters.read("k").counts).toEqual([0, 0, 0]);
  });

  it("falls behind window by window", () => {
    const clock = stoppedClock();
    const counters = createCounters(shape, clock);
    counters.add("k");
    hear(counters, { 0: 5 });
    clock.advance(1_999);
    expect(counters.read("k")).toEqual({ counts: [0, 5, 0], elapsedMs: 999 });
    clock.advance(1);
    expect(counters.read("k")).toEqual({ counts: [0, 0, 5], elapsedMs: 0 });
    clock.advance(1_000);
    expect(counters.read("k").counts).toEqual([0, 0, 0]);
  });
});
