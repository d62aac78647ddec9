// The backend that the dashboard calls: GET /api/protected says who calls, to those who bring a token that Cambio signed for it.
// PORT, HOST, CAMBIO_ISSUER, CAMBIO_JWKS_URL and AUDIENCE configure it. It has no account, no session and no secret of its own.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createJsonLog, type Log, requestIdOf } from "./json-log.ts";
import { required, serveProcess } from "./serve.ts";
import { type Checked, createTokenCheck, type TokenCheckOptions } from "./token-check.ts";

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly userId?: string;
  readonly reason?: string;
}

export function createBackend(options: TokenCheckOptions, log: Log): Server {
  const check = createTokenCheck(options);

  async function answer(request: IncomingMessage, path: string): Promise<Answer> {
    if (path === "/healthz") return { status: 200, body: { status: "ok" } };
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

  return createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
}

/** RFC 6750 §3: no error code where no token was sent. */
function answerTo(checked: Checked): Answer {
  switch (checked.kind) {
    case "believed":
      return { status: 200, body: { message: "You have reached the protected backend.", user_id: checked.userId }, userId: checked.userId };
    case "missing":
      return {
        status: 401,
        body: { error: "unauthorized", error_description: "This endpoint needs a bearer token." },
        headers: { "www-authenticate": 'Bearer realm="backend"' },
        reason: "token_missing",
      };
    case "expired":
      return {
        ...invalidToken(`The token expired at ${checked.expiredAt}.`, { expired_at: checked.expiredAt }),
        reason: "token_expired",
      };
    case "invalid":
      return { ...invalidToken("The token is not one that this backend accepts."), reason: "token_invalid" };
    case "undecided":
      return {
        status: 503,
        body: { error: "temporarily_unavailable", error_description: "The keys that tokens are checked by cannot be reached." },
        headers: { "retry-after": "5" },
        reason: "keys_unavailable",
      };
  }
}

function invalidToken(description: string, more: Readonly<Record<string, string>> = {}): Answer {
  return {
    status: 401,
    body: { error: "invalid_token", error_description: description, ...more },
    headers: { "www-authenticate": `Bearer realm="backend", error="invalid_token", error_description="${description}"` },
  };
}

if (import.meta.main) {
  const log = createJsonLog("backend");
  const options = {
    issuer: required("CAMBIO_ISSUER"),
    audience: required("AUDIENCE"),
    jwksUrl: required("CAMBIO_JWKS_URL"),
    clock: Date.now,
  };
  await serveProcess(createBackend(options, log), log);
}
