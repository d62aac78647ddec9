// How a failure is named in a span: a reason of the error table, or what happened to a connection. Never its message.

import { ExchangeError } from "../exchange/errors.ts";
import { HttpFailure } from "../net/http-failure.ts";

export function failureName(failure: unknown): string {
  if (failure instanceof ExchangeError) return failure.reason;
  return failure instanceof HttpFailure ? failure.code : "INTERNAL";
}
