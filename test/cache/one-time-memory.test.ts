import { beforeEach, describe, expect, test } from "vitest";
import { createOneTimeMemory } from "../../src/cache/one-time-memory.ts";
import { createOneTimeNames } from "../../src/sealing/one-time-names.ts";
import type { OneTimeStore } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { frozenClock, masterKey, pendingState, type FrozenClock } from "./fixtures.ts";
import { oneTimeContract } from "./one-time-contract.ts";

const names = createOneTimeNames([masterKey("a")]);
const full = { reason: "STORE_UNAVAILABLE", retryAfterMs: 1_000 };
let clock: FrozenClock;
let store: OneTimeStore;

beforeEach(() => {
  clock = frozenClock();
  store = createOneTimeMemory({ names, clock });
});

oneTimeContract({
  stores: () => [store, store],
  async expire() {
    clock.advance(600_000);
  },
});

test("marks live to the last millisecond of their ten minutes", async () => {
  await store.claimCode("main", new Secret("code"));
  await store.keepState("state", pendingState());
  clock.advance(599_999);
  expect(await store.claimCode("main", new Secret("code"))).toBeUndefined();
  expect(await store.takeState("state")).toBeDefined();
});

describe("full, the store refuses new things rather than forget old ones:", () => {
  beforeEach(() => {
    store = createOneTimeMemory({ names, clock, maxEntries: 3 });
  });

  test("a flood of codes makes no used code usable again, and ends with time", async () => {
    for (const text of ["a", "b", "c"]) await store.claimCode("main", new Secret(text));
    await expect(store.claimCode("main", new Secret("d"))).rejects.toMatchObject(full);
    expect(await store.claimCode("main", new Secret("a"))).toBeUndefined();
    clock.advance(600_000);
    expect(await store.claimCode("main", new Secret("d"))).toBeDefined();
  });

  test("a flood of started sign-ins displaces none, and leaves room for codes", async () => {
    for (const text of ["a", "b", "c"]) await store.keepState(text, pendingState());
    await expect(store.keepState("d", pendingState())).rejects.toMatchObject(full);
    expect(await store.claimCode("main", new Secret("code"))).toBeDefined();
    expect(await store.takeState("a")).toBeDefined();
    await store.keepState("d", pendingState());
  });

  test("a code given back leaves its room to another", async () => {
    const claim = await store.claimCode("main", new Secret("a"));
    for (const text of ["b", "c"]) await store.claimCode("main", new Secret(text));
    await claim?.release();
    expect(await store.claimCode("main", new Secret("d"))).toBeDefined();
  });
});
