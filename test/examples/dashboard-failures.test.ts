import { describe, expect, it } from "vitest";
import { describeFailure } from "../../examples/dashboard/page/failures.ts";

const cases: readonly [string, Parameters<typeof describeFailure>, { statusLine: string; title: string; signInAgain?: boolean }][] = [
  [
    "no session",
    ["exchange", 401, { reason: "SESSION_INVALID" }],
    { statusLine: "401 Unauthorized", title: "Your session has ended", signInAgain: true },
  ],
  ["Cambio away", ["exchange", 503, { part: "cambio" }], { statusLine: "503 Service Unavailable", title: "Cambio is away" }],
  [
    "Cambio without an answer of Better Auth",
    ["exchange", 504, { reason: "UPSTREAM_TIMEOUT" }],
    { statusLine: "504 Gateway Timeout", title: "Cambio cannot decide" },
  ],
  ["the backend away", ["api", 503, { part: "backend" }], { statusLine: "503 Service Unavailable", title: "The backend is away" }],
  [
    "the backend without keys",
    ["api", 503, { error: "temporarily_unavailable" }],
    { statusLine: "503 Service Unavailable", title: "The backend cannot decide" },
  ],
  [
    "an expired token",
    ["api", 401, { expired_at: "2026-11-27T12:00:00Z" }],
    { statusLine: "401 Unauthorized", title: "The token has expired" },
  ],
  ["a refused token", ["api", 401, { error: "invalid_token" }], { statusLine: "401 Unauthorized", title: "The backend refused the call" }],
  ["too many calls", ["exchange", 429, undefined], { statusLine: "429 Too Many Requests", title: "Too many requests" }],
  ["another origin", ["exchange", 403, { error_description: "Not from here." }], { statusLine: "403 Forbidden", title: "The call failed" }],
  ["a page instead of JSON", ["api", 500, "<h1>Oops</h1>"], { statusLine: "500 Internal Server Error", title: "The call failed" }],
  ["a status that nobody knows", ["api", 599, null], { statusLine: "599", title: "The call failed" }],
  ["no answer", ["exchange", 0, undefined], { statusLine: "No answer", title: "The server cannot be reached" }],
];

describe("why a call failed, in words", () => {
  it.each(cases)("%s", (_, given, expected) => {
    const failure = describeFailure(...given);
    expect(failure).toMatchObject({ signInAgain: false, ...expected });
    expect(failure.sentence).toMatch(/^\w.+\.$/);
  });

  it("repeats nothing that could be markup or a token: only sentences of its own and the described reason", () => {
    expect(JSON.stringify(describeFailure("api", 500, { token: "eyJhbGciOi", error: "eyJhbGciOi" }))).not.toContain("eyJ");
  });
});
