import { afterEach, describe, expect, it } from "vitest";
import { createProviderPlaces } from "../../src/limits/provider-places.ts";
import { refusal } from "../exchange/fixtures.ts";

const full = refusal("UPSTREAM_UNAVAILABLE", {
  retryAfterMs: 1_000,
  unasked: true,
  cause: { kind: "policy", rule: "limits.concurrent_calls" },
});
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const patient = (): AbortSignal => new AbortController().signal;

/** Work that goes on until it is aborted, or the test is over. */
function waiting(signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
  ends.push(() => resolve("done"));
  return promise;
}

/** Many steps, and nobody outside. */
async function atHand(value: string): Promise<string> {
  for (let step = 0; step < 100; step += 1) await Promise.resolve();
  return value;
}

describe("places of one provider", () => {
  it("are two fifths of all, and another provider has as many", () => {
    const places = createProviderPlaces(() => 100);
    for (let count = 0; count < 40; count += 1) places.enter("dead");
    expect(() => places.enter("dead")).toThrow(full);
    expect(() => places.enter("well")).not.toThrow();
  });

  it("are one at the least", () => {
    const places = createProviderPlaces(() => 1);
    places.enter("main");
    expect(() => places.enter("main")).toThrow(full);
  });

  it("are free again for whoever comes next, once they are given back", () => {
    const places = createProviderPlaces(() => 3);
    for (let count = 0; count < 3; count += 1) {
      using _ = places.enter("main");
      expect(() => places.enter("main")).toThrow(full);
    }
  });

  it("follow the limit of now", () => {
    let max = 3;
    const places = createProviderPlaces(() => max);
    places.enter("main");
    max = 5;
    expect(() => places.enter("main")).not.toThrow();
  });
});

describe("work that may be over at once", () => {
  it("needs no place where nobody outside is asked: tokens are checked with keys at hand while a provider hangs", async () => {
    const places = createProviderPlaces(() => 3);
    places.enter("main");
    expect(await places.whileWaiting("main", patient(), () => atHand("found"))).toBe("found");
    await expect(places.whileWaiting("main", patient(), () => atHand("").then(() => Promise.reject(new Error("no"))))).rejects.toThrow(
      "no",
    );
  });

  it("has a place while it waits, and gives it back", async () => {
    const places = createProviderPlaces(() => 3);
    const first = places.whileWaiting("main", patient(), waiting);
    await expect(places.whileWaiting("main", patient(), waiting)).rejects.toThrow(full);
    for (const end of ends.splice(0)) end();
    expect(await first).toBe("done");
    const next = places.whileWaiting("main", patient(), waiting);
    for (const end of ends.splice(0)) end();
    expect(await next).toBe("done");
  });

  it("is aborted where there is no place, so that nothing of a flood stays behind", async () => {
    const places = createProviderPlaces(() => 3);
    places.enter("main");
    let given: AbortSignal | undefined;
    const refused = places.whileWaiting("main", patient(), (signal) => {
      given = signal;
      return waiting(signal);
    });
    await expect(refused).rejects.toThrow(full);
    expect(given?.aborted).toBe(true);
  });

  it.each([
    ["leaves later", false],
    ["had left before", true],
  ])("is aborted when whoever waits %s, and gives its place back", async (_name, before) => {
    const places = createProviderPlaces(() => 3);
    const caller = new AbortController();
    if (before) caller.abort();
    const left = places.whileWaiting("main", caller.signal, (signal) =>
      signal.aborted ? Promise.reject(new Error("aborted")) : waiting(signal),
    );
    caller.abort();
    await expect(left).rejects.toThrow("aborted");
    expect(() => places.enter("main")).not.toThrow();
  });
});
