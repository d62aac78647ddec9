// What a call fails with, as data to compare: reason, field and instant. A call that succeeds fails the test.

import { ExchangeError } from "../../../src/exchange/errors.ts";

export interface Failure {
  readonly reason: string;
  readonly field: string | undefined;
  readonly expiredAt: number | undefined;
  readonly retryAfterMs: number | undefined;
}

export async function failureOf(call: () => unknown): Promise<Failure> {
  try {
    await call();
  } catch (failure) {
    if (!(failure instanceof ExchangeError)) throw failure;
    const { reason, field, expiredAt, retryAfterMs } = failure;
    return { reason, field, expiredAt, retryAfterMs };
  }
  throw new Error("the call succeeded");
}

export async function reasonOf(call: () => unknown): Promise<string> {
  return (await failureOf(call)).reason;
}
