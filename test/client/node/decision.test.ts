import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../../gen/cambio/v1/error_pb.ts";
import { decisionOf } from "../../../src/client/node/decision.ts";

const names = Object.keys(ErrorReason) as (keyof typeof ErrorReason)[];

const unauthorized = [
  "TOKEN_MALFORMED",
  "TOKEN_INVALID",
  "TOKEN_NOT_YET_VALID",
  "TOKEN_TYPE_MISMATCH",
  "TOKEN_EXPIRED",
  "TOKEN_REVOKED",
  "ISSUER_NOT_TRUSTED",
  "PROOF_REQUIRED",
];
const forbidden = ["AUDIENCE_MISMATCH", "CLIENT_NOT_TRUSTED", "ACCOUNT_DISABLED", "DELEGATION_NOT_ALLOWED", "SCOPE_INSUFFICIENT"];

function failureWith(reason: ErrorReason, field: ErrorField = ErrorField.SUBJECT_TOKEN, times = 1): ConnectError {
  const error = new ConnectError("a sentence", Code.Unauthenticated);
  const detail = { desc: ErrorDetailSchema, value: create(ErrorDetailSchema, { reason, field }) };
  error.details.push(...Array.from({ length: times }, () => detail));
  return error;
}

describe("what Cambio's errors mean for a token", () => {
  it.each(names)("%s", (name) => {
    const { kind, ...more } = decisionOf(failureWith(ErrorReason[name]));
    const status = unauthorized.includes(name) ? 401 : forbidden.includes(name) ? 403 : undefined;
    expect({ kind, ...more }).toMatchObject(
      status === undefined ? { kind: "undecided", reason: name } : { kind: "denied", status, reason: name },
    );
  });

  it.each(names)("%s about the service's own credential is no decision", (name) => {
    expect(decisionOf(failureWith(ErrorReason[name], ErrorField.CALLER)).kind).toBe("undecided");
  });

  it.each([
    { what: "no detail", failure: failureWith(ErrorReason.TOKEN_INVALID, ErrorField.SUBJECT_TOKEN, 0) },
    { what: "two details", failure: failureWith(ErrorReason.TOKEN_INVALID, ErrorField.SUBJECT_TOKEN, 2) },
    { what: "a reason of a later version", failure: failureWith(9_999 as ErrorReason) },
    { what: "no error of Connect's", failure: new Error("anything") },
  ])("with $what is no decision", ({ failure }) => {
    expect(decisionOf(failure).kind).toBe("undecided");
  });
});
