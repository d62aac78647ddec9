import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorField, ErrorReason } from "../../gen/cambio/v1/error_pb.ts";
import { type Reason, reasons } from "../../src/exchange/errors.ts";
import { type ErrorRow, errorTable } from "../../src/rpc/error-table.ts";

const proto = readFileSync(join(import.meta.dirname, "../../proto/cambio/v1/error.proto"), "utf8");

/** The contract: reasons, code, HTTP status, OAuth name. */
const contract: readonly (readonly [readonly Reason[], Code, number, string])[] = [
  [["MALFORMED_REQUEST"], Code.InvalidArgument, 400, "invalid_request"],
  [["MESSAGE_TOO_LARGE"], Code.ResourceExhausted, 413, "invalid_request"],
  [["CALLER_UNAUTHENTICATED"], Code.Unauthenticated, 401, "invalid_client"],
  [["CALLER_NOT_ALLOWED", "ORIGIN_NOT_ALLOWED", "REDIRECT_URI_NOT_ALLOWED"], Code.PermissionDenied, 403, "unauthorized_client"],
  [["PROVIDER_UNKNOWN", "ACCOUNT_NOT_FOUND", "CONNECTION_NOT_FOUND"], Code.NotFound, 404, "invalid_request"],
  [
    [
      "TOKEN_MALFORMED",
      "TOKEN_INVALID",
      "TOKEN_NOT_YET_VALID",
      "TOKEN_TYPE_MISMATCH",
      "ISSUER_NOT_TRUSTED",
      "PROOF_REQUIRED",
      "TOKEN_EXPIRED",
      "TOKEN_REVOKED",
    ],
    Code.Unauthenticated,
    401,
    "invalid_token",
  ],
  [["AUDIENCE_MISMATCH", "CLIENT_NOT_TRUSTED", "DELEGATION_NOT_ALLOWED", "ACCOUNT_DISABLED"], Code.PermissionDenied, 403, "access_denied"],
  [["SCOPE_NOT_ALLOWED"], Code.PermissionDenied, 403, "invalid_scope"],
  [["SCOPE_INSUFFICIENT"], Code.PermissionDenied, 403, "insufficient_scope"],
  [["TARGET_NOT_ALLOWED"], Code.PermissionDenied, 403, "invalid_target"],
  [["GRANT_INVALID"], Code.FailedPrecondition, 400, "invalid_grant"],
  [["REAUTHENTICATION_REQUIRED", "SESSION_INVALID"], Code.Unauthenticated, 401, "invalid_grant"],
  [["UPSTREAM_RATE_LIMITED", "RATE_LIMITED", "OVERLOADED"], Code.ResourceExhausted, 429, "temporarily_unavailable"],
  [
    ["UPSTREAM_UNAVAILABLE", "UPSTREAM_INVALID_RESPONSE", "STORE_UNAVAILABLE", "AUDIT_UNAVAILABLE"],
    Code.Unavailable,
    503,
    "temporarily_unavailable",
  ],
  [["UPSTREAM_TIMEOUT", "DEADLINE_EXCEEDED"], Code.DeadlineExceeded, 504, "temporarily_unavailable"],
  [["OUTCOME_UNKNOWN"], Code.Aborted, 409, "invalid_grant"],
  [["UPSTREAM_REJECTED_CLIENT", "INTERNAL"], Code.Internal, 500, "server_error"],
];

const rows = contract.flatMap(([names, code, status, oauth]) => names.map((reason) => ({ reason, code, status, oauth })));
const having = (test: (row: ErrorRow) => boolean): readonly Reason[] => reasons.filter((reason) => test(errorTable[reason]));

describe("the error table", () => {
  it.each(rows)("answers $reason as the contract says: code $code, status $status, $oauth", ({ reason, ...row }) => {
    expect(errorTable[reason]).toMatchObject(row);
  });

  it("and the contract name the same reasons, once each", () => {
    expect(rows.map((row) => row.reason).toSorted()).toEqual(reasons.toSorted());
    expect(Object.keys(errorTable).toSorted()).toEqual(reasons.toSorted());
  });

  it("names the same reasons as the proto", () => {
    expect(
      Object.keys(ErrorReason)
        .filter((name) => Number.isNaN(Number(name)))
        .toSorted(),
    ).toEqual([...reasons, "UNSPECIFIED"].toSorted());
    for (const reason of reasons) expect(ErrorReason[reason]).toBeGreaterThan(0);
  });

  it.each(reasons)("gives %s the code that the proto's comment promises", (reason) => {
    const promised = new RegExp(`// .* ([a-z_]+)[.]\n  ERROR_REASON_${reason} = `).exec(proto)?.[1];
    expect(promised).toBe(Code[errorTable[reason].code].replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase());
  });

  it("is matched by a field of the proto for each credential that an error may be about", () => {
    expect(
      Object.keys(ErrorField)
        .filter((name) => Number.isNaN(Number(name)))
        .toSorted(),
    ).toEqual(["ACTOR_TOKEN", "CALLER", "SESSION", "SUBJECT_TOKEN", "UNSPECIFIED", "USER_TOKEN"]);
  });

  it("has one sentence per reason, fixed and complete", () => {
    const sentences = reasons.map((reason) => errorTable[reason].sentence);
    expect(new Set(sentences).size).toBe(reasons.length);
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][A-Za-z0-9 ,;'-]{10,100}\.$/);
  });

  it("tells when to come back, for what passes by itself and for nothing else", () => {
    expect(having((row) => row.retryAfterMs !== undefined)).toEqual([
      "UPSTREAM_RATE_LIMITED",
      "UPSTREAM_UNAVAILABLE",
      "UPSTREAM_INVALID_RESPONSE",
      "STORE_UNAVAILABLE",
      "RATE_LIMITED",
      "OVERLOADED",
      "AUDIT_UNAVAILABLE",
    ]);
    expect(having((row) => row.retryAfterMs !== undefined && row.retryAfterMs < 1_000)).toEqual([]);
  });

  it("asks for a new sign-in where a sign-in is over, and nowhere else", () => {
    expect(having((row) => row.reauthenticate === true)).toEqual(["REAUTHENTICATION_REQUIRED", "SESSION_INVALID"]);
  });

  it("answers on token routes as RFC 8693 §2.2.2 and RFC 6749 §5.2 want it", () => {
    const renamed = having((row) => row.tokenRoute?.oauth !== undefined);
    expect(renamed).toEqual(having((row) => row.oauth === "invalid_token"));
    for (const reason of renamed) expect(errorTable[reason].tokenRoute).toEqual({ oauth: "invalid_request" });
    expect(having((row) => row.tokenRoute?.status !== undefined)).toEqual(["REAUTHENTICATION_REQUIRED"]);
    expect(errorTable.REAUTHENTICATION_REQUIRED.tokenRoute).toEqual({ status: 400 });
  });

  it("answers 503 on session routes to whatever cannot be decided in time", () => {
    expect(having((row) => row.sessionRoute !== undefined)).toEqual(having((row) => row.status === 504));
    for (const reason of having((row) => row.status === 504)) expect(errorTable[reason].sessionRoute).toEqual({ status: 503 });
  });
});
