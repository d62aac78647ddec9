import { expect, test } from "vitest";
import { createMemoryTier } from "../../src/cache/memory-tier.ts";
import { weighVerification } from "../../src/cache/verification-codec.ts";
import { frozenClock, nowMs, verification } from "./fixtures.ts";

const large = (length: number) => verification({}, "x".repeat(length));

test("an entry is there until its instant and gone at it, by the given clock alone", () => {
  const clock = frozenClock();
  const tier = createMemoryTier(clock, weighVerification);
  tier.put("k", verification({ validUntilMs: nowMs + 1_000 }));
  clock.advance(999);
  expect(tier.get("k")?.claims.subject).toBe("user-1");
  clock.advance(1);
  expect(tier.get("k")).toBeUndefined();
});

test("an expired entry does not come back when the clock is set back", () => {
  const clock = frozenClock();
  const tier = createMemoryTier(clock, weighVerification);
  tier.put("k", verification({ validUntilMs: nowMs + 1_000 }));
  clock.advance(1_000);
  tier.get("k");
  clock.advance(-1_000);
  expect(tier.get("k")).toBeUndefined();
});

test("a verification that is over already is not kept", () => {
  const clock = frozenClock();
  const tier = createMemoryTier(clock, weighVerification);
  tier.put("k", verification({ validUntilMs: nowMs }));
  clock.advance(-1);
  expect(tier.get("k")).toBeUndefined();
});

test("a flood of keys displaces the least recently used and stays within the number of entries", () => {
  const tier = createMemoryTier(frozenClock(), weighVerification, { maxEntries: 3 });
  for (const key of ["a", "b", "c"]) tier.put(key, verification());
  tier.get("a");
  tier.put("d", verification());
  expect(["a", "b", "c", "d"].filter((key) => tier.get(key) !== undefined)).toEqual(["a", "c", "d"]);
});

test("a flood of large claims stays within the bytes, and one beyond the bound is not kept at all", () => {
  const tier = createMemoryTier(frozenClock(), weighVerification, { maxBytes: 100_000 });
  for (let index = 0; index < 50; index += 1) tier.put(`k${index}`, large(5_000));
  const kept = Array.from({ length: 50 }, (_, index) => tier.get(`k${index}`)).filter((found) => found !== undefined);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length * 5_000).toBeLessThan(100_000);
  tier.put("huge", large(70_000));
  expect(tier.get("huge")).toBeUndefined();
});
