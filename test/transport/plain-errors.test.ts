import { describe, expect, it } from "vitest";
import { ExchangeError, type FailureFacts, type Reason, reasons } from "../../src/exchange/errors.ts";
import { errorTable } from "../../src/rpc/error-table.ts";
import { plainError, type PlainSurface } from "../../src/transport/plain-errors.ts";

const answer = (reason: Reason, facts: FailureFacts = {}, surface: PlainSurface = "plain") => {
  const { status, headers, body } = plainError(new ExchangeError(reason, facts), { requestId: "id", surface });
  return { status, headers: headers ?? {}, body: JSON.parse(body) as Record<string, unknown> };
};

describe("an error on a plain route", () => {
  it.each(reasons)("has status, OAuth name, sentence, reason and request id: %s", (reason) => {
    const { status, headers, body } = answer(reason);
    const row = errorTable[reason];
    expect(status).toBe(row.status);
    expect(body).toEqual({ error: row.oauth, error_description: row.sentence, reason, request_id: "id" });
    expect(headers["content-type"]).toBe("application/json");
    expect("www-authenticate" in headers).toBe(status === 401);
    expect("retry-after" in headers).toBe((status === 429 || status === 503) && row.retryAfterMs !== undefined);
  });

  it.each([
    ["TOKEN_INVALID", 401, "invalid_request"],
    ["REAUTHENTICATION_REQUIRED", 400, "invalid_grant"],
    ["GRANT_INVALID", 400, "invalid_grant"],
  ] as const)("is what a token endpoint would say where the route answers like one: %s", (reason, status, error) => {
    expect(answer(reason, {}, "token")).toMatchObject({ status, body: { error } });
  });

  it.each(reasons)(
    "on a route that turns a session into a token is no other than 400, 401, 403, 404, 409, 413, 429, 500 or 503: %s",
    (reason) => {
      const { status, headers, body } = answer(reason, {}, "session");
      expect([400, 401, 403, 404, 409, 413, 429, 500, 503]).toContain(status);
      expect(body).toMatchObject({ error: errorTable[reason].oauth, reason });
      expect("www-authenticate" in headers).toBe(status === 401);
    },
  );

  it.each<[Reason, number, string]>([
    ["SESSION_INVALID", 401, "invalid_grant"],
    ["ORIGIN_NOT_ALLOWED", 403, "unauthorized_client"],
    ["UPSTREAM_UNAVAILABLE", 503, "temporarily_unavailable"],
    ["UPSTREAM_INVALID_RESPONSE", 503, "temporarily_unavailable"],
    ["STORE_UNAVAILABLE", 503, "temporarily_unavailable"],
    ["AUDIT_UNAVAILABLE", 503, "temporarily_unavailable"],
    ["UPSTREAM_TIMEOUT", 503, "temporarily_unavailable"],
    ["DEADLINE_EXCEEDED", 503, "temporarily_unavailable"],
  ])(
    "on a route that turns a session into a token says that it cannot decide by 503, and no session by 401: %s",
    (reason, status, error) => {
      expect(answer(reason, {}, "session")).toMatchObject({ status, body: { error } });
    },
  );

  it("on a route that turns a session into a token says how long to wait where it cannot decide", () => {
    expect(answer("UPSTREAM_UNAVAILABLE", { retryAfterMs: 2_500 }, "session").headers["retry-after"]).toBe("3");
    expect(answer("UPSTREAM_TIMEOUT", { retryAfterMs: 2_500 }, "session").headers["retry-after"]).toBe("3");
    expect(answer("SESSION_INVALID", { retryAfterMs: 2_500 }, "session").headers).not.toHaveProperty("retry-after");
  });

  it.each([
    [1, "1"],
    [1_000, "1"],
    [1_001, "2"],
    [undefined, "5"],
  ])("rounds a wait of %j ms up to whole seconds", (retryAfterMs, seconds) => {
    const facts = retryAfterMs === undefined ? {} : { retryAfterMs };
    expect(answer("UPSTREAM_RATE_LIMITED", facts).headers["retry-after"]).toBe(seconds);
  });

  it("says when an expired token expired", () => {
    expect(answer("TOKEN_EXPIRED", { expiredAt: 1_700_000_000 }).body["expired_at"]).toBe("2023-11-14T22:13:20.000Z");
  });

  it.each([
    ["CALLER_UNAUTHENTICATED", 'Basic realm="cambio"'],
    ["TOKEN_EXPIRED", 'Bearer error="invalid_token"'],
  ] as const)("challenges for what is missing: %s", (reason, challenge) => {
    expect(answer(reason).headers["www-authenticate"]).toBe(challenge);
  });

  it("never tells its cause", () => {
    expect(
      plainError(new ExchangeError("INTERNAL", { cause: new Error("CANARY") }), { requestId: "id", surface: "plain" }).body,
    ).not.toContain("CANARY");
  });
});
