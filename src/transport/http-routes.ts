// Plain HTTP routes beside the RPCs, found by their exact path: method, content type, bounded body and deadline are checked here,
// so that a route's own code sees a text and answers with one.

import type { IncomingHttpHeaders } from "node:http";
import { Code } from "@connectrpc/connect";
import { ExchangeError } from "../exchange/errors.ts";
import type { Call } from "../rpc/call.ts";
import { failureOf } from "../rpc/wire-errors.ts";
import type { Limits } from "./limits.ts";
import type { OpenBodies } from "./open-bodies.ts";
import { type FramingStatus, framingError, plainError, type PlainSurface } from "./plain-errors.ts";
import type { PlainResponse } from "./plain-response.ts";
import { readBody } from "./read-body.ts";
import { hasRepeatedAuthorization } from "./repeated-headers.ts";
import { limitStream, withDeadline } from "./time-limit.ts";
import { breakOff, type Visit } from "./visit.ts";

export interface PlainRequest {
  readonly headers: IncomingHttpHeaders;
  /** Everything after the path's `?`; empty: nothing. */
  readonly query: string;
  /** Empty for GET. */
  readonly body: string;
  /** Carries request id and origin; handlers note caller and provider in it. */
  readonly call: Call;
  /** More than one `authorization` header was sent. No handler sees such a request: it is refused behind the gate at the latest. */
  readonly repeated: boolean;
  /** Aborts at the deadline and when the client leaves. */
  readonly signal: AbortSignal;
}

/** What is known of a request before its body is read. */
export type PlainHead = Omit<PlainRequest, "body">;

export interface PlainRoute {
  readonly method: "GET" | "POST";
  /** Exact: `/api/auth/exchange` */
  readonly path: string;
  /** Media type of a POST's body. A page of another origin cannot send `application/json` without a preflight. */
  readonly accepts?: string;
  /** How its errors look. Default: plain. */
  readonly surface?: PlainSurface;
  /** Decides before a byte of the body is read; throws ExchangeError to refuse. Without it everybody may call. */
  gate?(head: PlainHead): Promise<void>;
  handle(request: PlainRequest): Promise<PlainResponse>;
}

export interface PlainPath {
  readonly name: string;
  /** For preflights and `Allow`. */
  readonly methods: readonly string[];
  serve(visit: Visit, query: string): void;
}

export interface HttpRoutesOptions {
  readonly deadlineMs: number;
  readonly limits: Limits;
  readonly bodies: OpenBodies;
  /** Aborts what is still running when the process stops. */
  readonly shutdownSignal?: AbortSignal;
}

/** Path → routes. */
export function createHttpRoutes(routes: readonly PlainRoute[], options: HttpRoutesOptions): ReadonlyMap<string, PlainPath> {
  const paths = new Map<string, PlainPath>();
  for (const [path, here] of Map.groupBy(routes, (route) => route.path)) {
    const byMethod = new Map<string, PlainRoute>();
    for (const route of here) {
      if (byMethod.has(route.method)) throw new Error(`two routes for ${route.method} ${path}`);
      byMethod.set(route.method, route);
      // Whoever asks for the head of a token would have it issued for nobody.
      if (route.method === "GET" && route.surface !== "session") byMethod.set("HEAD", route);
    }
    paths.set(path, createPath(path, byMethod, options));
  }
  return paths;
}

/** A failure of framing, said in JSON. */
export function sendFraming(visit: Visit, status: FramingStatus): void {
  visit.bareCode ??= status === 431 ? Code.ResourceExhausted : Code.Unimplemented;
  send(visit, framingError(status, visit.call.requestId));
}

/** A refusal that happens before any route is known. */
export function sendRefusal(visit: Visit, failure: ExchangeError): void {
  visit.call.failure ??= failure;
  send(visit, plainError(failure, { requestId: visit.call.requestId, surface: "plain" }));
}

function createPath(
  path: string,
  byMethod: ReadonlyMap<string, PlainRoute>,
  { deadlineMs, limits, bodies, shutdownSignal }: HttpRoutesOptions,
): PlainPath {
  const methods = [...byMethod.keys()];

  function serve(visit: Visit, query: string): void {
    const route = byMethod.get(visit.req.method ?? "");
    if (route === undefined) {
      visit.res.setHeader("allow", [...methods, "OPTIONS"].join(", "));
      return sendFraming(visit, 405);
    }
    if (!takes(route, visit.req.headers)) return sendFraming(visit, 415);
    limitStream(visit, limits);
    answer(visit, route, query).then(
      (response) => send(visit, response),
      (cause: unknown) => breakOff(visit, cause),
    );
  }

  async function answer(visit: Visit, route: PlainRoute, query: string): Promise<PlainResponse> {
    const { req, call } = visit;
    try {
      const repeated = hasRepeatedAuthorization(req.rawHeaders);
      const head = { headers: req.headers, query, call, repeated };
      const left = leaving(visit, shutdownSignal);
      await withDeadline(left, deadlineMs, async (signal) => route.gate?.({ ...head, signal }));
      if (repeated) throw new ExchangeError("CALLER_UNAUTHENTICATED", { field: "CALLER" });
      const body = route.method === "POST" ? text(await readBody(req, { maxBytes: limits.messageBytes, bodies })) : "";
      return await withDeadline(left, deadlineMs, (signal) => route.handle({ ...head, body, signal }));
    } catch (thrown) {
      const failure = failureOf(thrown);
      call.failure ??= failure;
      return plainError(failure, { requestId: call.requestId, surface: route.surface ?? "plain" });
    }
  }

  return { name: path, methods, serve };
}

/** Compressed bodies are not taken: what they grow to is bounded by nobody here. */
function takes(route: PlainRoute, headers: IncomingHttpHeaders): boolean {
  if (route.method !== "POST") return true;
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return false;
  const [mediaType = ""] = (headers["content-type"] ?? "").split(";", 1);
  return route.accepts === undefined || mediaType.trim().toLowerCase() === route.accepts;
}

function text(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new ExchangeError("MALFORMED_REQUEST");
  }
}

function leaving(visit: Visit, shutdownSignal: AbortSignal | undefined): AbortSignal {
  const controller = new AbortController();
  visit.res.on("close", () => controller.abort());
  return shutdownSignal === undefined ? controller.signal : AbortSignal.any([controller.signal, shutdownSignal]);
}

function send(visit: Visit, response: PlainResponse): void {
  const { req, res } = visit;
  for (const [name, value] of Object.entries(response.headers ?? {})) res.setHeader(name, value);
  // RFC 9110 §8.6: with a 304 it would be that of the answer which the client has.
  if (response.status !== 304) res.setHeader("content-length", String(Buffer.byteLength(response.body)));
  visit.answered = !visit.closed;
  res.statusCode = response.status;
  if (req.method === "HEAD") res.end();
  else res.end(response.body);
}
