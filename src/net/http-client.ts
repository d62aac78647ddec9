// The only way out of this process by HTTP: bounded connections, bounded bytes, one total time per call, configured origins
// only, no redirects, no compression. Clients belong to one provider, so that a slow one cannot take the others' connections.
// Whether an endpoint is asked at all is provider-guard.ts; what an answer means is read in providers/.

import { Agent } from "undici";
import type { Clock } from "../exchange/ports.ts";
import type { ReadWait } from "./asked-wait.ts";
import { createAttempts } from "./attempts.ts";
import type { Endpoint, HttpCall } from "./http-call.ts";
import { HttpFailure, type HttpFailureKind } from "./http-failure.ts";
import type { Admission, ProviderGuard } from "./provider-guard.ts";
import { checkTarget, type TargetRules } from "./target-checks.ts";

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
  /** One for all clients of the provider. */
  readonly guard: ProviderGuard;
  readonly onCall?: (report: HttpCallReport) => void;
  /** Where the provider says in the body of a 429 how long to wait. */
  readonly readWait?: ReadWait | undefined;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string;
}

export interface HttpClient {
  /**
   * The answer, whatever its status, read to its end. What only asks may be sent a second time, within the same time, if its connection
   * broke or a gateway answered in the provider's place.
   * @throws HttpFailure; with `retryAfterMs` where the provider's endpoint is not to be asked now
   */
  send(call: HttpCall): Promise<Response>;
  /** Closes once the calls in flight that somebody waits for have ended, each within its own time. */
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
  const attempts = createAttempts(agent, { guard: options.guard, readWait: options.readWait });
  let inFlight = 0;
  /** Probes whose askers left: nobody waits for them, and neither does a stop. */
  const abandoned = new Set<AbortController>();

  async function send(call: HttpCall): Promise<Response> {
    const startedMs = options.clock();
    const report = (status: number, outcome: HttpCallReport["outcome"]) =>
      options.onCall?.({ provider: options.provider, endpoint: call.endpoint, status, outcome, ms: options.clock() - startedMs });
    try {
      const response = await admitted(call);
      report(response.status, "answered");
      return response;
    } catch (failure) {
      // What the guard refused is its event and no call: it took no time, and would make a dead endpoint look quick.
      const refused = failure instanceof HttpFailure && failure.retryAfterMs !== undefined;
      if (!refused) report(0, failure instanceof HttpFailure ? failure.kind : "invalid");
      throw failure;
    }
  }

  async function admitted(call: HttpCall): Promise<Response> {
    const target = checkTarget(call.url, options);
    if (target.kind === "refused") throw new HttpFailure("invalid", { sent: false, code: target.fault });
    if (inFlight >= maxCallsInFlight) throw new HttpFailure("unavailable", { sent: false, code: "too_many_calls" });
    if (call.signal?.aborted === true) throw new HttpFailure("timeout", { sent: false, code: "not_sent_in_time" });
    // Last: what it admits is sent.
    const admission = options.guard.admit(call.endpoint);
    return admission.probe ? probing(call, target.url, admission) : usual(call, target.url, admission);
  }

  async function usual(call: HttpCall, url: URL, admission: Admission): Promise<Response> {
    const deadline = new AbortController();
    const giveUp = () => deadline.abort();
    call.signal?.addEventListener("abort", giveUp, { once: true });
    try {
      return await sendInTime(call, url, { admission, deadline });
    } finally {
      call.signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Whoever asked may leave; the call goes on, so that a few with tiny deadlines cannot keep a circuit open for all others. */
  async function probing(call: HttpCall, url: URL, admission: Admission): Promise<Response> {
    const { promise: left, reject } = Promise.withResolvers<never>();
    const deadline = new AbortController();
    const sending = sendInTime(call, url, { admission, deadline }).finally(() => abandoned.delete(deadline));
    const leave = () => {
      abandoned.add(deadline);
      reject(new HttpFailure("timeout", { sent: true, code: "no_answer_in_time" }));
    };
    call.signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([sending, left]);
    } finally {
      call.signal?.removeEventListener("abort", leave);
    }
  }

  async function sendInTime(call: HttpCall, url: URL, { admission, deadline }: Sending): Promise<Response> {
    inFlight += 1;
    const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
    const request = {
      method: call.method,
      url,
      headers: { ...call.headers, "accept-encoding": "identity" },
      body: call.body,
      maxBodyBytes: call.maxBodyBytes ?? defaultMaxBodyBytes,
      onSending: call.onSending,
    };
    try {
      return await attempts(call, request, { admission, signal: deadline.signal });
    } finally {
      inFlight -= 1;
      clearTimeout(timer);
    }
  }

  return {
    send,
    async close() {
      for (const deadline of abandoned) deadline.abort();
      await agent.close();
    },
  };
}

interface Sending {
  readonly admission: Admission;
  /** Ends it. */
  readonly deadline: AbortController;
}
