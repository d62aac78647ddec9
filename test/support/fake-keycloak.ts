// A stand-in for a Keycloak realm, on a real socket: discovery, keys, token exchange, refresh, introspection, revocation and sign-out,
// with Keycloak's words (test/keycloak/provider-cases.ts runs against both). It counts, fails in every way of faults.ts, lies in those of
// fake-keycloak-lies.ts, and can be slow. Its keys come without certificates (`x5c`), its discovery without what nobody here reads.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { URLSearchParams } from "node:url";
import type { Realm } from "../keycloak/realm.ts";
import { createFakeEnding } from "./fake-keycloak-ending.ts";
import { createFakeExchange } from "./fake-keycloak-exchange.ts";
import { createFakeGrants } from "./fake-keycloak-grants.ts";
import type { Lie } from "./fake-keycloak-lies.ts";
import { createFakeRealm, type FakeRealm } from "./fake-keycloak-realm.ts";
import {
  type FakeAnswer,
  type FakeKeycloakCall,
  grantTypes,
  introspectionStrangers,
  objections,
  refused,
  repeatedParameters,
  senderOf,
  tokenEndpointStrangers,
} from "./fake-keycloak-request.ts";
import { createFakeKeycloakTokens } from "./fake-keycloak-tokens.ts";
import { createFaultScript, type FaultScript, misbehave } from "./faults.ts";

export interface FakeKeycloakOptions {
  readonly realm: Realm;
  /** The public address, if another than its own. Nobody has to listen there. */
  readonly outside?: string;
  readonly clock?: () => number;
}

export interface SeenCall {
  readonly headers: IncomingMessage["headers"];
  readonly form: URLSearchParams;
}

export interface FakeKeycloak {
  /** What tokens say in `iss`. */
  readonly issuer: string;
  /** The realm by its back channel. */
  readonly address: string;
  /** What an administrator would do. */
  readonly realm: FakeRealm;
  readonly faults: FaultScript<FakeKeycloakCall>;
  /** Of exchanges, refreshes and introspections that succeed. */
  readonly lies: FaultScript<FakeKeycloakCall, Lie>;
  /** What a careful reader would object to in the requests so far. */
  readonly violations: readonly string[];
  callsTo(call: FakeKeycloakCall): number;
  /** Of whatever kind. */
  heard(): number;
  /** The one before it is forgotten: a load test sends very many. */
  lastCall(call: FakeKeycloakCall): SeenCall | undefined;
  /** Requests of that kind arrive, and are answered only once the returned function was called. */
  hold(call: FakeKeycloakCall): () => void;
  /** From now on every answer takes this much longer. */
  slowBy(ms: number): void;
  /** The old keys are published beside the new one, or gone. */
  addKey(): Promise<void>;
  rotateKeys(): Promise<void>;
  /** Connections: open now, and accepted so far. */
  connections(): { readonly open: number; readonly accepted: number };
  /** Refuses connections, and breaks those that are open; `start` takes the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startFakeKeycloak(options: FakeKeycloakOptions): Promise<FakeKeycloak> {
  const server = createServer((request, response) => void serve(request, response).catch(() => request.socket.destroy()));
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const path = `/realms/${options.realm.realm}`;
  const address = `http://127.0.0.1:${port}${path}`;
  const issuer = options.outside === undefined ? address : options.outside + path;

  const realm = createFakeRealm(options.realm);
  const tokens = await createFakeKeycloakTokens(realm, issuer, options.clock ?? Date.now);
  const exchange = createFakeExchange(realm, tokens);
  const grants = createFakeGrants(realm, tokens);
  const ending = createFakeEnding(realm, tokens);
  const faults = createFaultScript<FakeKeycloakCall>();
  const lies = createFaultScript<FakeKeycloakCall, Lie>();
  const violations: string[] = [];
  const counts = new Map<FakeKeycloakCall, number>();
  const lastCalls = new Map<FakeKeycloakCall, SeenCall>();
  const held = new Map<FakeKeycloakCall, Promise<void>>();
  let delayMs = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const isForm = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
    const form = new URLSearchParams(isForm ? body : "");
    const { pathname } = new URL(request.url ?? "/", address);
    const call = pathname.startsWith(`${path}/`) ? callOf(pathname.slice(path.length), request.method, form) : "unknown";
    counts.set(call, (counts.get(call) ?? 0) + 1);
    lastCalls.set(call, { headers: request.headers, form });
    violations.push(...objections(call, request, form));
    await held.get(call);
    if (delayMs > 0) await wait(delayMs);
    const fault = faults.take(call);
    if (fault !== undefined && fault.kind !== "after-work") return misbehave(fault, request, response);
    const answer = await work(call, request, form);
    if (fault !== undefined) return misbehave(fault, request, response);
    send(response, answer);
  }

  async function work(call: FakeKeycloakCall, request: IncomingMessage, form: URLSearchParams): Promise<FakeAnswer> {
    if (call === "discovery") return { status: 200, body: discoveryDocument(address, issuer) };
    if (call === "jwks") return { status: 200, body: tokens.published() };
    if (call === "unknown") return notThere(request, form, address);
    const strangers = call === "introspection" ? introspectionStrangers : tokenEndpointStrangers;
    const sender = senderOf(request, form, { realm, strangers });
    if (sender.kind === "refused") return sender.answer;
    if (repeatedParameters(form).some((name) => !["audience", "resource"].includes(name)))
      return refused(400, "invalid_request", "duplicated parameter");
    const lie = lies.take(call) ?? {};
    const answer = await answerTo(call, { client: sender.client, form, lie });
    return answer.status === 200 && lie.answer !== undefined ? { status: 200, body: { ...answer.body, ...lie.answer } } : answer;
  }

  function answerTo(
    call: Exclude<FakeKeycloakCall, "discovery" | "jwks" | "unknown">,
    { client, form, lie }: { readonly client: Parameters<typeof exchange>[0]; readonly form: URLSearchParams; readonly lie: Lie },
  ): Promise<FakeAnswer> {
    switch (call) {
      case "code":
        return grants.code();
      case "exchange":
        return exchange(client, form, lie);
      case "refresh":
        return grants.refresh(client, form, lie);
      case "password":
        return grants.password(client, form);
      case "introspection":
        return ending.introspect(client, form);
      case "revocation":
        return ending.revoke(client, form);
      case "logout":
        return ending.logout(client, form);
    }
  }

  return {
    issuer,
    address,
    realm,
    faults,
    lies,
    violations,
    callsTo: (call) => counts.get(call) ?? 0,
    heard: () => counts.values().reduce((sum, count) => sum + count, 0),
    lastCall: (call) => lastCalls.get(call),
    hold(call) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.set(call, promise);
      return () => {
        held.delete(call);
        resolve();
      };
    },
    slowBy: (ms) => void (delayMs = ms),
    addKey: () => tokens.newKey("keep the old"),
    rotateKeys: () => tokens.newKey("drop the old"),
    connections: () => ({ open: sockets.size, accepted }),
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    start: () => listen(port),
  };
}

const openIdConnect = "/protocol/openid-connect";

function callOf(path: string, method: string | undefined, form: URLSearchParams): FakeKeycloakCall {
  if (method === "GET" && path === "/.well-known/openid-configuration") return "discovery";
  if (method === "GET" && path === `${openIdConnect}/certs`) return "jwks";
  if (method !== "POST") return "unknown";
  if (path === `${openIdConnect}/token`) return grantTypes[form.get("grant_type") ?? ""] ?? "unknown";
  if (path === `${openIdConnect}/token/introspect`) return "introspection";
  if (path === `${openIdConnect}/revoke`) return "revocation";
  return path === `${openIdConnect}/logout` ? "logout" : "unknown";
}

function notThere({ url, method }: IncomingMessage, form: URLSearchParams, address: string): FakeAnswer {
  const token = `${new URL(address).pathname}${openIdConnect}/token`;
  if (url?.split("?")[0] !== token) return { status: 404, body: { error: "Realm does not exist" } };
  if (method !== "POST") return { status: 405, body: { error: "HTTP 405 Method Not Allowed" } };
  if (!form.has("grant_type")) return refused(400, "invalid_request", "Missing form parameter: grant_type");
  return refused(400, "unsupported_grant_type", "Unsupported grant_type");
}

/** The front channel, and revocation too, by the public address; the back channel by the one that was asked. */
function discoveryDocument(address: string, issuer: string): Readonly<Record<string, unknown>> {
  const methods = ["private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth", "client_secret_jwt"];
  return {
    issuer,
    authorization_endpoint: `${issuer}${openIdConnect}/auth`,
    token_endpoint: `${address}${openIdConnect}/token`,
    introspection_endpoint: `${address}${openIdConnect}/token/introspect`,
    jwks_uri: `${address}${openIdConnect}/certs`,
    end_session_endpoint: `${issuer}${openIdConnect}/logout`,
    revocation_endpoint: `${issuer}${openIdConnect}/revoke`,
    grant_types_supported: Object.keys(grantTypes),
    response_types_supported: ["code"],
    token_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_methods_supported: methods,
    code_challenge_methods_supported: ["plain", "S256"],
    authorization_response_iss_parameter_supported: true,
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, { status, body }: FakeAnswer): void {
  const headers = {
    "cache-control": "no-store",
    pragma: "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
  if (body === undefined) return void response.writeHead(status, headers).end();
  response.writeHead(status, { ...headers, "content-type": "application/json" }).end(JSON.stringify(body));
}
