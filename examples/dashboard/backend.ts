// The backend that the dashboard calls: GET /api/protected says who calls, to those who bring a token that Cambio signed for it, and
// /api/live (live.ts) keeps a WebSocket open for them. PORT, HOST, PUBLIC_URL, CAMBIO_ISSUER, CAMBIO_JWKS_URL and AUDIENCE configure
// it. It has no account, no session and no secret of its own.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createJsonLog, type Log, requestIdOf } from "./json-log.ts";
import { serveLive } from "./live.ts";
import { asksForLive, livePath } from "./live-upgrade.ts";
import { required, serveProcess } from "./serve.ts";
import { type Answer, answerTo } from "./token-answer.ts";
import { createTokenCheck, type TokenCheckOptions } from "./token-check.ts";

export interface BackendOptions extends TokenCheckOptions {
  /** Of the page, as browsers say it in `Origin`. */
  readonly pageOrigin: string;
}

export function createBackend({ pageOrigin, ...options }: BackendOptions, log: Log): Server {
  const check = createTokenCheck(options);

  async function answer(request: IncomingMessage, path: string): Promise<Answer> {
    if (path === "/healthz") return { status: 200, body: { status: "ok" } };
    if (path === livePath) {
      return { status: 426, body: { error: "upgrade_required" }, headers: { connection: "upgrade", upgrade: "websocket" } };
    }
    if (path !== "/api/protected") return { status: 404, body: { error: "not_found" } };
    if (request.method !== "GET") return { status: 405, body: { error: "method_not_allowed" }, headers: { allow: "GET" } };
    return answerTo(await check(request.headers.authorization));
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const request_id = requestIdOf(request);
    const path = URL.parse(request.url ?? "", "http://backend")?.pathname ?? "";
    const { status, body, headers = {}, userId, reason } = await answer(request, path);
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", "x-request-id": request_id, ...headers });
    response.end(JSON.stringify(status < 400 ? body : { ...body, request_id }));
    // Whoever looks after it asks every few seconds.
    if (path === "/healthz") return;
    const duration_ms = Math.round(performance.now() - started);
    log({ msg: "request", request_id, user_id: userId, method: request.method, path, status, duration_ms, reason });
  }

  const server = createServer({ shouldUpgradeCallback: asksForLive }, (request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  serveLive(server, { check, pageOrigin, clock: options.clock }, log);
  return server;
}

if (import.meta.main) {
  const log = createJsonLog("backend");
  const options = {
    pageOrigin: new URL(required("PUBLIC_URL")).origin,
    issuer: required("CAMBIO_ISSUER"),
    audience: required("AUDIENCE"),
    jwksUrl: required("CAMBIO_JWKS_URL"),
    clock: Date.now,
  };
  await serveProcess(createBackend(options, log), log);
}
