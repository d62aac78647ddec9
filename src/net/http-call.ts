// A call to one of a provider's endpoints, as the rooms behind this one ask for it.

/** What reports, circuits and pauses are told apart by; `traces`: the collector; `user`: where a provider says whose an access token is; `session`: where an application says whose session it is; `webhook`: where the operator is told. */
export type Endpoint = "traces" | "discovery" | "jwks" | "token" | "revocation" | "introspection" | "user" | "session" | "webhook";

export interface HttpCall {
  readonly endpoint: Endpoint;
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default: 1 MiB. A longer answer is refused, not cut. */
  readonly maxBodyBytes?: number;
  /** A POST that only asks, such as token introspection (RFC 7662). A GET always is. Never given where something is spent. */
  readonly idempotent?: true;
  /** Ends the call before its time. Never given where something one-time is sent. */
  readonly signal?: AbortSignal;
  /** Called once per attempt, right before its first byte may leave. Where it throws, nothing is sent. */
  readonly onSending?: () => void;
}
