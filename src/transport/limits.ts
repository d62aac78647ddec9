// Every bound of the port that an attacker can press against, with its unit and its reason; tests pass shorter times through
// the same fields. What is a matter of one file alone (a preflight's age, a last word) is named there.

export interface Limits {
  /** Bytes of one message, before and after decompression. Twice the largest request that the contract allows. */
  readonly messageBytes: number;
  /** Bytes of memory of all messages that are under way: about a thousand of the largest. */
  readonly bodiesBytes: number;
  /** Bytes of one health or reflection message: they carry one name. */
  readonly smallMessageBytes: number;
  /** Bytes of all request headers together. An assertion in `authorization` fits. */
  readonly headerBytes: number;
  /** Request headers. Browsers behind two proxies send about forty. */
  readonly headerCount: number;
  /** Concurrent streams of one HTTP/2 connection; more wait or are refused. */
  readonly streamsPerConnection: number;
  /** Open connections; more are dropped at accept. Each costs a descriptor and some kilobytes. */
  readonly connections: number;
  /** Milliseconds for the first bytes, which tell HTTP/1.1 from HTTP/2. */
  readonly sniffMs: number;
  /** Milliseconds for a TLS handshake. */
  readonly handshakeMs: number;
  /** Milliseconds for the request line and headers of HTTP/1.1. */
  readonly headersMs: number;
  /** Milliseconds for a whole request with its body, over either HTTP version. */
  readonly bodyMs: number;
  /** Milliseconds that a refusal waits for the rest of an announced body: one that is being sent is there by then. */
  readonly refusalMs: number;
  /** Milliseconds between two looks at HTTP/1.1 connections that are too slow: how late a limit may strike. */
  readonly checkEveryMs: number;
  /** Milliseconds for one exchange of request and response: longer than any body and deadline together, for peers that stop reading. */
  readonly exchangeMs: number;
  /** Milliseconds that an HTTP/1.1 connection may idle between requests: a little more than the 60 s of common load balancers. */
  readonly keepAliveMs: number;
  /** Milliseconds without a frame after which an HTTP/2 connection is asked to leave. */
  readonly idleSessionMs: number;
  /** Milliseconds after which an HTTP/2 connection is asked to leave, ± a tenth: behind layer-4 balancers long ones never spread. */
  readonly connectionAgeMs: number;
  /** Milliseconds that streams have to end once an HTTP/2 connection reached its age, or its client has said farewell. */
  readonly ageGraceMs: number;
  /** Requests in one reflection stream; a schema is read in a dozen. */
  readonly reflectionRequests: number;
  /** Health watches at one time: each holds a stream open. */
  readonly watches: number;
  /** Health watches of one connection: a client asks about one or two services, a proxy for a few clients; none may take all. */
  readonly watchesPerConnection: number;
}

export const defaultLimits: Limits = {
  messageBytes: 65_536,
  bodiesBytes: 67_108_864,
  smallMessageBytes: 4_096,
  headerBytes: 16_384,
  headerCount: 100,
  streamsPerConnection: 128,
  connections: 10_000,
  sniffMs: 5_000,
  handshakeMs: 10_000,
  headersMs: 10_000,
  bodyMs: 15_000,
  refusalMs: 1_000,
  checkEveryMs: 1_000,
  exchangeMs: 180_000,
  keepAliveMs: 65_000,
  idleSessionMs: 300_000,
  connectionAgeMs: 1_800_000,
  ageGraceMs: 30_000,
  reflectionRequests: 1_000,
  watches: 1_024,
  watchesPerConnection: 16,
};
