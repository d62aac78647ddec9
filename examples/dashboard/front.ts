// The one address: a small reverse proxy that sends each path to the part that answers it, and serves the page itself. Browser,
// sign-in, Cambio and backend then share an origin: no CORS, and the session's cookie never leaves the site.

import { createServer, type IncomingMessage, request as requestUpstream, type Server, type ServerResponse } from "node:http";
import { answerJson, awayBody, hasStrayBody, type PartName } from "./front-answers.ts";
import { serveTunnels } from "./front-tunnel.ts";
import { type Log, requestIdOf } from "./json-log.ts";
import { asksForLive, livePath } from "./live-upgrade.ts";
import type { PageFile, PageFiles } from "./page-files.ts";

/** Where each part listens; a part that is not known yet is answered for as one that is away. */
export type Upstreams = (part: PartName) => string | undefined;

/** No answer here takes as long; a page that waits for ever tells nobody why. */
const upstreamTimeoutMs = 15_000;

/** RFC 9110 §7.6.1, and what a client may not say about itself. */
const notForwarded: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
]);

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Pictures of those who sign in with Discord.
  "img-src 'self' https://cdn.discordapp.com",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

export function createFront(files: PageFiles, upstreams: Upstreams, log: Log): Server {
  const server = createServer({ shouldUpgradeCallback: asksForLive }, (request, response) => {
    const started = performance.now();
    const request_id = requestIdOf(request);
    const url = URL.parse(request.url ?? "", "http://front");
    const path = url?.pathname ?? "";
    response.setHeader("x-request-id", request_id);
    response.once("close", () => {
      if (path === "/healthz") return;
      const duration_ms = Math.round(performance.now() - started);
      log({ msg: "request", request_id, method: request.method, path, status: response.statusCode, duration_ms });
    });
    const part = url === null ? undefined : partFor(path);
    if (url === null || hasStrayBody(request)) answerJson(response, 400, { error: "invalid_request" });
    else if (path === "/healthz") answerJson(response, 200, { status: "ok" });
    else if (part === undefined) servePage(request, response, files.get(path));
    else forward({ request, response, part, base: upstreams(part), path: url.pathname + url.search, requestId: request_id });
  });
  serveTunnels(server, () => upstreams("backend"), log);
  return server;
}

/** Undefined: the page's. */
function partFor(path: string): PartName | undefined {
  if (path === "/api/auth/backend-token" || path === "/.well-known/jwks.json" || path.startsWith("/cambio.v1.")) return "cambio";
  if (path.startsWith("/api/auth/")) return "auth";
  if (path === "/api/protected" || path === livePath) return "backend";
  return undefined;
}

function servePage(request: IncomingMessage, response: ServerResponse, file: PageFile | undefined): void {
  const reading = request.method === "GET" || request.method === "HEAD";
  response.writeHead(file === undefined ? 404 : reading ? 200 : 405, {
    "content-type": file !== undefined && reading ? file.type : "text/plain; charset=utf-8",
    "cache-control": file?.immutable === true ? "public, max-age=31536000, immutable" : "no-store",
    "content-security-policy": policy,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  });
  response.end(file === undefined ? "There is nothing here.\n" : reading ? file.body : "GET only.\n");
}

interface Forwarded {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly part: PartName;
  readonly base: string | undefined;
  /** With the query, without `..`: what was looked at is what is sent. */
  readonly path: string;
  readonly requestId: string;
}

function forward({ request, response, part, base, path, requestId }: Forwarded): void {
  const away = (status: 503 | 504): void => {
    if (response.headersSent) response.destroy();
    else answerJson(response, status, awayBody(part, requestId), { "retry-after": "2" });
  };
  if (base === undefined) return away(503);
  const hopByHop = new Set((request.headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !notForwarded.has(name) && !hopByHop.has(name)));
  // A body of no known length goes on in pieces, or what follows it on the connection would be anybody's request.
  const framing = request.headers["transfer-encoding"] === undefined ? {} : { "transfer-encoding": "chunked" };
  const upstream = requestUpstream(new URL(base), {
    method: request.method,
    path,
    headers: { ...headers, ...framing, "x-forwarded-for": request.socket.remoteAddress ?? "", "x-request-id": requestId },
    timeout: upstreamTimeoutMs,
  });
  let late = false;
  upstream.once("timeout", () => {
    late = true;
    upstream.destroy();
  });
  upstream.once("error", () => away(late ? 504 : 503));
  upstream.once("response", (answer) => {
    const kept = Object.entries(answer.headers).filter(([name]) => !notForwarded.has(name));
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept));
    answer.once("error", () => response.destroy());
    answer.pipe(response);
  });
  response.once("close", () => upstream.destroy());
  request.pipe(upstream);
}
