import { describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import type { RefusalWords } from "../../src/providers/definition.ts";
import { refusalOfExchange } from "../../src/providers/exchange-refusals.ts";
import type { JsonAnswer } from "../../src/providers/json-answer.ts";
import { keycloak } from "../../src/providers/presets/keycloak.ts";
import { refusal } from "../exchange/fixtures.ts";

const noWords: RefusalWords = { known: [] };
const refused = (status: number, answer: JsonAnswer | undefined, words = noWords, headers: Readonly<Record<string, string>> = {}) =>
  refusalOfExchange(new Response(null, { status, headers }), answer, { words, nowMs: 1_800_000_000_000 });

describe("a provider's refusal of an exchange", () => {
  it.each<[string, number, Reason]>([
    ["invalid_request", 400, "TOKEN_INVALID"],
    ["invalid_grant", 400, "TOKEN_REVOKED"],
    ["invalid_target", 400, "TARGET_NOT_ALLOWED"],
    ["access_denied", 403, "TARGET_NOT_ALLOWED"],
    ["invalid_scope", 400, "SCOPE_NOT_ALLOWED"],
    ["invalid_client", 401, "UPSTREAM_REJECTED_CLIENT"],
    ["unauthorized_client", 401, "UPSTREAM_REJECTED_CLIENT"],
    ["unsupported_grant_type", 400, "UPSTREAM_REJECTED_CLIENT"],
    ["server_error", 400, "UPSTREAM_UNAVAILABLE"],
    ["temporarily_unavailable", 400, "UPSTREAM_UNAVAILABLE"],
    ["invalid_token", 401, "UPSTREAM_INVALID_RESPONSE"],
    ["constructor", 400, "UPSTREAM_INVALID_RESPONSE"],
    ["", 400, "UPSTREAM_INVALID_RESPONSE"],
  ])("%j under %i is %s, under 200 too", (error, status, reason) => {
    for (const one of [status, 200]) expect(refused(one, { error })).toEqual(refusal(reason));
  });

  it.each<[string, number, JsonAnswer | undefined, Reason]>([
    ["500, whatever it names", 500, { error: "invalid_request" }, "UPSTREAM_UNAVAILABLE"],
    ["503 without a word", 503, undefined, "UPSTREAM_UNAVAILABLE"],
    ["429, whatever it names", 429, { error: "invalid_request" }, "UPSTREAM_RATE_LIMITED"],
    ["302", 302, { error: "invalid_request" }, "UPSTREAM_INVALID_RESPONSE"],
    ["201", 201, { error: "invalid_request" }, "UPSTREAM_INVALID_RESPONSE"],
    ["400 without a word", 400, undefined, "UPSTREAM_INVALID_RESPONSE"],
    ["400 with an error that is no text", 400, { error: { code: "invalid_request" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["401 without a word: not about anybody's token", 401, undefined, "UPSTREAM_INVALID_RESPONSE"],
    ["200 without a word", 200, undefined, "UPSTREAM_INVALID_RESPONSE"],
    ["200 and tokens that cannot be read", 200, { access_token: "x" }, "UPSTREAM_INVALID_RESPONSE"],
  ])("by %s says what that status says", (_what, status, answer, reason) => {
    expect(refused(status, answer)).toEqual(refusal(reason));
  });

  it("says how long to wait where the provider does", () => {
    expect(refused(429, undefined, noWords, { "retry-after": "7" })).toEqual(refusal("UPSTREAM_RATE_LIMITED", { retryAfterMs: 7_000 }));
  });

  it.each([
    ["invalid_request", "SUBJECT_TOKEN"],
    ["invalid_grant", "SUBJECT_TOKEN"],
    ["invalid_target", undefined],
    ["invalid_client", undefined],
    ["invalid_scope", undefined],
  ])("%s is about the subject token, or about none: %s", (error, field) => {
    expect(refused(400, { error })).toEqual(refusal((refused(400, { error }) as Error).message as Reason, { field }));
  });

  it("keeps the provider's word for the log where it is a registered one, and its description never", () => {
    const [known, unknown] = ["invalid_target", "secret_of_mine"].map((error) => refused(400, { error, error_description: "canary" }));
    expect(known?.cause).toEqual({ kind: "upstream", endpoint: "token", status: 400, oauthError: "invalid_target" });
    expect(unknown?.cause).toEqual({ kind: "upstream", endpoint: "token", status: 400 });
  });
});

describe("Keycloak's refusals, told apart by their descriptions", () => {
  it.each<[number, string, unknown, Reason]>([
    [400, "invalid_request", "Invalid token", "TOKEN_REVOKED"],
    [400, "invalid_request", "Requested audience not available: payroll", "TARGET_NOT_ALLOWED"],
    [400, "invalid_client", "Audience not found", "TARGET_NOT_ALLOWED"],
    [400, "invalid_client", "Client disabled", "TARGET_NOT_ALLOWED"],
    [400, "invalid_request", "Standard token exchange is not enabled for the requested client", "UPSTREAM_REJECTED_CLIENT"],
    [403, "access_denied", "Client is not within the token audience", "TARGET_NOT_ALLOWED"],
    [400, "invalid_scope", "Invalid scopes: admin", "SCOPE_NOT_ALLOWED"],
    [401, "unauthorized_client", "Invalid client or Invalid client credentials", "UPSTREAM_REJECTED_CLIENT"],
    [401, "invalid_client", "Invalid client or Invalid client credentials", "UPSTREAM_REJECTED_CLIENT"],
    // Words that are not quite those, and the same words under another name.
    [400, "invalid_request", "Invalid token, or so", "TOKEN_INVALID"],
    [400, "invalid_request", "invalid token", "TOKEN_INVALID"],
    [400, "invalid_request", "x\nInvalid token", "TOKEN_INVALID"],
    [400, "invalid_request", "Not at all: Requested audience not available: x", "TOKEN_INVALID"],
    [400, "invalid_client", "Client disabled or not", "UPSTREAM_REJECTED_CLIENT"],
    [400, "invalid_scope", "Invalid token", "SCOPE_NOT_ALLOWED"],
    [400, "invalid_request", ["Invalid token"], "TOKEN_INVALID"],
    [400, "invalid_request", undefined, "TOKEN_INVALID"],
    [500, "invalid_request", "Invalid token", "UPSTREAM_UNAVAILABLE"],
  ])("%i %s %j is %s", (status, error, description, reason) => {
    expect(refused(status, { error, error_description: description }, keycloak.refusalWords)).toEqual(refusal(reason));
  });
});
