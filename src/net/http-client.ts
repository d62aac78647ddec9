// The only way out of this process by HTTP: bounded connections, bounded bytes, one total time per call, configured origins
// only, no redirects, no compression. One client per provider, so that a slow one cannot take the others' connections.
// What an answer means is read in providers/.

import { Agent } from "undici";
import type { Clock } from "../exchange/ports.ts";
import { HttpFailure, type HttpFailureKind } from "./http-failure.ts";
import { sendOnce } from "./send-once.ts";
import { checkTarget, type TargetRules } from "./target-checks.ts";

/** Which of a provider's endpoints a call goes to; `traces`: the collector. */
export type Endpoint = "traces" | "discovery" | "jwks" | "token" | "revocation" | "introspection";

export interface HttpCall {
  readonly endpoint: Endpoint;
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default: 1 MiB. A longer answer is refused, not cut. */
  readonly maxBodyBytes?: number;
  /** Ends the call before its time. Never given where something one-time is sent. */
  readonly signal?: AbortSignal;
}

/** A finished call, for metrics and logs. */
export interface HttpCallReport {
  readonly provider: string;
  readonly endpoint: Endpoint;
  /** 0: no answer. */
  readonly status: number;
  readonly outcome: "answered" | HttpFailureKind;
  readonly ms: number;
}

export interface HttpClientOptions extends TargetRules {
  /** For reports only. */
  readonly provider: string;
  /** Total time for one call: waiting for a connection, connecting, headers and body together. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly onCall?: (report: HttpCallReport) => void;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string;
}

export interface HttpClient {
  /**
   * The answer, whatever its status, read to its end. A GET is sent a second time, within the same time, if its connection broke.
   * @throws HttpFailure
   */
  send(call: HttpCall): Promise<Response>;
  /** Closes once the calls in flight have ended, each within its own time. */
  readonly close: () => Promise<void>;
}

const defaultMaxBodyBytes = 1024 * 1024;
const maxHeaderBytes = 16 * 1024;
// At 50 ms per call, more than 1000 calls a second; a provider that hangs holds no more sockets than this.
const maxConnections = 64;
// Those beyond the connections wait their turn; this bounds the memory that they wait in.
const maxCallsInFlight = 512;
// Shorter than the 5 s after which common servers close an idle connection: a POST that meets the closing is lost.
const maxIdleMs = 4_000;

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const agent = new Agent({
    connections: maxConnections,
    pipelining: 1,
    maxOrigins: Math.max(1, options.allowedOrigins.size),
    maxHeaderSize: maxHeaderBytes,
    keepAliveTimeout: maxIdleMs,
    keepAliveMaxTimeout: maxIdleMs,
    // The call's own time covers both; two more clocks would only make failures harder to read.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Over HTTP/2 an aborted call leaves its connection standing.
    allowH2: false,
    connect: { timeout: options.timeoutMs, rejectUnauthorized: true, ...(options.ca === undefined ? {} : { ca: options.ca }) },
  });
  let inFlight = 0;

  async function send(call: HttpCall): Promise<Response> {
    const startedMs = options.clock();
    const report = (status: number, outcome: HttpCallReport["outcome"]) =>
      options.onCall?.({ provider: options.provider, endpoint: call.endpoint, status, outcome, ms: options.clock() - startedMs });
    try {
      const response = await admitted(call);
      report(response.status, "answered");
      return response;
    } catch (failure) {
      report(0, failure instanceof HttpFailure ? failure.kind : "invalid");
      throw failure;
    }
  }

  async function admitted(call: HttpCall): Promise<Response> {
    const target = checkTarget(call.url, options);
    if (target.kind === "refused") throw new HttpFailure("invalid", { sent: false, code: target.fault });
    if (inFlight >= maxCallsInFlight) throw new HttpFailure("unavailable", { sent: false, code: "too_many_calls" });
    inFlight += 1;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
    const giveUp = () => deadline.abort();
    if (call.signal?.aborted === true) giveUp();
    call.signal?.addEventListener("abort", giveUp, { once: true });
    try {
      return await sendSafely(call, target.url, deadline.signal);
    } finally {
      inFlight -= 1;
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", giveUp);
    }
  }

  async function sendSafely(call: HttpCall, url: URL, signal: AbortSignal): Promise<Response> {
    const request = {
      method: call.method,
      url,
      headers: { ...call.headers, "accept-encoding": "identity" },
      body: call.body,
      maxBodyBytes: call.maxBodyBytes ?? defaultMaxBodyBytes,
    };
    try {
      return await sendOnce(agent, request, signal);
    } catch (failure) {
      // An idle connection that the other side was just closing breaks like this. A POST may have been acted on: never again.
      const broke = failure instanceof HttpFailure && failure.kind === "unavailable" && failure.sent;
      if (!broke || call.method !== "GET") throw failure;
      return sendOnce(agent, request, signal);
    }
  }

  return { send, close: () => agent.close() };
}
