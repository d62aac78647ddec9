import { describe, expect, it } from "vitest";
import { coolDownAfter } from "../../src/exchange/cool-down.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";

describe("the cool-down of a source that failed", () => {
  it.each([
    ["is the usual one where it was asked", { retryAfterMs: 3_000 }, 10_000],
    ["is what is left where it was not asked", { retryAfterMs: 3_000, unasked: true }, 3_000],
    ["is never longer than usual", { retryAfterMs: 60_000, unasked: true }, 10_000],
    ["is the usual one where nobody knows what is left", { unasked: true }, 10_000],
  ])("%s", (_name, facts, ms) => {
    expect(coolDownAfter(new ExchangeError("UPSTREAM_UNAVAILABLE", facts), 10_000)).toBe(ms);
  });
});
