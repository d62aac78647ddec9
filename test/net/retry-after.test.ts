import { describe, expect, it } from "vitest";
import { retryAfterOf } from "../../src/net/retry-after.ts";

const nowMs = Date.UTC(2026, 10, 27, 12, 0, 0);
const answer = (headers: Record<string, string>) => new Response(null, { headers });
const said = (value: string | undefined) =>
  retryAfterOf(new Response(null, value === undefined ? {} : { headers: { "retry-after": value } }), nowMs);

describe("how long an answer asks to wait", () => {
  it.each<[string, string | undefined, number | undefined]>([
    ["nothing", undefined, undefined],
    ["seconds", "7", 7_000],
    ["no time at all, which is a second", "0", 1_000],
    ["more than an hour, which is an hour", "86400", 3_600_000],
    ["more digits than any time has", "99999999999", undefined],
    ["a date", "Fri, 27 Nov 2026 12:00:30 GMT", 30_000],
    ["a date that is past", "Fri, 27 Nov 2026 11:00:00 GMT", 1_000],
    ["a date that is far off", "Fri, 27 Nov 2099 12:00:00 GMT", 3_600_000],
    ["a negative number, which is neither", "-5 seconds", undefined],
    ["a word", "soon", undefined],
  ])("is read from %s", (_name, value, ms) => {
    expect(said(value)).toBe(ms);
  });

  it("is read from the other name that Better Auth has for it, where the proper one is not there", () => {
    expect(retryAfterOf(answer({ "x-retry-after": "7" }), nowMs)).toBe(7_000);
    expect(retryAfterOf(answer({ "x-retry-after": "7", "retry-after": "3" }), nowMs)).toBe(3_000);
  });
});
