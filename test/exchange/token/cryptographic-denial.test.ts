import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../../src/exchange/errors.ts";
import { cryptographicDenial, isCryptographicDenial } from "../../../src/exchange/token/cryptographic-denial.ts";

describe("a cryptographic denial", () => {
  it("may be remembered, and looks like every other invalid token", () => {
    const denial = cryptographicDenial();
    expect(isCryptographicDenial(denial)).toBe(true);
    expect({ reason: denial.reason, field: denial.field }).toEqual({ reason: "TOKEN_INVALID", field: "SUBJECT_TOKEN" });
  });

  it.each<[string, unknown]>([
    ["an invalid token without a cause", new ExchangeError("TOKEN_INVALID", { field: "SUBJECT_TOKEN" })],
    ["a cause that only looks like it", new ExchangeError("TOKEN_INVALID", { cause: { kind: "wrong signature under the named key" } })],
    ["another reason", new ExchangeError("TOKEN_NOT_YET_VALID")],
    ["a plain error", new Error("TOKEN_INVALID")],
    ["nothing", undefined],
  ])("is not %s", (_, failure) => {
    expect(isCryptographicDenial(failure)).toBe(false);
  });
});
