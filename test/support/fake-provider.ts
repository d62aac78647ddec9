// An OpenID provider made for tests: strict about requests, able to fail in every way of faults.ts, counting what it is asked.
// Real sockets, real keys; signing in needs no pages.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { createFakeTokenEndpoint, type FakeClient, type IssuedGrant } from "./fake-token-endpoint.ts";
import { createFaultScript, type Fault, type FaultScript, misbehave, redirectTargetPath } from "./faults.ts";
import { createSigningKeys, type SigningKeys, type SignOptions } from "./signing-keys.ts";
import { signIn, type SignInResult } from "./sign-in.ts";

export type FakeEndpoint = "discovery" | "jwks" | "token" | "authorize" | "revocation";

export interface FakeProviderOptions {
  readonly clients?: readonly FakeClient[];
  /** Who signs in. */
  readonly subject?: string;
  /** Members of the discovery document that differ from the truth; undefined takes one away. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly clock?: () => number;
}

/** A request as it came, for tests of what is sent where. */
export interface SeenRequest {
  readonly endpoint: FakeEndpoint | "redirect-target" | "unknown";
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** How it was answered, where not properly; undefined also for one that still waits. */
  fault?: Fault | undefined;
}

export interface FakeProvider {
  readonly issuer: string;
  /** The first of its clients. */
  readonly client: FakeClient;
  readonly keys: SigningKeys;
  readonly faults: FaultScript<FakeEndpoint>;
  readonly requests: readonly SeenRequest[];
  /** What the token and revocation endpoints objected to. */
  readonly violations: readonly string[];
  /** Every code and token that it made. */
  readonly issued: readonly string[];
  /** Every token that it was told of (RFC 7009), in order. */
  readonly revoked: readonly string[];
  callsTo(endpoint: SeenRequest["endpoint"]): number;
  /**
   * Requests to that endpoint arrive, and are answered only once the returned function was called. `connection`: new connections are
   * accepted, and nothing that comes on them is read.
   */
  hold(endpoint: FakeEndpoint | "connection"): () => void;
  /** Connections open now. */
  connections(): number;
  login(authorizationUrl: string): Promise<SignInResult>;
  /** An access token as the token endpoint would make it, with these claims over the usual ones; undefined takes one away. */
  mint(claims?: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>;
  readonly close: () => Promise<void>;
}

const paths: Readonly<Record<string, SeenRequest["endpoint"]>> = {
  "/.well-known/openid-configuration": "discovery",
  "/jwks": "jwks",
  "/token": "token",
  "/authorize": "authorize",
  "/revoke": "revocation",
  [redirectTargetPath]: "redirect-target",
};

export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const usualClient: FakeClient = { id: "cambio", secret: "s3cret/+: %&=~", authentication: "basic" };
  const clients = options.clients ?? [usualClient];
  const clock = options.clock ?? Date.now;
  const keys = await createSigningKeys();
  const faults = createFaultScript<FakeEndpoint>();
  const tokens = createFakeTokenEndpoint(clients);
  const held = new Map<SeenRequest["endpoint"] | "connection", Promise<void>>();
  const requests: SeenRequest[] = [];
  const issued: string[] = [];
  const noted = (made: string): string => {
    issued.push(made);
    return made;
  };

  const listener: RequestListener = (request, response) => void serve(request, response).catch(() => request.socket.destroy());
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  const sockets = new Set<Socket>();
  // In front of the HTTP server, which would begin to read at once.
  const front = createTcpServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => void admit(socket));
  await new Promise<void>((resolve) => front.listen(0, "localhost", resolve));
  const issuer = `${options.tls === undefined ? "http" : "https"}://localhost:${(front.address() as AddressInfo).port}`;

  async function admit(socket: Socket): Promise<void> {
    sockets.add(socket);
    socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
    await held.get("connection");
    if (socket.destroyed) return;
    server.emit("connection", socket);
    socket.resume();
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", issuer);
    const endpoint = paths[url.pathname] ?? "unknown";
    const body = await readBody(request);
    const seen: SeenRequest = { endpoint, method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
    requests.push(seen);
    await held.get(endpoint);
    const fault = endpoint === "unknown" || endpoint === "redirect-target" ? undefined : faults.take(endpoint);
    seen.fault = fault;
    if (fault?.kind === "after-work") work(endpoint, request, body);
    if (fault !== undefined) return misbehave(fault, request, response);
    if (endpoint === "discovery") return sendJson(response, 200, discoveryDocument(issuer, options.metadata));
    if (endpoint === "jwks") return sendJson(response, 200, keys.jwks());
    if (endpoint === "authorize") return authorize(url.searchParams, response);
    if (endpoint === "token") return answerToken(request, body, response);
    if (endpoint === "revocation") return answerRevocation(request, body, response);
    return sendJson(response, 404, {});
  }

  function authorize(query: URLSearchParams, response: ServerResponse): void {
    const redirectUri = query.get("redirect_uri") ?? "";
    const grant: IssuedGrant = {
      clientId: query.get("client_id") ?? "",
      subject: options.subject ?? "alice",
      redirectUri,
      scope: query.get("scope") ?? "",
      resources: query.getAll("resource"),
      nonce: query.get("nonce") ?? undefined,
      codeChallenge: query.get("code_challenge") ?? undefined,
    };
    const code = noted(tokens.issueCode(grant));
    const location = new URL(redirectUri);
    for (const [name, value] of Object.entries({ code, state: query.get("state") ?? "", iss: issuer }))
      location.searchParams.set(name, value);
    response.writeHead(302, { location: location.href }).end();
  }

  async function answerToken(request: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
    const decision = tokens.decide(request, body);
    if (decision.kind === "refused")
      return sendJson(response, decision.status, { error: decision.error, error_description: "canary-description" });
    const { grant, scope } = decision;
    sendJson(response, 200, {
      access_token: await mint({
        sub: grant.subject,
        client_id: grant.clientId,
        scope,
        ...(grant.resources.length === 0 ? {} : { aud: grant.resources }),
      }),
      token_type: "Bearer",
      expires_in: 3600,
      refresh_token: noted(tokens.issueRefreshToken(grant)),
      scope,
      ...(scope.split(" ").includes("openid") ? { id_token: await idToken(grant) } : {}),
    });
  }

  function answerRevocation(request: IncomingMessage, body: string, response: ServerResponse): void {
    const decision = tokens.revoke(request, body);
    if (decision.kind === "refused") return sendJson(response, decision.status, { error: decision.error });
    response.writeHead(200, { "cache-control": "no-store" }).end();
  }

  /** What the endpoint would have done, for an answer that nobody gets. */
  function work(endpoint: SeenRequest["endpoint"], request: IncomingMessage, body: string): void {
    if (endpoint === "revocation") tokens.revoke(request, body);
    if (endpoint !== "token") return;
    const decision = tokens.decide(request, body);
    if (decision.kind === "granted") noted(tokens.issueRefreshToken(decision.grant));
  }

  async function idToken(grant: IssuedGrant): Promise<string> {
    const nonce = grant.nonce === undefined ? {} : { nonce: grant.nonce };
    return noted(await keys.sign({ ...times(), iss: issuer, sub: grant.subject, aud: grant.clientId, ...nonce }, { typ: "JWT" }));
  }

  async function mint(claims: Readonly<Record<string, unknown>> = {}, signing: SignOptions = {}): Promise<string> {
    const usual = {
      ...times(),
      iss: issuer,
      sub: "alice",
      aud: "https://orders.example",
      client_id: "web",
      scope: "orders:read",
      jti: crypto.randomUUID(),
    };
    const wanted = Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined);
    return noted(await keys.sign(Object.fromEntries(wanted), signing));
  }

  function times(): { iat: number; exp: number } {
    const iat = Math.floor(clock() / 1000);
    return { iat, exp: iat + 3600 };
  }

  return {
    issuer,
    client: clients[0] ?? usualClient,
    keys,
    faults,
    requests,
    violations: tokens.violations,
    issued,
    revoked: tokens.revoked,
    callsTo: (endpoint) => requests.filter((request) => request.endpoint === endpoint).length,
    hold(endpoint) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.set(endpoint, promise);
      return () => {
        held.delete(endpoint);
        resolve();
      };
    },
    connections: () => sockets.size,
    login: (authorizationUrl) => signIn(authorizationUrl),
    mint,
    close: () =>
      new Promise((resolve, reject) => {
        front.close((error) => (error === undefined ? resolve() : reject(error)));
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function discoveryDocument(issuer: string, overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    revocation_endpoint: `${issuer}/revoke`,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    ...overrides,
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" }).end(JSON.stringify(body));
}
