import { describe, expect, it } from "vitest";
import { ExchangeError, reasons } from "../../src/exchange/errors.ts";
import { nothingWasSent, outcomeOf } from "../../src/exchange/outcome.ts";
import { refusal } from "./fixtures.ts";

describe("waiting for a call that spends something", () => {
  it("gives its answer, and its failure as it is", async () => {
    const { signal } = new AbortController();
    expect(await outcomeOf(Promise.resolve("tokens"), signal)).toBe("tokens");
    await expect(outcomeOf(Promise.reject(new ExchangeError("GRANT_INVALID")), signal)).rejects.toThrow(refusal("GRANT_INVALID"));
  });

  it("ends in OUTCOME_UNKNOWN when the caller leaves, and the call goes on to its end", async () => {
    const leaving = new AbortController();
    const work = Promise.withResolvers<string>();
    const waiting = outcomeOf(work.promise, leaving.signal);
    leaving.abort();
    await expect(waiting).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    work.resolve("late");
    expect(await work.promise).toBe("late");
  });

  it("ends in OUTCOME_UNKNOWN for a caller who has already left", async () => {
    await expect(outcomeOf(new Promise(() => undefined), AbortSignal.abort())).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
  });

  it("leaves no rejection behind when the call fails after its caller has left", async () => {
    const unhandled: unknown[] = [];
    const note = (failure: unknown) => unhandled.push(failure);
    process.on("unhandledRejection", note);
    try {
      const work = Promise.withResolvers<string>();
      const waiting = outcomeOf(work.promise, AbortSignal.abort());
      await expect(waiting).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
      work.reject(new ExchangeError("UPSTREAM_UNAVAILABLE"));
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", note);
    }
  });

  it("is known to have sent nothing where the provider was not asked, whatever the reason: a 429 that it answered is another matter", () => {
    expect(nothingWasSent(new ExchangeError("UPSTREAM_RATE_LIMITED", { retryAfterMs: 1_000, unasked: true }))).toBe(true);
    expect(nothingWasSent(new ExchangeError("UPSTREAM_RATE_LIMITED", { retryAfterMs: 1_000 }))).toBe(false);
  });

  it("is known to have sent nothing for two reasons only", () => {
    const harmless = reasons.filter((reason) => nothingWasSent(new ExchangeError(reason)));
    expect(harmless).toEqual(["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT"]);
    for (const other of [new Error("UPSTREAM_UNAVAILABLE"), "UPSTREAM_UNAVAILABLE", undefined]) expect(nothingWasSent(other)).toBe(false);
  });
});
