// One call as the log and the metrics see it: made when its first byte is understood, filled in on its way, read at its end.
// It carries what was decided about the call, never what was in it.

import { createContextKey } from "@connectrpc/connect";
import type { Client } from "../exchange/clients.ts";
import type { ExchangeError } from "../exchange/errors.ts";

export type Protocol = "grpc" | "grpc-web" | "connect" | "http";

export interface Call {
  readonly requestId: string;
  readonly protocol: Protocol;
  /** `cambio.v1.TokenExchangeService/Exchange`, or the path of a plain route. Only names that exist, so that metrics stay bounded. */
  readonly method: string;
  /** The `Origin` header; undefined: none was sent. */
  readonly origin: string | undefined;
  /** The service that proved itself at the gate; undefined: anonymous. */
  service: Client | undefined;
  /** Client id, once the caller is known. */
  caller: string;
  /** Configured provider name, once known. */
  provider: string;
  /** True once the message was decoded: a library error before that is the sender's, after it ours. */
  decoded: boolean;
  /** Why it failed; undefined: it did not, or only its framing did. */
  failure: ExchangeError | undefined;
}

export const callKey = createContextKey<Call | undefined>(undefined, { description: "call" });
