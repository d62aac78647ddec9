// What an error response of an RPC says: always written anew from the call's failure, whoever made the error. The Connect library
// quotes request values in the errors that it makes while decoding, before any interceptor runs; nothing of those may leave.

import { Code, ConnectError } from "@connectrpc/connect";
import { failureOf, failureOfLibrary, toConnectError } from "../rpc/wire-errors.ts";
import type { Visit } from "./visit.ts";

/** For failures without a reason: the sentence tells nothing that the code does not. */
const sentences: ReadonlyMap<Code, string> = new Map([
  [Code.Unimplemented, "This is not implemented here."],
  [Code.NotFound, "There is nothing of that name."],
  [Code.ResourceExhausted, "There is too much of this."],
]);

/** The error for a call whose answer has this code. */
export type ErrorFor = (visit: Visit, code: Code) => ConnectError;

/** The first failure that was noted wins; else the code says what it was. */
export function publicError(visit: Visit, code: Code): ConnectError {
  const { call } = visit;
  if (call.failure === undefined && visit.bareCode === undefined) {
    call.failure = failureOfLibrary(code, call.decoded);
    if (call.failure === undefined) visit.bareCode = code;
  }
  if (call.failure !== undefined) return toConnectError(call.failure, call.requestId);
  return new ConnectError(sentences.get(visit.bareCode ?? code) ?? "The request was refused.", visit.bareCode ?? code);
}

/** Notes what gate, interceptor or handler threw, and returns what the library is to be told. */
export function noteThrown(visit: Visit, thrown: unknown): ConnectError {
  const { call } = visit;
  // The library decodes a stream's messages while the handler runs, so its errors can come from there too.
  if (thrown instanceof ConnectError && !call.decoded) return publicError(visit, thrown.code);
  if (visit.bareCode === undefined) call.failure ??= failureOf(thrown);
  return publicError(visit, Code.Internal);
}
