// The ratios as an SVG picture: a bar each, with a line where the promise lies. Colours follow the reader's light or dark scheme.

import type { Ratio } from "./compared.ts";

const rowHeight = 26;
const labelWidth = 290;
const plotWidth = 330;
const valueWidth = 60;
const top = 34;
/** Longer bars are cut; their number stands beside them. */
const longest = 2;

const style = `
text { font: 13px system-ui, sans-serif; fill: #24292f }
.name { text-anchor: end }
.bar { fill: #54a3ff }
.below { fill: #e5534b }
.axis { stroke: #8c959f; stroke-width: 1 }
.promise { stroke: #24292f; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #d1d7e0 }
  .axis { stroke: #656c76 }
  .promise { stroke: #d1d7e0 }
}`.trim();

export function pictureOf(ratios: readonly Ratio[]): string {
  const [width, height] = [labelWidth + plotWidth + valueWidth, top + ratios.length * rowHeight + 8];
  const one = x(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    "<title>Calls per second, as ratios</title>",
    `<style>\n${style}\n</style>`,
    `<text x="${one}" y="20" text-anchor="middle">as fast</text>`,
    `<line class="promise" x1="8" y1="6" x2="8" y2="24"/><text x="14" y="20">promised</text>`,
    ...ratios.flatMap(rowOf),
    `<line class="axis" x1="${one}" y1="${top - 8}" x2="${one}" y2="${height - 4}"/>`,
    `<line class="axis" x1="${labelWidth}" y1="${top - 8}" x2="${labelWidth}" y2="${height - 4}"/>`,
    "</svg>",
    "",
  ].join("\n");
}

function rowOf({ name, ratio, bar }: Ratio, index: number): readonly string[] {
  const y = top + index * rowHeight;
  const [end, base] = [x(Math.min(ratio, longest)), y + 14];
  const kind = bar !== undefined && ratio < bar ? "bar below" : "bar";
  const promise = bar === undefined ? [] : [`<line class="promise" x1="${x(bar)}" y1="${y - 2}" x2="${x(bar)}" y2="${y + 20}"/>`];
  return [
    `<text class="name" x="${labelWidth - 8}" y="${base}">${escaped(name)}</text>`,
    `<rect class="${kind}" x="${labelWidth}" y="${y}" width="${(end - labelWidth).toFixed(1)}" height="18" rx="2"/>`,
    ...promise,
    `<text x="${(Math.max(end, bar === undefined ? 0 : x(bar)) + 6).toFixed(1)}" y="${base}">${ratio.toFixed(2)}</text>`,
  ];
}

function x(ratio: number): number {
  return labelWidth + (ratio / longest) * plotWidth;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
