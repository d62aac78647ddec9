import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";

const limitMs = 5_000;
const patient = () => new AbortController().signal;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failing = () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE"));
const throwing = () => {
  throw new ExchangeError("INTERNAL");
};

function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signals: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };
  return { start, signals, resolve, reject };
}

test("a hundred simultaneous callers start the work once and share its answer", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  const { start, signals, resolve } = work();
  const calls = Array.from({ length: 100 }, () => singleFlight("k", patient(), start));
  resolve("answer");
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["answer"]));
  expect(signals.length).toBe(1);
});

test("different keys do not share", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  const answers = ["a", "b"].map((key) => singleFlight(key, patient(), async () => key));
  expect(await Promise.all(answers)).toEqual(["a", "b"]);
});

test("nothing is remembered: neither an answer nor an error reaches a later caller", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  const joined = [singleFlight("k", patient(), failing), singleFlight("k", patient(), failing)];
  for (const call of joined) await expect(call).rejects.toMatchObject({ reason: "UPSTREAM_UNAVAILABLE" });
  expect(await singleFlight("k", patient(), async () => "first")).toBe("first");
  expect(await singleFlight("k", patient(), async () => "second")).toBe("second");
});

test("work that throws before its first await fails its callers and frees the key", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  await expect(singleFlight("k", patient(), throwing)).rejects.toMatchObject({ reason: "INTERNAL" });
  expect(await singleFlight("k", patient(), async () => "next")).toBe("next");
});

test("an impatient caller leaves alone: the others still get the answer, and the work is not aborted", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  const { start, signals, resolve } = work();
  const impatient = new AbortController();
  const leaving = singleFlight("k", impatient.signal, start);
  const staying = singleFlight("k", patient(), start);
  impatient.abort();
  await expect(leaving).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  expect(signals[0]?.aborted).toBe(false);
  resolve("answer");
  expect(await staying).toBe("answer");
  expect(signals[0]?.aborted).toBe(false);
});

test("when the last caller has left the work is aborted, and the next caller starts anew", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  const abandoned = work();
  const callers = [new AbortController(), new AbortController()];
  const calls = callers.map((caller) => singleFlight("k", caller.signal, abandoned.start));
  for (const caller of callers) caller.abort();
  for (const call of calls) await expect(call).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  expect(abandoned.signals[0]?.aborted).toBe(true);

  const fresh = work();
  const next = singleFlight("k", patient(), fresh.start);
  // The abandoned work ends late: it must not take the new flight's place with it.
  abandoned.reject(new Error("aborted"));
  await vi.advanceTimersByTimeAsync(0);
  const joined = singleFlight("k", patient(), fresh.start);
  fresh.resolve("fresh");
  expect(await Promise.all([next, joined])).toEqual(["fresh", "fresh"]);
  expect(fresh.signals.length).toBe(1);
});

test("a caller whose time is up already starts nothing", async () => {
  const { start, signals } = work();
  await expect(createSingleFlight(() => limitMs)("k", AbortSignal.abort(), start)).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  expect(signals.length).toBe(0);
});

test("work that ignores its signal holds nobody past the limit", async () => {
  const singleFlight = createSingleFlight(() => limitMs);
  const stuck = work();
  const call = singleFlight("k", patient(), stuck.start);
  const outcome = call.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(limitMs - 1);
  expect(stuck.signals[0]?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await outcome).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  expect(stuck.signals[0]?.aborted).toBe(true);
  expect(await singleFlight("k", patient(), async () => "next")).toBe("next");
});

test("each flight has the limit of the time when it began", async () => {
  let limit = limitMs;
  const singleFlight = createSingleFlight(() => limit);
  const [early, late] = [work(), work()];
  const first = singleFlight("early", patient(), early.start).catch((error: unknown) => error);
  limit = 2 * limitMs;
  const second = singleFlight("late", patient(), late.start).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(limitMs);
  expect(await first).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  expect([early.signals[0]?.aborted, late.signals[0]?.aborted]).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(limitMs);
  expect(await second).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
});

test("no timer outlives its flight", async () => {
  await createSingleFlight(() => limitMs)("k", patient(), async () => "answer");
  expect(vi.getTimerCount()).toBe(0);
});
