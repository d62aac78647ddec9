import { describe, expect, it } from "vitest";
import { ratiosOf } from "../../bench/ratios/compared.ts";
import type { Round } from "../../bench/ratios/series.ts";

const rounds = (...of: readonly (readonly [perSecond: number, cpuMicros: number])[]): readonly Round[] =>
  of.map(([perSecond, cpuMicros]) => ({ perSecond, cpuMicros }));

const wanted = [{ of: "ours", against: "theirs", bar: 1 }];

describe("ratios of series", () => {
  it("are formed within each round, so that a slow minute of the machine does not count", () => {
    const measured = new Map([
      ["ours", rounds([200, 50], [20, 50], [300, 50])],
      ["theirs", rounds([100, 100], [10, 100], [100, 100])],
    ]);
    expect(ratiosOf(measured, wanted)).toEqual([
      { of: "ours", against: "theirs", bar: 1, name: "ours / theirs", ratio: 2, lowest: 2, highest: 3, byCpu: 2 },
    ]);
  });

  it("say nothing of CPU time where the system does not", () => {
    const measured = new Map([
      ["ours", rounds([200, Number.NaN])],
      ["theirs", rounds([100, Number.NaN])],
    ]);
    expect(ratiosOf(measured, wanted)).toMatchObject([{ ratio: 2, byCpu: Number.NaN }]);
  });

  it("are not made up for a series that was not played", () => {
    expect(() => ratiosOf(new Map([["ours", rounds([1, 1])]]), wanted)).toThrow('there is no series "theirs"');
  });
});
