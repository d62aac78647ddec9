import { describe, expect, it } from "vitest";
import type { Ratio } from "../../bench/ratios/compared.ts";
import { pictureOf } from "../../bench/ratios/picture.ts";

const ratio = (name: string, value: number, bar?: number): Ratio => ({
  name,
  of: "",
  against: "",
  ratio: value,
  lowest: value,
  highest: value,
  byCpu: value,
  ...(bar === undefined ? {} : { bar }),
});

/** The line that says what such lines mean. */
const legend = 1;

const widths = (svg: string): readonly number[] => [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));

describe("the picture of ratios", () => {
  it("draws a bar for each, as long as the ratio says, with its number", () => {
    const svg = pictureOf([ratio("a / b", 0.5), ratio("c / d", 1)]);
    const [half = 0, whole = 0] = widths(svg);
    expect(whole).toBeCloseTo(2 * half);
    expect(svg).toContain(">a / b</text>");
    expect(svg).toContain(">0.50</text>");
  });

  it("cuts what is too long, and still says the number", () => {
    const svg = pictureOf([ratio("a / b", 40), ratio("c / d", 50)]);
    const [forty, fifty] = widths(svg);
    expect(forty).toBe(fifty);
    expect(svg).toContain(">40.00</text>");
  });

  it("shows a promise as a line, and a bar that ends before it in another colour", () => {
    const svg = pictureOf([ratio("a / b", 0.5, 1), ratio("c / d", 1.5, 1), ratio("e / f", 0.1)]);
    expect(svg.match(/class="promise"/g)).toHaveLength(2 + legend);
    expect(svg.match(/class="bar below"/g)).toHaveLength(1);
  });

  it("is one whole document, whatever a name holds", () => {
    const svg = pictureOf([ratio("<script> & co", 1)]);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
    expect(svg).toMatch(/<\/svg>\n$/);
    expect(svg).toContain("&lt;script> &amp; co");
  });
});
