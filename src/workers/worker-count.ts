// What `--workers` asks for: a number of processes, or as many as there are cores that this process may use.

import { availableParallelism } from "node:os";

/** More than that is a mistake: each is a whole service, with memory and connections of its own. */
export const maxWorkers = 128;

/** Undefined: not understood. @param cores what `auto` stands for */
export function workerCount(word: string, cores: number = availableParallelism()): number | undefined {
  if (word === "auto") return Math.max(1, Math.min(cores, maxWorkers));
  // Digits only: neither a sign nor an exponent, a fraction or another base is a number of processes.
  if (!/^[1-9]\d{0,2}$/.test(word)) return undefined;
  const count = Number(word);
  return count <= maxWorkers ? count : undefined;
}
