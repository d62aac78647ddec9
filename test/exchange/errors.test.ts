import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type Circumstance, circumstanceOf, ExchangeError, hasReason, reasons } from "../../src/exchange/errors.ts";

describe("a decided failure", () => {
  it("has the reason's name for its whole message, whatever caused it", () => {
    for (const reason of reasons) {
      const error = new ExchangeError(reason, { cause: new Error("canary"), field: "SUBJECT_TOKEN" });
      expect([error.message, error.name, String(error)]).toEqual([reason, "ExchangeError", `ExchangeError: ${reason}`]);
      expect(JSON.stringify(error)).not.toContain("canary");
    }
  });

  it("keeps its facts, and has no cause where none is given", () => {
    const cause = new Error("why");
    const error = new ExchangeError("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: 12, retryAfterMs: 34, cause });
    expect(error).toMatchObject({ reason: "TOKEN_EXPIRED", field: "SUBJECT_TOKEN", expiredAt: 12, retryAfterMs: 34, cause });
    expect(Object.hasOwn(new ExchangeError("INTERNAL"), "cause")).toBe(false);
    expect(inspect(new ExchangeError("INTERNAL"))).not.toContain("[cause]");
  });

  it("has a reason of a list without doubles", () => {
    expect(new Set(reasons).size).toBe(reasons.length);
  });
});

describe("a failure that is read again", () => {
  it("has one of some reasons, and whatever is no decided failure has none", () => {
    const failure = new ExchangeError("UPSTREAM_TIMEOUT");
    expect(hasReason(failure, "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT")).toBe(true);
    expect(hasReason(failure, "UPSTREAM_UNAVAILABLE")).toBe(false);
    for (const other of [undefined, new Error("UPSTREAM_TIMEOUT"), { reason: "UPSTREAM_TIMEOUT" }]) {
      expect(hasReason(other, "UPSTREAM_TIMEOUT")).toBe(false);
    }
  });

  const met: Circumstance = { kind: "store", code: "ECONNRESET", outcome: "unknown" };
  const carried = (depth: number): ExchangeError =>
    new ExchangeError("STORE_UNAVAILABLE", { cause: depth === 0 ? met : carried(depth - 1) });

  it.each([0, 1, 3])("tells what was met, also where it carries %i others", (depth) => {
    expect(circumstanceOf(carried(depth))).toEqual(met);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a circumstance that nobody threw", met],
    ["a failure without one", new ExchangeError("INTERNAL")],
    ["a failure with an error of somebody else", new ExchangeError("INTERNAL", { cause: new Error("store") })],
    ["a kind that is not one of ours", new ExchangeError("INTERNAL", { cause: { kind: "timeout", code: "secret" } })],
    ["more failures inside one another than anybody throws", carried(4)],
  ])("tells nothing of %s", (_name, failure) => {
    expect(circumstanceOf(failure)).toBeUndefined();
  });
});
