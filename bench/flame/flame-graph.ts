// A CPU profile as an SVG flame graph: each function lies on the one that called it, as wide as its share of the time in which the thread
// was busy. A picture only, without script; colours say whose code it is. Pure.

import { percent } from "../report.ts";
import { type Area, areaOf, areas, labelOf, sharesOf } from "./areas.ts";
import { type CpuProfile, type Frame, framesOf, microsOf } from "./cpu-profile.ts";

const width = 1_200;
const rowHeight = 17;
/** What is called from still deeper counts for the last that is shown. */
const mostRows = 30;
/** Narrower frames are left out: nobody could read or find them. */
const leastShare = 0.003;
/** Of a letter, so that a label that does not fit is cut before it leaves its frame. */
const letterWidth = 6.8;
const fewestLetters = 3;
const legendColumn = 200;
const legendTop = 34;
const legendRow = 18;

const style = `
text { font: 11px ui-monospace, monospace; fill: #1f2328 }
.said { font: 13px system-ui, sans-serif }
rect { stroke: #ffffff; stroke-width: 0.5 }
@media (prefers-color-scheme: dark) {
  .said { fill: #d1d7e0 }
  rect { stroke: #0d1117 }
}`.trim();

interface Placed {
  readonly frame: Frame;
  /** Shares of the whole width. */
  readonly from: number;
  readonly share: number;
  readonly depth: number;
}

/** @param title what was profiled, in words */
export function flameGraphOf(profile: CpuProfile, title: string): string {
  const frames = framesOf(profile);
  const placed = placedOf(frames);
  const shares = sharesOf(frames);
  const rows = 1 + Math.max(0, ...placed.map(({ depth }) => depth));
  const flamesTop = legendTop + Math.ceil(shares.length / (width / legendColumn)) * legendRow + 6;
  const height = flamesTop + rows * rowHeight + 4;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>\n${style}\n${colours(shares.map(({ area }) => area))}\n</style>`,
    `<text class="said" x="4" y="18">${escaped(title)}; below: whose code, and its own share</text>`,
    ...shares.flatMap(({ area, share }, index) => legendOf(area, share, index)),
    ...placed.map((one) => drawn(one, flamesTop + (rows - 1 - one.depth) * rowHeight)),
    "</svg>",
    "",
  ].join("\n");
}

function placedOf(frames: readonly Frame[]): readonly Placed[] {
  const all = microsOf(frames);
  const placed: Placed[] = [];
  const place = (siblings: readonly Frame[], start: number, depth: number): void => {
    let from = start;
    for (const frame of siblings) {
      const share = frame.micros / all;
      // They come by their width: all that follow are narrower still. Where nothing took any time, nothing is drawn.
      if (!(share >= leastShare)) return;
      placed.push({ frame, from, share, depth });
      if (depth + 1 < mostRows) place(frame.children, from, depth + 1);
      from += share;
    }
  };
  place(frames, 0, 0);
  return placed;
}

function drawn({ frame, from, share }: Placed, y: number): string {
  const label = labelOf(frame.of);
  const [x, wide] = [from * width, share * width];
  const letters = Math.floor((wide - 4) / letterWidth);
  const shown = label.length <= letters ? label : `${label.slice(0, letters - 1)}…`;
  const text = letters < fewestLetters ? "" : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(shown)}</text>`;
  const told = `${label}: ${percent(share)}, itself ${percent((share * frame.selfMicros) / frame.micros)}`;
  return (
    `<g><title>${escaped(told)}</title>` +
    `<rect class="${classOf(areaOf(frame.of))}" x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}"/>${text}</g>`
  );
}

function legendOf(area: Area, share: number, index: number): readonly string[] {
  const perRow = width / legendColumn;
  const [x, y] = [4 + (index % perRow) * legendColumn, legendTop + Math.floor(index / perRow) * legendRow];
  return [
    `<rect class="${classOf(area)}" x="${x}" y="${y - 4}" width="12" height="12"/>`,
    `<text class="said" x="${x + 18}" y="${y + 7}">${area} ${percent(share)}</text>`,
  ];
}

function colours(shown: readonly Area[]): string {
  return shown.map((area) => `.${classOf(area)} { fill: ${areas[area]} }`).join("\n");
}

function classOf(area: Area): string {
  return area.replaceAll(" ", "-");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
