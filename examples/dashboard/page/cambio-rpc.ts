// Cambio's RPCs as the page calls them, by Connect with JSON at its own origin, and what a failure of one is: a status, and the reason
// out of the closed list.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { ErrorDetailSchema, ErrorReason, ErrorReasonSchema } from "../../../gen/cambio/v1/error_pb.ts";
import { TokenExchangeService } from "../../../gen/cambio/v1/token_exchange_service_pb.ts";

export { ErrorReason } from "../../../gen/cambio/v1/error_pb.ts";
export type { Account } from "../../../gen/cambio/v1/account_pb.ts";

export interface RpcFailure {
  /** UNSPECIFIED: no answer of Cambio's own came. */
  readonly reason: ErrorReason;
  readonly reauthenticate: boolean;
  readonly requestId: string;
  /** As plain HTTP would say it; 0: nothing answered. */
  readonly status: number;
}

/** What this page is to Cambio. */
export const clientId = "web";
export const provider = "discord";
export const audience = "backend";

const timeoutMs = 20_000;

export const cambioRpc = createClient(TokenExchangeService, createConnectTransport({ baseUrl: "/", defaultTimeoutMs: timeoutMs }));

const statuses: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.Aborted]: 409,
  [Code.ResourceExhausted]: 429,
  [Code.Unavailable]: 503,
  [Code.DeadlineExceeded]: 504,
  [Code.Internal]: 500,
};

export function failureOf(thrown: unknown): RpcFailure {
  const error = ConnectError.from(thrown);
  const [detail] = error.findDetails(ErrorDetailSchema);
  return {
    reason: detail?.reason ?? ErrorReason.UNSPECIFIED,
    reauthenticate: detail?.reauthenticate ?? false,
    requestId: detail?.requestId ?? "",
    status: statuses[error.code] ?? 0,
  };
}

/** As plain HTTP says it, such as `TOKEN_EXPIRED`. */
export function nameOf(reason: ErrorReason): string {
  return (ErrorReasonSchema.value[reason]?.name ?? "").replace("ERROR_REASON_", "");
}
