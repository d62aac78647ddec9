import { beforeEach, describe, expect, it } from "vitest";
import { weighExchange } from "../../src/cache/exchange-codec.ts";
import { createMemoryTier } from "../../src/cache/memory-tier.ts";
import type { SharedTier } from "../../src/cache/redis-tier.ts";
import { createTiers, type Tiers } from "../../src/cache/tiers.ts";
import type { Exchanged } from "../../src/exchange/token-exchange-ports.ts";
import { exchanged, type FrozenClock, frozenClock, nowMs } from "./fixtures.ts";

let clock: FrozenClock;
let far: Map<string, Exchanged>;
let steps: string[];
let onFarRead: () => void;
let written: PromiseWithResolvers<void>;
let tiers: Tiers<Exchanged>;

const shared: SharedTier<Exchanged> = {
  async get(key) {
    steps.push("read");
    onFarRead();
    return far.get(key);
  },
  async put(key, value) {
    steps.push("write");
    await written.promise;
    far.set(key, value);
  },
};
const made = (withShared: boolean) =>
  createTiers({
    memory: createMemoryTier(clock, weighExchange),
    ...(withShared ? { shared } : {}),
    clock,
    onHit: (tier) => void steps.push(`hit ${tier}`),
    onMiss: () => void steps.push("miss"),
  });
beforeEach(() => {
  clock = frozenClock();
  far = new Map();
  steps = [];
  onFarRead = () => undefined;
  written = Promise.withResolvers();
  written.resolve();
  tiers = made(true);
});

describe("two tiers", () => {
  it("are asked in their order, and what is far comes near", async () => {
    far.set("k", exchanged());
    expect(await tiers.get("k")).toEqual(exchanged());
    far.clear();
    expect(await tiers.get("k")).toEqual(exchanged());
    expect(await tiers.get("other")).toBeUndefined();
    expect(steps).toEqual(["read", "hit redis", "hit memory", "read", "miss"]);
  });

  it("find the same for who waits for another's answer, and count nothing of it", async () => {
    expect(await tiers.look("k")).toBeUndefined();
    far.set("k", exchanged());
    expect(await tiers.look("k")).toEqual(exchanged());
    expect(await tiers.look("k")).toEqual(exchanged());
    expect(steps).toEqual(["read", "read"]);
  });

  it("hold what is far against the clock after the wait for it", async () => {
    far.set("k", exchanged("a", { validUntilMs: nowMs + 1_000 }));
    onFarRead = () => clock.advance(1_000);
    expect(await tiers.get("k")).toBeUndefined();
    clock.advance(-1);
    expect(await tiers.look("k")).toBeUndefined();
  });

  it("hold what is near against the clock", async () => {
    await tiers.put("k", exchanged("a", { validUntilMs: nowMs + 1_000 }));
    far.clear();
    clock.advance(999);
    expect(await tiers.get("k")).toBeDefined();
    clock.advance(1);
    expect(await tiers.get("k")).toBeUndefined();
  });

  it("have what was put at once here, and the promise resolves when others can see it", async () => {
    written = Promise.withResolvers();
    let seen = false;
    const put = tiers.put("k", exchanged()).then(() => (seen = true));
    expect(await tiers.get("k")).toEqual(exchanged());
    expect([seen, far.size]).toEqual([false, 0]);
    written.resolve();
    await put;
    expect(far.size).toBe(1);
  });

  it("keep nothing whose time is over", async () => {
    await tiers.put("k", exchanged("a", { validUntilMs: nowMs }));
    expect([await tiers.look("k"), far.size, steps]).toEqual([undefined, 0, ["read"]]);
  });

  it("are one where nothing is shared", async () => {
    const alone = made(false);
    await alone.put("k", exchanged());
    expect(await alone.get("k")).toEqual(exchanged());
    expect(await alone.get("other")).toBeUndefined();
    expect(steps).toEqual(["hit memory", "miss"]);
  });
});
