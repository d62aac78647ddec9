import { beforeEach, expect, test } from "vitest";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import { createUsedAssertionsMemory } from "../../src/cache/used-assertions-memory.ts";
import type { UsedAssertions } from "../../src/exchange/one-time-ports.ts";
import { refusal } from "../exchange/fixtures.ts";
import { type FrozenClock, frozenClock, masterKey, nowMs } from "./fixtures.ts";
import { usedAssertionsContract } from "./used-assertions-contract.ts";

const names = createOneTimeNames([masterKey("a")]);
let clock: FrozenClock;
let used: UsedAssertions;

beforeEach(() => {
  clock = frozenClock();
  used = createUsedAssertionsMemory({ names, clock, maxEntries: 100 });
});

usedAssertionsContract({
  replicas: () => [used, used],
  async pass(ms) {
    clock.advance(ms);
  },
});

test("full, it refuses new assertions rather than forget one that may be replayed, and ends with time", async () => {
  for (let index = 0; index < 100; index += 1) await used.claim("batch", `id-${index}`, nowMs + 1_000 + index);
  await expect(used.claim("batch", "more", nowMs + 9_000)).rejects.toEqual(refusal("STORE_UNAVAILABLE", { retryAfterMs: 1_000 }));
  expect(await used.claim("batch", "id-0", nowMs + 9_000)).toBe(false);
  clock.advance(1_000);
  expect(await used.claim("batch", "more", nowMs + 9_000)).toBe(true);
  await expect(used.claim("batch", "one too many", nowMs + 9_000)).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
  clock.advance(98);
  for (let index = 1; index < 99; index += 1) expect(await used.claim("batch", `id-${index}`, nowMs + 9_000)).toBe(true);
  expect(await used.claim("batch", "id-99", nowMs + 9_000)).toBe(false);
});
