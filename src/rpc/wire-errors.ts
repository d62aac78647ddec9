// Failures on their way out: any thrown value becomes one ExchangeError, and that a ConnectError with its detail.
// The table of codes and sentences stands in error-table.ts.

import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../gen/cambio/v1/error_pb.ts";
import { ExchangeError } from "../exchange/errors.ts";
import { errorTable } from "./error-table.ts";

/** What a handler, gate or interceptor threw, as a decided failure. Anything unexpected is INTERNAL, with its cause kept for the log. */
export function failureOf(thrown: unknown): ExchangeError {
  if (thrown instanceof ExchangeError) return thrown;
  if (thrown instanceof ConnectError && isTimeUp(thrown.code)) return new ExchangeError("DEADLINE_EXCEEDED", { cause: thrown });
  return new ExchangeError("INTERNAL", { cause: thrown });
}

/**
 * What an error that the Connect library made itself means. Its own message may quote the request, so only its code is read.
 * Undefined: a failure of framing, which has no reason.
 */
export function failureOfLibrary(code: Code, decoded: boolean): ExchangeError | undefined {
  if (isTimeUp(code)) return new ExchangeError("DEADLINE_EXCEEDED");
  if (decoded) return new ExchangeError("INTERNAL");
  switch (code) {
    case Code.ResourceExhausted:
      return new ExchangeError("MESSAGE_TOO_LARGE");
    case Code.Unimplemented:
      return undefined;
    default:
      return new ExchangeError("MALFORMED_REQUEST");
  }
}

/** The error as it goes over the wire: code, fixed sentence, one ErrorDetail. */
export function toConnectError(failure: ExchangeError, requestId: string): ConnectError {
  const row = errorTable[failure.reason];
  const error = new ConnectError(row.sentence, row.code);
  const retryAfterMs = failure.retryAfterMs ?? row.retryAfterMs;
  const detail = create(ErrorDetailSchema, {
    reason: ErrorReason[failure.reason],
    field: failure.field === undefined ? ErrorField.UNSPECIFIED : ErrorField[failure.field],
    oauthError: row.oauth,
    reauthenticate: row.reauthenticate === true,
    requestId,
  });
  if (failure.expiredAt !== undefined) detail.expiredAt = timestampFromMs(failure.expiredAt * 1000);
  // Whole milliseconds: a Duration of others does not encode, and the failure would leave without its detail.
  if (retryAfterMs !== undefined) detail.retryAfter = durationFromMs(Math.ceil(retryAfterMs));
  error.details.push({ desc: ErrorDetailSchema, value: detail });
  return error;
}

function isTimeUp(code: Code): boolean {
  return code === Code.DeadlineExceeded || code === Code.Canceled;
}
