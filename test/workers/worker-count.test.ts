import { expect, it } from "vitest";
import { maxWorkers, workerCount } from "../../src/workers/worker-count.ts";

it.each([
  ["1", 1],
  ["2", 2],
  ["128", maxWorkers],
  ["auto", 6],
])("%s is understood", (word, count) => {
  expect(workerCount(word, 6)).toBe(count);
});

it.each([
  ["0"],
  ["-1"],
  ["+2"],
  ["129"],
  ["999999999999999999999"],
  ["2.5"],
  ["1e2"],
  ["0x2"],
  ["02"],
  [" 2"],
  ["2\n"],
  ["٢"],
  [""],
  ["two"],
  ["Auto"],
  ["NaN"],
  ["Infinity"],
])("%j is no number of workers", (word) => {
  expect(workerCount(word)).toBeUndefined();
});

it.each([
  [0, 1],
  [1, 1],
  [1_000, maxWorkers],
])("auto on %i cores is %i", (cores, count) => {
  expect(workerCount("auto", cores)).toBe(count);
});
