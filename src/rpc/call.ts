// One call as the log and the metrics see it: made when its first byte is understood, filled in on its way, read at its end.
// It carries what was decided about the call, never what was in it.

import { createContextKey } from "@connectrpc/connect";
import type { Client } from "../exchange/clients.ts";
import type { ExchangeError } from "../exchange/errors.ts";
import type { TrailNotes } from "../exchange/trail.ts";

/** What of a peer's certificate may prove a caller. */
export interface PeerCertificate {
  /** True: it leads to the configured CA, is for clients, and was valid when it was shown. */
  readonly authorized: boolean;
  /** Why not: OpenSSL's word. */
  readonly problem?: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Epoch milliseconds. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

export interface CallNotes extends Omit<TrailNotes, "credential"> {
  /** Keyed hash of the credential. */
  readonly token?: string;
}

export type Protocol = "grpc" | "grpc-web" | "connect" | "http";

export interface Call {
  readonly requestId: string;
  readonly protocol: Protocol;
  /** `cambio.v1.TokenExchangeService/Exchange`, or the path of a plain route. Only names that exist, so that metrics stay bounded. */
  readonly method: string;
  /** The `Origin` header; undefined: none was sent. */
  readonly origin: string | undefined;
  /** Where it came from: the peer's address, or what a trusted proxy says. */
  readonly address: string;
  /** The client certificate of its connection; undefined: none was shown. */
  readonly certificate: PeerCertificate | undefined;
  /** The service that proved itself at the gate; undefined: anonymous. */
  service: Client | undefined;
  /** Client id, once the caller is known. */
  caller: string;
  /** What the operation noted; its credential as a keyed hash only. Each note adds to it. */
  readonly notes: CallNotes;
  /** Name of the contract's method, once the call is known to be one: such calls are on the audit trail, whatever becomes of them. */
  audited: string | undefined;
  /** Gives back the place that it takes among the calls of this moment. */
  leave: () => void;
  /** True once its end was noted: whatever goes on takes no place any more. */
  ended: boolean;
  /** True once the message was decoded: a library error before that is the sender's, after it ours. */
  decoded: boolean;
  /** The trace that it is part of; absent: none. */
  traceId?: string;
  /** Why it failed; undefined: it did not, or only its framing did. */
  failure: ExchangeError | undefined;
}

export const callKey = createContextKey<Call | undefined>(undefined, { description: "call" });
