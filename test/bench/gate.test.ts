import { describe, expect, it } from "vitest";
import type { Ratio } from "../../bench/ratios/compared.ts";
import { committedOf, isBusy, readCommitted, tolerance, whatGotSlower } from "../../bench/ratios/gate.ts";

function ratio(name: string, value: number, byCpu = value): Ratio {
  const [of = "", against = ""] = name.split(" / ");
  return { name, of, against, ratio: value, lowest: value, highest: value, byCpu };
}

const one = { rate: 1, cpu: 1 };
const quiet = false;
const busy = true;

describe("the gate of ratios", () => {
  it("lets pass what is as fast as it was, faster, or slower within the tolerance", () => {
    const ratios = [ratio("a / b", 1), ratio("c / d", 2), ratio("e / f", 1 - tolerance + 0.001)];
    expect(whatGotSlower(ratios, { "a / b": one, "c / d": one, "e / f": one }, quiet)).toEqual([]);
  });

  it("names what got slower, and what it was", () => {
    expect(whatGotSlower([ratio("a / b", 0.5), ratio("c / d", 1)], { "a / b": one, "c / d": one }, quiet)).toEqual([
      "a / b: 0.50, it was 1.00",
    ]);
  });

  it("compares CPU time where other things take the machine's time, and rates where nothing does", () => {
    const fewerCalls = ratio("a / b", 0.2, 1);
    expect(whatGotSlower([fewerCalls], { "a / b": one }, busy)).toEqual([]);
    expect(whatGotSlower([fewerCalls], { "a / b": one }, quiet)).toHaveLength(1);
    const moreWork = ratio("a / b", 1, 0.2);
    expect(whatGotSlower([moreWork], { "a / b": one }, busy)).toEqual(["a / b: 0.20 by CPU time, it was 1.00"]);
    expect(whatGotSlower([moreWork], { "a / b": one }, quiet)).toEqual([]);
  });

  it("takes a machine for busy where more than half of its cores are wanted by others", () => {
    expect(isBusy(1, 2)).toBe(false);
    expect(isBusy(1.1, 2)).toBe(true);
  });

  it("does not pass a ratio that nothing is committed about", () => {
    expect(whatGotSlower([ratio("a / b", 5)], {}, quiet)).toEqual(["there is nothing to compare with for a / b"]);
  });

  it("does not pass a ratio that could not be measured", () => {
    expect(whatGotSlower([ratio("a / b", Number.NaN)], { "a / b": one }, quiet)).toEqual(["a / b: NaN, it was 1.00"]);
  });

  it("reads what it wrote", () => {
    const ratios = [ratio("a / b", 0.123_456, 0.5)];
    expect(readCommitted(JSON.stringify(committedOf(ratios)))).toEqual({ "a / b": { rate: 0.123, cpu: 0.5 } });
  });

  it.each([["[1]"], ['{ "a / b": null }'], ['{ "a / b": { "rate": 1 } }'], ['"fast"'], ["null"]])("reads no ratios out of %s", (text) => {
    expect(() => readCommitted(text)).toThrow(/^the committed ratio/);
  });
});
