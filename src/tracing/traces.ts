// Traces as the rest of the service sees them: the span of a call, the spans of what it waits for, and all that may stand in one.
// How spans are made and sent is sdk/, which is loaded only where traces are configured; what is traced is said by the wrappers
// beside this file and by transport/call-spans.ts.

import type { RemoteSpan } from "./trace-parent.ts";

/**
 * All that may stand in a span, by the names of the semantic conventions where these have one. Configured names, words of ours and
 * numbers only: no token, code, secret, subject, claim, address of a caller, path or query of a provider's.
 */
export interface SpanAttributes {
  readonly "rpc.system.name"?: "grpc" | "connectrpc";
  /** `cambio.v1.TokenExchangeService/Exchange` */
  readonly "rpc.method"?: string;
  readonly "rpc.response.status_code"?: string;
  readonly "http.request.method"?: "GET" | "POST";
  /** A configured path of a route here. */
  readonly "http.route"?: string;
  readonly "http.response.status_code"?: number;
  readonly "network.protocol.version"?: "1.1" | "2";
  readonly "server.address"?: string;
  readonly "server.port"?: number;
  readonly "db.system.name"?: DatabaseSystem;
  /** What for, in words of ours. */
  readonly "db.query.summary"?: string;
  /** A reason of the error table, or a code of Node's or ours. */
  readonly "error.type"?: string;
  /** What became of the call: a reason of the error table, `OK`, `FRAMING` or `CLIENT_LEFT`. */
  readonly "cambio.reason"?: string;
  readonly "cambio.protocol"?: "grpc" | "grpc-web" | "connect" | "http";
  /** Configured name. */
  readonly "cambio.provider"?: string;
  /** Which of the provider's endpoints. */
  readonly "cambio.endpoint"?: string;
  /** Configured client id. */
  readonly "cambio.client"?: string;
  readonly "cambio.request_id"?: string;
  readonly "cambio.cache_hit"?: boolean;
}

export type DatabaseSystem = "postgresql" | "sqlite" | "redis";

export interface CallBeginning {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly startMs: number;
  /** What the caller says it is part of; undefined: nothing, or nothing that can be read. */
  readonly remote: RemoteSpan | undefined;
  /** True: the caller's trace goes on here. False: a new trace begins, which only points at it. */
  readonly trusted: boolean;
}

export interface CallSpan {
  readonly traceId: string;
  /** What `work` waits for becomes children of this span. */
  within<T>(work: () => T): T;
  /** A span that is never ended is never sent. `failed`: ours, not the caller's. */
  end(ending: { readonly attributes: SpanAttributes; readonly failed: boolean; readonly endMs: number }): void;
}

/** What a call waits for. */
export interface ChildBeginning {
  /** A word or two of ours. */
  readonly name: string;
  /** `client`: asks another process; `internal`: does several things. */
  readonly kind: "client" | "internal";
  readonly attributes: SpanAttributes;
  /** True: outside of a call it is a trace of its own. Else there it has no span: nobody waits for it. */
  readonly alone?: boolean;
}

export interface Child {
  /** The header that makes the other side's spans children of this one; undefined: there is no span. */
  readonly traceparent: string | undefined;
  readonly add: (attributes: SpanAttributes) => void;
}

export interface Traces {
  call(beginning: CallBeginning): CallSpan;
  /** Does `work`, whose failure is the span's. */
  child<T>(beginning: ChildBeginning, work: (child: Child) => Promise<T>): Promise<T>;
}
