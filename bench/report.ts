// What the bench prints: the machine, then for each measurement its numbers, its bars, and whether they hold.

import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { quantile } from "./statistics.ts";

export interface Bar {
  /** What must hold, in words and numbers. */
  readonly text: string;
  readonly holds: boolean;
}

export interface Measured {
  readonly title: string;
  readonly lines: readonly string[];
  readonly bars: readonly Bar[];
}

/** @param failures of each caller, as it tells them */
export function noneFailed(...failures: readonly string[]): Bar {
  const told = failures.filter((text) => text !== "").join(", ");
  return { text: `no call failed${told === "" ? "" : ` (${told})`}`, holds: told === "" };
}

export function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const [model] = cpus();
  const [load = 0] = loadavg();
  return `${availableParallelism()} cores (${model?.model.trim()}), ${memory} GiB, Node ${process.versions.node}; load before the run ${load.toFixed(1)}`;
}

export function textOf({ title, lines, bars }: Measured): string {
  const verdicts = bars.map(({ text, holds }) => `  ${holds ? "holds" : "FAILS"}: ${text}`);
  return [title, ...lines.map((line) => `  ${line}`.trimEnd()), ...verdicts].join("\n");
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export function inMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 1);
}

/** Columns below each other: the first to the left, all others to the right. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** Of latencies: p50 / p95 / p99 in ms. */
export function quantilesInMs(values: readonly number[]): string {
  return [0.5, 0.95, 0.99].map((q) => inMs(quantile(values, q))).join(" / ");
}
