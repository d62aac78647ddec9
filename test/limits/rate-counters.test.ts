import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRateCounters } from "../../src/limits/rate-counters.ts";
import { countOf, stoppedClock } from "./fixtures.ts";

/** Rows: instant in milliseconds → how long a call has to wait then; undefined: it is taken. */
type Table = readonly (readonly [number, number | undefined])[];

describe("a call is taken or told how long to wait", () => {
  const tables: Record<string, readonly [limit: number, Table]> = {
    "one per second": [
      1,
      [
        [0, undefined],
        [1, 999],
        [999, 1],
        [1_000, undefined],
        [1_500, 500],
        [9_999, undefined],
        [10_000, undefined],
        [10_001, 999],
      ],
    ],
    "all at once, then as the second before falls behind": [
      4,
      [
        [900, undefined],
        [900, undefined],
        [900, undefined],
        [900, undefined],
        [900, 100],
        [999, 1],
        [1_000, undefined],
        [1_000, 250],
        [1_249, 1],
        [1_250, undefined],
        [1_250, 250],
        [1_500, undefined],
        [1_750, undefined],
        [1_999, 1],
      ],
    ],
    "a second with nothing in it forgets": [
      2,
      [
        [0, undefined],
        [0, undefined],
        [0, 1_000],
        [2_000, undefined],
        [2_000, undefined],
        [2_000, 1_000],
      ],
    ],
  };
  it.each(Object.entries(tables))("%s", (_, [limit, rows]) => {
    const clock = stoppedClock();
    const counters = createRateCounters(clock);
    for (const [ms, expected] of rows) {
      clock.set(ms);
      expect([ms, counters.take("k", limit)]).toEqual([ms, expected]);
    }
  });

  it.each([1, 2, 3, 7, 20, 333, 1_000])("a caller that keeps evenly to its %i calls per second is never refused", (limit) => {
    const clock = stoppedClock();
    const counters = createRateCounters(clock);
    const refused = countOf(10 * limit, () => {
      const answer = counters.take("k", limit);
      clock.advance(1_000 / limit);
      return answer !== undefined;
    });
    expect(refused).toBe(0);
  });

  it("looking at it counts nothing, and counting it refuses nothing", () => {
    const counters = createRateCounters(stoppedClock());
    expect(countOf(10, () => counters.wait("k", 1) === undefined)).toBe(10);
    for (let calls = 0; calls < 5; calls += 1) counters.add("k");
    expect(counters.wait("k", 1)).toBe(1_800);
  });
});

const steps = fc.array(fc.record({ ms: fc.oneof(fc.constant(0), fc.nat(40), fc.nat(1_200)), calls: fc.nat(12) }), { maxLength: 60 });

describe("however calls are spread, one replica takes", () => {
  it("at most the limit in a calendar second, and limit × (1 + d), rounded up, in any d ≤ 1 seconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 15 }), steps, (limit, program) => {
        const clock = stoppedClock();
        const counters = createRateCounters(clock);
        const taken: number[] = [];
        const tooMany: unknown[] = [];
        for (const { ms, calls } of program) {
          clock.advance(ms);
          for (let call = 0; call < calls; call += 1) if (counters.take("k", limit) === undefined) taken.push(clock());
        }
        for (const [index, first] of taken.entries()) {
          const second = taken.filter((at) => Math.floor(at / 1_000) === Math.floor(first / 1_000));
          expect(second.length).toBeLessThanOrEqual(limit);
          for (const [further, last] of taken.slice(index).entries()) {
            // Both milliseconds belong to the time that is looked at.
            const length = last - first + 1;
            if (length <= 1_000 && further + 1 > Math.ceil((limit * (1_000 + length)) / 1_000)) tooMany.push({ first, last });
          }
        }
        expect(tooMany).toEqual([]);
      }),
    );
  });

  it("what it says about waiting is exact: a millisecond earlier it refuses, then it takes", () => {
    let waited = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 15 }), steps, (limit, program) => {
        const clock = stoppedClock();
        const counters = createRateCounters(clock);
        for (const { ms, calls } of program) {
          clock.advance(ms);
          for (let call = 0; call < calls; call += 1) {
            const wait = counters.take("k", limit);
            if (wait === undefined) continue;
            waited += 1;
            expect(wait).toBeGreaterThan(0);
            clock.advance(wait - 1);
            expect(counters.wait("k", limit)).toBe(1);
            clock.advance(1);
            expect(counters.take("k", limit)).toBeUndefined();
          }
        }
      }),
    );
    expect(waited).toBeGreaterThan(100);
  });
});

describe("keys", () => {
  it("do not spend for each other", () => {
    const counters = createRateCounters(stoppedClock());
    expect(countOf(10, () => counters.take("a", 3) === undefined)).toBe(3);
    expect(countOf(10, () => counters.take("b", 3) === undefined)).toBe(3);
  });

  it("an attacker with ever new keys stays within the room for them, and frees only who was not seen for longest", () => {
    const counters = createRateCounters(stoppedClock(), { maxKeys: 1_000 });
    counters.take("forgotten", 1);
    for (let key = 0; key < 20_000; key += 1) {
      counters.take(`attacker ${key}`, 1);
      counters.take("in use", 1);
    }
    expect(counters.take("in use", 1)).toBe(1_000);
    expect(counters.take("forgotten", 1)).toBeUndefined();
    const remembered = new Set(counters.settled.news(100_000).map(({ key }) => key));
    expect(remembered.size).toBe(1_000);
  });

  it("a limit that is lowered while its calls are counted holds at once, one that is raised too", () => {
    const counters = createRateCounters(stoppedClock());
    expect(countOf(100, () => counters.take("k", 10) === undefined)).toBe(10);
    expect(counters.take("k", 5)).toBe(1_500);
    expect(countOf(100, () => counters.take("k", 30) === undefined)).toBe(20);
  });
});

describe("a clock that is set back", () => {
  it("by less than a second's change takes nothing back", () => {
    const clock = stoppedClock();
    const counters = createRateCounters(clock);
    clock.set(5_010);
    expect(countOf(10, () => counters.take("k", 3) === undefined)).toBe(3);
    clock.set(4_990);
    expect(counters.take("k", 3)).toBe(1_000);
  });

  it("by an hour begins anew, and locks nobody out for an hour", () => {
    const clock = stoppedClock();
    const counters = createRateCounters(clock);
    clock.set(3_600_000);
    expect(countOf(10, () => counters.take("k", 3) === undefined)).toBe(3);
    clock.set(0);
    expect(countOf(10, () => counters.take("k", 3) === undefined)).toBe(3);
  });
});
