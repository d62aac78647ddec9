// Stands in for Cambio where the dashboard is tested: asks the real Better Auth whose session it is, and signs a token for the
// backend with a key that it publishes. Takes the variables that examples/dashboard/cambio.yaml names.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { createJsonLog, requestIdOf } from "../../examples/dashboard/json-log.ts";
import { required, serveProcess } from "../../examples/dashboard/serve.ts";

const lifetimeSeconds = 900;
const log = createJsonLog("cambio");
const kid = "stand-in";
const { d, ...publicHalf } = await keptKey(`${required("DATABASE_FILE")}.json`);
const privateKey = await importJWK({ ...publicHalf, d: d ?? "" }, "ES256");
const jwks = { keys: [{ ...publicHalf, kid, alg: "ES256", use: "sig" }] };
const publicUrl = required("PUBLIC_URL");
const sessionUrl = `${required("AUTH_URL")}/api/auth/get-session?disableCookieCache=true&disableRefresh=true`;
const audience = required("AUDIENCE");

/** The same one after a restart. */
async function keptKey(path: string): Promise<JWK> {
  if (!existsSync(path)) {
    const { privateKey: made } = await generateKeyPair("ES256", { extractable: true });
    writeFileSync(path, JSON.stringify(await exportJWK(made)), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(path, "utf8")) as JWK;
}

interface Session {
  readonly user: { readonly id: string; readonly name: string; readonly email: string };
}

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly userId?: string;
}

async function exchange(request: IncomingMessage, request_id: string): Promise<Answer> {
  const { origin, cookie = "" } = request.headers;
  const refused = (status: number, reason: string, more: object = {}) => ({
    status,
    body: {
      error: status === 503 ? "temporarily_unavailable" : "invalid_grant",
      error_description: "Refused.",
      reason,
      request_id,
      ...more,
    },
  });
  if ((origin !== undefined && origin !== publicUrl) || request.headers["sec-fetch-site"] === "cross-site") {
    return refused(403, "ORIGIN_NOT_ALLOWED");
  }
  let session: Session | null;
  try {
    const answer = await fetch(sessionUrl, { headers: { cookie } });
    if (!answer.ok) return { ...refused(503, "UPSTREAM_UNAVAILABLE"), headers: { "retry-after": "2" } };
    session = (await answer.json()) as Session | null;
  } catch {
    return { ...refused(503, "UPSTREAM_UNAVAILABLE"), headers: { "retry-after": "2" } };
  }
  if (session === null) return { ...refused(401, "SESSION_INVALID"), headers: { "www-authenticate": "Bearer" } };
  const { id, name, email } = session.user;
  const token = await new SignJWT({ client_id: "web", scope: "protected.read", name, email })
    .setProtectedHeader({ alg: "ES256", kid, typ: "at+jwt" })
    .setIssuer(publicUrl)
    .setSubject(id)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${lifetimeSeconds}s`)
    .setJti(crypto.randomUUID())
    .sign(privateKey);
  return { status: 200, body: { token, expiresIn: lifetimeSeconds, userId: id }, userId: id };
}

async function respond(path: string, request: IncomingMessage, request_id: string): Promise<Answer> {
  if (path === "/readyz") return { status: 200, body: {} };
  if (path === "/.well-known/jwks.json") return { status: 200, body: jwks };
  if (path === "/api/auth/backend-token" && request.method === "GET") return exchange(request, request_id);
  return { status: 404, body: {} };
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const request_id = requestIdOf(request);
  const path = URL.parse(request.url ?? "", publicUrl)?.pathname ?? "";
  const { status, body, headers = {}, userId } = await respond(path, request, request_id);
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", "x-request-id": request_id, ...headers });
  response.end(JSON.stringify(body));
  log({ msg: "request", request_id, user_id: userId, method: request.method, path, status });
}

await serveProcess(
  createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  }),
  log,
);
