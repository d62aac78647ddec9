import { describe, expect, it } from "vitest";
import { type Circumstance, ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import { risksBan } from "../../src/exchange/refusal-cost.ts";

const answered = (endpoint: "token" | "introspection" | "jwks" | "discovery", status: number): Circumstance => ({
  kind: "upstream",
  endpoint,
  status,
});

describe("what a provider may ban this service for counts against who caused it", () => {
  it.each<[string, Error, boolean]>([
    ["a client that it does not know", new ExchangeError("UPSTREAM_REJECTED_CLIENT", { cause: answered("token", 401) }), true],
    ["an answered 429", new ExchangeError("UPSTREAM_RATE_LIMITED", { cause: answered("token", 429) }), true],
    ["a 429 for keys, which are everybody's", new ExchangeError("UPSTREAM_RATE_LIMITED", { cause: answered("jwks", 429) }), false],
    ["a 429 for discovery", new ExchangeError("UPSTREAM_RATE_LIMITED", { cause: answered("discovery", 429) }), false],
    ["a pause that is kept here", new ExchangeError("UPSTREAM_RATE_LIMITED", { cause: answered("token", 429), unasked: true }), false],
    ["a token that it refuses: each operation knows that", new ExchangeError("TOKEN_INVALID", { cause: answered("token", 400) }), false],
    ["anything but an error of ours", new Error("no"), false],
  ])("%s", (_what, failure, counts) => {
    expect(risksBan(failure)).toBe(counts);
  });

  it.each<Reason>(["OUTCOME_UNKNOWN", "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "DEADLINE_EXCEEDED", "STORE_UNAVAILABLE"])(
    "not %s",
    (reason) => {
      expect(risksBan(new ExchangeError(reason, { cause: answered("token", 401) }))).toBe(false);
    },
  );

  it.each([400, 401, 403])(
    "an unknown word with status %i at the endpoints to which callers' credentials go, and at no other",
    (status) => {
      const counts = (["token", "introspection", "jwks"] as const).map((endpoint) =>
        risksBan(new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause: answered(endpoint, status) })),
      );
      expect(counts).toEqual([true, true, false]);
    },
  );

  it.each([200, 302, 404, 500])("not an answer with status %i that is none", (status) => {
    expect(risksBan(new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause: answered("token", status) }))).toBe(false);
  });
});
