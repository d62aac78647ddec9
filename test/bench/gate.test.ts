import { describe, expect, it } from "vitest";
import type { Ratio } from "../../bench/ratios/compared.ts";
import { committedOf, readCommitted, tolerance, whatGotSlower } from "../../bench/ratios/gate.ts";

function ratio(name: string, value: number, highest = value): Ratio {
  const [of = "", against = ""] = name.split(" / ");
  return { name, of, against, ratio: value, lowest: value, highest, byCpu: value };
}

describe("the gate of ratios", () => {
  it("lets pass what is as fast as it was, faster, or slower within the tolerance", () => {
    const ratios = [ratio("a / b", 1), ratio("c / d", 2), ratio("e / f", 1 - tolerance + 0.001)];
    expect(whatGotSlower(ratios, { "a / b": 1, "c / d": 1, "e / f": 1 })).toEqual([]);
  });

  it("names what got slower, and what it was", () => {
    const ratios = [ratio("a / b", 0.5, 0.8), ratio("c / d", 1)];
    expect(whatGotSlower(ratios, { "a / b": 0.9, "c / d": 1 })).toEqual(["a / b: 0.50, it was 0.90"]);
  });

  it("blames the machine where one of the rounds was as fast as ever", () => {
    expect(whatGotSlower([ratio("a / b", 0.5, 0.9)], { "a / b": 0.9 })).toEqual([]);
  });

  it("does not pass a ratio that nothing is committed about", () => {
    expect(whatGotSlower([ratio("a / b", 5)], {})).toEqual(["there is nothing to compare with for a / b"]);
  });

  it("does not pass a ratio that could not be measured", () => {
    expect(whatGotSlower([ratio("a / b", Number.NaN)], { "a / b": 1 })).toEqual(["a / b: NaN, it was 1.00"]);
  });

  it("reads what it wrote", () => {
    const ratios = [ratio("a / b", 0.123_456)];
    expect(readCommitted(JSON.stringify(committedOf(ratios)))).toEqual({ "a / b": 0.123 });
  });

  it.each([["[null]"], ['{ "a / b": null }'], ['{ "a / b": "1" }'], ['"fast"'], ["null"]])("reads no ratios out of %s", (text) => {
    expect(() => readCommitted(text)).toThrow(/^the committed ratio/);
  });
});
