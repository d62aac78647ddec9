// A requirement as an interceptor of a Connect server, for unary and streaming methods over all of its protocols.

import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createContextKey, type Interceptor } from "@connectrpc/connect";
import { ErrorDetailSchema, ErrorField, ErrorReason } from "../../../gen/cambio/v1/error_pb.ts";
import type { TokenClaims } from "./claims.ts";
import type { Denied, Refusal } from "./decision.ts";
import type { Check } from "./http-guard.ts";
import { challengeOf, retryAfter } from "./refusal.ts";

/** Where handlers find the claims: `context.values.get(tokenClaims)`. Undefined: no guard let the call through. */
export const tokenClaims = createContextKey<TokenClaims | undefined>(undefined);

export function createConnectGuard(check: Check, scopes: readonly string[]): Interceptor {
  return (next) => async (request) => {
    const header = request.header.get("authorization");
    const decision = await check(header === null ? [] : [header]);
    if (decision.kind !== "allowed") throw errorFor(decision, scopes);
    request.contextValues.set(tokenClaims, decision.claims);
    return next(request);
  };
}

function errorFor(refusal: Refusal, scopes: readonly string[]): ConnectError {
  if (refusal.kind === "denied") return deniedError(refusal, scopes);
  const { retryAfterMs } = refusal;
  const error = new ConnectError("Whether the token is good cannot be decided now.", Code.Unavailable, {
    "retry-after": retryAfter(retryAfterMs),
  });
  const value = create(ErrorDetailSchema, { oauthError: "temporarily_unavailable", retryAfter: durationFromMs(Math.ceil(retryAfterMs)) });
  error.details.push({ desc: ErrorDetailSchema, value });
  return error;
}

const codes = { 400: Code.InvalidArgument, 401: Code.Unauthenticated, 403: Code.PermissionDenied } as const;

/** For whoever called this service the token is the call's own credential. */
function deniedError(denied: Denied, scopes: readonly string[]): ConnectError {
  const error = new ConnectError(denied.description, codes[denied.status], { ...challengeOf(denied, scopes) });
  const value = create(ErrorDetailSchema, {
    reason: reasonOf(denied.reason),
    field: ErrorField.CALLER,
    oauthError: denied.error === "missing_token" ? "invalid_token" : denied.error,
    requestId: denied.requestId ?? "",
  });
  if (denied.expiredAt !== undefined) value.expiredAt = timestampFromDate(denied.expiredAt);
  error.details.push({ desc: ErrorDetailSchema, value });
  return error;
}

function reasonOf(name: string): ErrorReason {
  return Object.entries(ErrorReason).find(([key]) => key === name)?.[1] ?? ErrorReason.CALLER_UNAUTHENTICATED;
}
