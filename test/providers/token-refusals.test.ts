import { describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import type { ErrorReading, RefreshRules } from "../../src/providers/definition.ts";
import { createRefusalReading, type OneTimeCredential } from "../../src/providers/token-refusals.ts";

const none: RefreshRules = { lostAnswer: "reauthenticate", terminalErrors: [], terminalStatuses: [] };
const byTheBook: ErrorReading = { objects: false, words: {} };
const loose: ErrorReading = { objects: true, words: { bad_code: "invalid_grant", bad_client: "invalid_client" } };
const terminal: RefreshRules = { ...none, terminalErrors: ["refresh_token_reused"], terminalStatuses: [401] };

interface Given {
  readonly credential?: OneTimeCredential;
  readonly status?: number;
  readonly answer: unknown;
  readonly errors?: ErrorReading;
  readonly refresh?: RefreshRules;
}

function refused({ credential = "refresh_token", status = 400, answer, errors = loose, refresh = terminal }: Given) {
  const response = new Response("", { status, headers: { "retry-after": "7" } });
  const members = answer as Readonly<Record<string, unknown>> | undefined;
  return createRefusalReading({ errors, refresh })({ credential, response, answer: members, nowMs: 0 });
}

describe("a refusal of a one-time credential", () => {
  it.each<[string, Given, Reason]>([
    ["a registered word", { answer: { error: "invalid_grant" } }, "REAUTHENTICATION_REQUIRED"],
    ["the same for a code", { answer: { error: "invalid_grant" }, credential: "code" }, "GRANT_INVALID"],
    ["a word in error.code", { answer: { error: { code: "invalid_grant", type: "x" } } }, "REAUTHENTICATION_REQUIRED"],
    ["a word in error.type", { answer: { error: { type: "invalid_scope", message: "no" } } }, "SCOPE_NOT_ALLOWED"],
    ["error.code before error.type", { answer: { error: { code: null, type: "invalid_client" } } }, "UPSTREAM_REJECTED_CLIENT"],
    ["a word in code", { answer: { code: "refresh_token_reused" } }, "REAUTHENTICATION_REQUIRED"],
    ["a word of the provider's own", { answer: { error: "bad_code" }, credential: "code" }, "GRANT_INVALID"],
    ["one about the registration", { answer: { error: "bad_client" } }, "UPSTREAM_REJECTED_CLIENT"],
    ["an error in a 200", { answer: { error: "invalid_grant" }, status: 200 }, "REAUTHENTICATION_REQUIRED"],
    ["an object in a 200", { answer: { error: { code: "refresh_token_reused" } }, status: 200 }, "REAUTHENTICATION_REQUIRED"],
    ["an unknown word", { answer: { error: "new_word" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a terminal word", { answer: { error: "refresh_token_reused" } }, "REAUTHENTICATION_REQUIRED"],
    ["a terminal word about a code", { answer: { error: "refresh_token_reused" }, credential: "code" }, "GRANT_INVALID"],
    ["a terminal status", { answer: { error: "invalid_client" }, status: 401 }, "REAUTHENTICATION_REQUIRED"],
    ["a terminal status without a word", { answer: undefined, status: 401 }, "REAUTHENTICATION_REQUIRED"],
    ["the same status about a code", { answer: { error: "invalid_client" }, credential: "code", status: 401 }, "UPSTREAM_REJECTED_CLIENT"],
    ["401 by the book", { answer: { error: "invalid_client" }, status: 401, refresh: none }, "UPSTREAM_REJECTED_CLIENT"],
    ["429 whatever the word", { answer: { error: "refresh_token_reused" }, status: 429 }, "UPSTREAM_RATE_LIMITED"],
    ["a terminal word in a 500", { answer: { error: "refresh_token_reused" }, status: 500 }, "OUTCOME_UNKNOWN"],
    ["an object by the book", { answer: { error: { code: "invalid_grant" } }, errors: byTheBook }, "OUTCOME_UNKNOWN"],
    ["a code by the book", { answer: { code: "invalid_grant" }, errors: byTheBook }, "OUTCOME_UNKNOWN"],
    ["an empty word", { answer: { error: "" } }, "OUTCOME_UNKNOWN"],
    ["an object that says nothing", { answer: { error: {} } }, "OUTCOME_UNKNOWN"],
    ["a list", { answer: { error: ["invalid_grant"] } }, "OUTCOME_UNKNOWN"],
    ["nothing", { answer: undefined }, "OUTCOME_UNKNOWN"],
    ["what every object inherits", { answer: { error: "constructor" } }, "UPSTREAM_INVALID_RESPONSE"],
  ])("is read from %s", (_name, given, reason) => {
    expect(refused(given).reason).toBe(reason);
  });

  it("says how long to wait where that was asked for, and only there", () => {
    expect(refused({ answer: {}, status: 429 }).retryAfterMs).toBe(7_000);
    expect(refused({ answer: { error: "invalid_grant" } }).retryAfterMs).toBeUndefined();
  });

  it.each([
    ["invalid_grant", "invalid_grant"],
    ["refresh_token_reused", "refresh_token_reused"],
    ["bad_client", "bad_client"],
    ["canary", undefined],
  ])("shows the log the words that are known and no other: %s", (error, oauthError) => {
    const expected = { kind: "upstream", endpoint: "token", status: 400 };
    expect(refused({ answer: { error } }).cause).toEqual(oauthError === undefined ? expected : { ...expected, oauthError });
  });
});
