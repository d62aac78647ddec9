import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ExchangeError, reasons } from "../../src/exchange/errors.ts";

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
