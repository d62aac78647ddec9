// One request over a dispatcher, its answer in one piece. Owns what is known about the bytes: whether any may have left, how
// many came back. Where requests may go, how long they may take and what is tried again stands in http-client.ts.

import type { IncomingHttpHeaders } from "node:http";
import { type Dispatcher, errors } from "undici";
import { HttpFailure, type HttpFailureKind } from "./http-failure.ts";

export interface OutboundRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly maxBodyBytes: number;
  /** Called right before the first byte may leave. Where it throws, nothing is sent. */
  readonly onSending?: (() => void) | undefined;
}

// The only ones that anything here reads; an answer's other headers are nobody's business.
const keptHeaders = ["content-type", "retry-after", "x-retry-after"] as const;

const bodilessStatuses: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Sends and reads to the end. Redirects are answers like others.
 * @param signal ends it at any point; the connection is destroyed then
 * @throws HttpFailure
 */
export function sendOnce(dispatcher: Dispatcher, request: OutboundRequest, signal: AbortSignal): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  let controller: Dispatcher.DispatchController | undefined;
  let sent = false;
  let settled = false;
  let status = 0;
  let headers = new Headers();
  let received = 0;
  const chunks: Buffer[] = [];

  function fail(kind: HttpFailureKind, code: string): void {
    if (settled) return;
    const failure = new HttpFailure(kind, { sent, code });
    settle();
    // Half an answer must not be read as the beginning of the next: abort destroys the connection.
    controller?.abort(failure);
    reject(failure);
  }

  function settle(): void {
    settled = true;
    signal.removeEventListener("abort", giveUp);
  }

  function giveUp(): void {
    fail("timeout", sent ? "no_answer_in_time" : "not_sent_in_time");
  }

  if (signal.aborted) {
    giveUp();
    return promise;
  }
  signal.addEventListener("abort", giveUp, { once: true });

  const handler: Dispatcher.DispatchHandler = {
    // A connection stands and the request is about to be written to it, in this same turn: whoever gave up while it was
    // queued was told that nothing had left, and that stays true.
    onRequestStart(started) {
      if (settled) return started.abort(new HttpFailure("timeout", { sent: false, code: "not_sent_in_time" }));
      controller = started;
      try {
        request.onSending?.();
      } catch {
        // Not the endpoint's failure: who asked thought better of it.
        return fail("invalid", "not_to_be_sent");
      }
      sent = true;
    },
    onResponseStart(_controller, statusCode, head) {
      if (statusCode < 200) return;
      if (statusCode > 599) return fail("invalid", "bad_status");
      if (isEncoded(head)) return fail("invalid", "encoded_body");
      if (Number(head["content-length"] ?? 0) > request.maxBodyBytes) return fail("invalid", "body_too_large");
      status = statusCode;
      headers = keep(head);
    },
    onResponseData(_controller, chunk) {
      received += chunk.byteLength;
      if (received > request.maxBodyBytes) return fail("invalid", "body_too_large");
      if (!settled) chunks.push(chunk);
    },
    onResponseEnd() {
      if (settled) return;
      settle();
      const body = bodilessStatuses.has(status) ? null : new Uint8Array(Buffer.concat(chunks));
      resolve(new Response(body, { status, headers }));
    },
    onResponseError(_controller, error) {
      fail(kindOf(error), codeOf(error));
    },
  };

  try {
    const { url, method, body = null } = request;
    dispatcher.dispatch({ origin: url.origin, path: url.pathname + url.search, method, headers: request.headers, body }, handler);
  } catch (error) {
    fail("invalid", codeOf(error));
  }
  return promise;
}

// None was asked for, and what a decompressor makes of a few bytes has no bound of its own.
function isEncoded(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"];
  return encoding !== undefined && encoding !== "" && encoding !== "identity";
}

function keep(from: IncomingHttpHeaders): Headers {
  const kept = new Headers();
  for (const name of keptHeaders) {
    const value: string | string[] | undefined = from[name];
    // Sent twice, it says nothing: neither of two values is more true.
    if (typeof value === "string") kept.set(name, value);
  }
  return kept;
}

const timeouts: ReadonlySet<string> = new Set(["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);
const nonsense: ReadonlySet<string> = new Set(["UND_ERR_HEADERS_OVERFLOW", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"]);
// A request that cannot be written: nobody was asked, and nobody failed to answer.
const ownMistakes: ReadonlySet<string> = new Set(["UND_ERR_INVALID_ARG"]);

function kindOf(error: unknown): HttpFailureKind {
  const code = codeOf(error);
  if (timeouts.has(code)) return "timeout";
  return nonsense.has(code) || ownMistakes.has(code) || error instanceof errors.HTTPParserError ? "invalid" : "unavailable";
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "UNKNOWN";
}
