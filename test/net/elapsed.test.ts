import { expect, it } from "vitest";
import { elapsedSince } from "../../src/net/elapsed.ts";

it.each([
  ["passes", 1_000, 1_500, 500],
  ["stands still", 1_000, 1_000, 0],
  ["was set back", 1_000, 999, Number.POSITIVE_INFINITY],
])("what began before a clock that %s is so old", (_name, sinceMs, nowMs, ms) => {
  expect(elapsedSince(() => nowMs, sinceMs)).toBe(ms);
});
