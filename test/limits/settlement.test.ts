import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { OwnCount } from "../../src/limits/counters.ts";
import { createRateCounters } from "../../src/limits/rate-counters.ts";
import { aloneCounts, createSettlement, type SharedCounts } from "../../src/limits/settlement.ts";
import { countOf, stoppedClock, switchedStore } from "./fixtures.ts";

describe("settling", () => {
  it("tells nothing where nothing was counted", async () => {
    const store = switchedStore(aloneCounts);
    const counters = createRateCounters(stoppedClock());
    counters.wait("k", 1);
    await createSettlement(store, [counters.settled]).settle();
    expect(store.sent).toEqual([]);
  });

  it("with the store away goes on locally, tells nobody, and later tells the count as it then is", async () => {
    const store = switchedStore(aloneCounts);
    const counters = createRateCounters(stoppedClock());
    const settlement = createSettlement(store, [counters.settled]);
    store.away = true;
    for (let round = 0; round < 3; round += 1) {
      expect(countOf(2, () => counters.take("k", 5) === undefined)).toBe(round < 2 ? 2 : 1);
      await settlement.settle();
    }
    store.away = false;
    await settlement.settle();
    expect(store.sent.filter(({ count }) => count > 0).map(({ count }) => count)).toEqual([2, 4, 5, 5]);
    for (let round = 0; round < 5; round += 1) await settlement.settle();
    expect(store.sent.slice(8).map(({ count }) => count)).toEqual([5]);
  });

  it("with an answer that is too short counts what is missing as nobody's", async () => {
    const counters = createRateCounters(stoppedClock());
    counters.add("k");
    await createSettlement({ settle: async () => [] }, [counters.settled]).settle();
    expect(counters.wait("k", 2)).toBeUndefined();
    expect(counters.wait("k", 1)).toBe(1_000);
  });

  it("tells again what could not be told, and hears the rest", async () => {
    const sent: (readonly OwnCount[])[] = [];
    const store: SharedCounts = {
      async settle(own) {
        sent.push(own);
        return own.map(({ key, count }) => (key === "lost" ? undefined : count && count + 7));
      },
    };
    const counters = createRateCounters(stoppedClock());
    counters.add("lost");
    counters.add("told");
    const settlement = createSettlement(store, [counters.settled]);
    await settlement.settle();
    expect([counters.wait("told", 8), counters.wait("told", 9), counters.wait("lost", 2)]).toEqual([1_000, undefined, undefined]);
    await settlement.settle();
    expect(sent[1]?.filter(({ count }) => count > 0).map(({ key }) => key)).toContain("lost");
  });

  it("waits for a store that hangs, and sends it nothing more meanwhile", async () => {
    const hung = Promise.withResolvers<readonly number[]>();
    let asked = 0;
    const store: SharedCounts = {
      settle() {
        asked += 1;
        return hung.promise;
      },
    };
    const counters = createRateCounters(stoppedClock());
    const settlement = createSettlement(store, [counters.settled]);
    counters.add("k");
    const all = [settlement.settle(), settlement.settle(), settlement.settle()];
    expect(countOf(9, () => counters.take("k", 5) === undefined)).toBe(4);
    all.push(settlement.settle());
    expect(asked).toBe(1);
    hung.reject(new Error("away"));
    await Promise.all(all);
    await settlement.settle();
    expect(asked).toBe(2);
  });

  it("an attacker with many addresses fills a batch, and what stands before addresses is in it all the same", async () => {
    const store = switchedStore(aloneCounts);
    const clock = stoppedClock();
    const [services, addresses] = [createRateCounters(clock), createRateCounters(clock)];
    for (let key = 0; key < 5_000; key += 1) addresses.add(`address ${key}`);
    services.add("service");
    await createSettlement(store, [services.settled, addresses.settled]).settle();
    expect(store.sent.length).toBeLessThanOrEqual(1_000);
    expect(store.sent.length).toBeGreaterThan(990);
    expect(store.sent[0]?.key).toBe("service");
  });

  it("happens every tenth of a second from its start to its close, once however often it was started", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const store = switchedStore(aloneCounts);
    const counters = createRateCounters(stoppedClock());
    const settlement = createSettlement(store, [counters.settled]);
    counters.add("k");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(store.sent.length).toBe(0);
    settlement.start();
    settlement.start();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(99);
    expect(store.sent.length).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(store.sent.map(({ count }) => count)).toEqual([1, 0]);
    counters.add("k");
    await vi.advanceTimersByTimeAsync(100);
    expect(store.sent.map(({ count }) => count)).toEqual([1, 0, 2]);
    await settlement.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("its close waits for what is under way", async () => {
    const hung = Promise.withResolvers<readonly number[]>();
    const counters = createRateCounters(stoppedClock());
    const settlement = createSettlement({ settle: () => hung.promise }, [counters.settled]);
    counters.add("k");
    void settlement.settle();
    let closed = false;
    const closing = settlement.close().finally(() => {
      closed = true;
    });
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    hung.resolve([1, 0]);
    await closing;
  });
});
