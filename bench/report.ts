// What the bench prints: the machine, then for each measurement its numbers, its bars, and whether they hold.

import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

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
  return [title, ...lines.map((line) => `  ${line}`), ...verdicts].join("\n");
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export function inMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 1);
}
