import { toBinary } from "@bufbuild/protobuf";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import { describe, expect, it } from "vitest";
import { type ErrorDetail, ErrorDetailSchema, ErrorField, ErrorReason } from "../../gen/cambio/v1/error_pb.ts";
import { ExchangeError, type FailureFacts, type Reason, reasons } from "../../src/exchange/errors.ts";
import { errorTable } from "../../src/rpc/error-table.ts";
import { failureOf, failureOfLibrary, toConnectError } from "../../src/rpc/wire-errors.ts";
import { refusal } from "../exchange/fixtures.ts";

const canary = "canary-91c2";

function detailOf(reason: Reason, facts?: FailureFacts): ErrorDetail {
  const [detail, ...others] = toConnectError(new ExchangeError(reason, facts), "r1").findDetails(ErrorDetailSchema);
  if (detail === undefined || others.length > 0) throw new Error("not exactly one detail");
  return detail;
}

describe("an error on the wire", () => {
  it.each(reasons)("for %s has the table's code and sentence and one detail", (reason) => {
    const row = errorTable[reason];
    const error = toConnectError(new ExchangeError(reason), "r1");
    expect([error.code, error.rawMessage, error.details.length]).toEqual([row.code, row.sentence, 1]);
    const detail = detailOf(reason);
    expect(detail).toMatchObject({
      reason: ErrorReason[reason],
      field: ErrorField.UNSPECIFIED,
      oauthError: row.oauth,
      reauthenticate: row.reauthenticate === true,
      requestId: "r1",
    });
    expect(detail.expiredAt).toBeUndefined();
  });

  it.each(reasons)("for %s carries nothing of its cause", (reason) => {
    const cause = Object.assign(new Error(canary), { code: canary, cause: new Error(canary) });
    const error = toConnectError(new ExchangeError(reason, { cause }), "r1");
    const sent = JSON.stringify(errorToJson(error, undefined)) + String(error) + JSON.stringify([...error.metadata]);
    expect(sent).not.toContain(canary);
    expect(error.cause).toBeUndefined();
    // The detail travels as base64 in Connect and in a trailer in gRPC.
    expect(Buffer.from(toBinary(ErrorDetailSchema, detailOf(reason, { cause }))).toString("latin1")).not.toContain(canary);
  });

  it.each(["CALLER", "SUBJECT_TOKEN"] as const)("says which credential is meant: %s", (field) => {
    expect(detailOf("TOKEN_INVALID", { field }).field).toBe(ErrorField[field]);
  });

  it("tells the instant of expiry", () => {
    const { expiredAt } = detailOf("TOKEN_EXPIRED", { expiredAt: 1_800_000_123 });
    expect(expiredAt && timestampMs(expiredAt)).toBe(1_800_000_123_000);
  });

  it.each([
    ["what is known", { retryAfterMs: 12_345 }, 12_345],
    ["what is known, in whole milliseconds", { retryAfterMs: 12_345.25 }, 12_346],
    ["the table's, where nothing is known", {}, 5_000],
  ])("tells how long to wait: %s", (_name, facts, expected) => {
    const { retryAfter } = detailOf("UPSTREAM_RATE_LIMITED", facts);
    expect(retryAfter && durationMs(retryAfter)).toBe(expected);
  });

  it("does not ask to wait for what waiting cannot help", () => {
    expect(detailOf("GRANT_INVALID").retryAfter).toBeUndefined();
  });
});

describe("what a handler threw", () => {
  it("is itself where it was decided", () => {
    const decided = new ExchangeError("GRANT_INVALID");
    expect(failureOf(decided)).toBe(decided);
  });

  it.each<[string, unknown, Reason]>([
    ["the library's deadline", new ConnectError(canary, Code.DeadlineExceeded), "DEADLINE_EXCEEDED"],
    ["the caller's cancellation", new ConnectError(canary, Code.Canceled), "DEADLINE_EXCEEDED"],
    ["any other error of the library", new ConnectError(canary, Code.InvalidArgument), "INTERNAL"],
    ["an unexpected error", new TypeError(canary), "INTERNAL"],
    ["an error that only looks decided", { reason: "GRANT_INVALID", name: "ExchangeError" }, "INTERNAL"],
    ["a string", canary, "INTERNAL"],
    ["an object", { message: canary }, "INTERNAL"],
    ["null", null, "INTERNAL"],
  ])("is one decided failure with its cause for the log: %s", (_name, thrown, reason) => {
    const failure = failureOf(thrown);
    expect(failure).toEqual(refusal(reason));
    expect(failure.cause).toBe(thrown);
  });

  it("is INTERNAL even for nothing at all", () => {
    expect(failureOf(undefined)).toEqual(refusal("INTERNAL"));
  });
});

describe("an error that the library made itself", () => {
  const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");
  const timeIsUp = new Set([Code.DeadlineExceeded, Code.Canceled]);

  it.each(codes.map((code) => [Code[code], code] as const))(
    "with %s is read by its code and by whether the message was decoded",
    (_name, code) => {
      const before = failureOfLibrary(code, false)?.reason;
      const special = new Map<Code, Reason | undefined>([
        [Code.ResourceExhausted, "MESSAGE_TOO_LARGE"],
        [Code.Unimplemented, undefined],
      ]);
      expect(before).toBe(timeIsUp.has(code) ? "DEADLINE_EXCEEDED" : special.has(code) ? special.get(code) : "MALFORMED_REQUEST");
      expect(failureOfLibrary(code, true)?.reason).toBe(timeIsUp.has(code) ? "DEADLINE_EXCEEDED" : "INTERNAL");
    },
  );
});
