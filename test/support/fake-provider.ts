// An OpenID provider made for tests: strict about requests, able to fail in every way of faults.ts, counting what it is asked.
// Real sockets, real keys; signing in needs no pages.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { createFakeTokenEndpoint, type FakeClient, type IssuedGrant, type TokenFacts } from "./fake-token-endpoint.ts";
import { createFaultScript, type Fault, type FaultScript, misbehave, redirectTargetPath } from "./faults.ts";
import { createSigningKeys, type SigningKeys, type SignOptions } from "./signing-keys.ts";
import { signIn, type SignInResult } from "./sign-in.ts";

export type FakeEndpoint = "discovery" | "jwks" | "token" | "authorize" | "revocation" | "introspection";

/** What a provider that is broken, or not ours any more, says of a token that it has just issued, or is asked about. */
export interface Lie {
  /** Claims of the access tokens that come out of exchanges and their refreshes, over the true ones; undefined takes one away. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Members of those answers over the true ones; undefined takes one away. */
  readonly answer?: Readonly<Record<string, unknown>>;
  /** Members of answers about a token over the true ones. */
  readonly introspection?: Readonly<Record<string, unknown>>;
  /** Those tokens can be read by their issuer only. */
  readonly opaque?: boolean;
}

/** This service's own registration, if nothing else is said. */
export const usualClient: FakeClient = { id: "cambio", secret: "s3cret/+: %&=~", authentication: "basic" };

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
  /** The refresh token in its answer, where it was a proper one. */
  gave?: string;
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
  /** What it says from now on that is not so. */
  lies(lie: Lie): void;
  /** A token that is good no more, by the provider's own decision. */
  end(token: string): void;
  /** Connections open now. */
  connections(): number;
  login(authorizationUrl: string): Promise<SignInResult>;
  /** An access token as the token endpoint would make it, with these claims over the usual ones; undefined takes one away. */
  mint(claims?: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>;
  /** The same, as a token that only it can read. */
  mintOpaque(claims?: Readonly<Record<string, unknown>>): string;
  readonly close: () => Promise<void>;
}

const paths: Readonly<Record<string, SeenRequest["endpoint"]>> = {
  "/.well-known/openid-configuration": "discovery",
  "/jwks": "jwks",
  "/token": "token",
  "/authorize": "authorize",
  "/revoke": "revocation",
  "/introspect": "introspection",
  [redirectTargetPath]: "redirect-target",
};

export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const clients = options.clients ?? [usualClient];
  const clock = options.clock ?? Date.now;
  const keys = await createSigningKeys();
  const faults = createFaultScript<FakeEndpoint>();
  const facts = new Map<string, TokenFacts>();
  const ended = new Set<string>();
  /** Grants that came out of exchanges. */
  const exchangers = new Set<IssuedGrant>();
  let lie: Lie = {};
  const tokens = createFakeTokenEndpoint(clients, factsOf);
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
    if (endpoint === "token") return answerToken(request, seen, response);
    if (endpoint === "revocation") return answerRevocation(request, body, response);
    if (endpoint === "introspection") return answerIntrospection(request, body, response);
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
    // The user's connection ends, so that those which are counted are Cambio's.
    response.writeHead(302, { location: location.href, connection: "close" }).end();
  }

  async function answerToken(request: IncomingMessage, seen: SeenRequest, response: ServerResponse): Promise<void> {
    const decision = tokens.decide(request, seen.body);
    if (decision.kind === "refused")
      return sendJson(response, decision.status, { error: decision.error, error_description: "canary-description" });
    const { grant, scope } = decision;
    const isExchanged = decision.kind === "exchanged";
    const withRefreshToken = !isExchanged || decision.requested.endsWith(":refresh_token");
    if (withRefreshToken && isExchanged) exchangers.add(grant);
    const changed = isExchanged || exchangers.has(grant) ? lie : {};
    if (withRefreshToken) seen.gave = noted(tokens.issueRefreshToken(grant));
    const claims = {
      sub: grant.subject,
      client_id: grant.clientId,
      scope,
      ...(grant.resources.length === 0 ? {} : { aud: grant.resources }),
      // Neither longer-lived than the subject token, nor without those who act in it.
      ...(isExchanged ? { exp: decision.subjectToken["exp"], act: decision.subjectToken["act"] } : {}),
      ...changed.claims,
    };
    sendJson(response, 200, {
      access_token: changed.opaque === true ? mintOpaque(claims) : await mint(claims),
      token_type: "Bearer",
      expires_in: 3600,
      ...(seen.gave === undefined ? {} : { refresh_token: seen.gave }),
      scope,
      ...(!isExchanged && scope.split(" ").includes("openid") ? { id_token: await idToken(grant) } : {}),
      ...(isExchanged ? { issued_token_type: decision.requested } : {}),
      ...changed.answer,
    });
  }

  function answerIntrospection(request: IncomingMessage, body: string, response: ServerResponse): void {
    const decision = tokens.introspect(request, body);
    if (decision.kind === "refused") return sendJson(response, decision.status, { error: decision.error });
    const told = decision.about === undefined ? { active: false } : { active: true, token_type: "Bearer", ...decision.about };
    sendJson(response, 200, { ...told, ...lie.introspection });
  }

  function factsOf(token: string): TokenFacts | undefined {
    const known = ended.has(token) || tokens.revoked.includes(token) ? undefined : facts.get(token);
    return known !== undefined && Number(known["exp"]) * 1_000 > clock() ? known : undefined;
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
    if (decision.kind !== "refused") noted(tokens.issueRefreshToken(decision.grant));
  }

  async function idToken(grant: IssuedGrant): Promise<string> {
    const nonce = grant.nonce === undefined ? {} : { nonce: grant.nonce };
    return noted(await keys.sign({ ...times(), iss: issuer, sub: grant.subject, aud: grant.clientId, ...nonce }, { typ: "JWT" }));
  }

  async function mint(claims: Readonly<Record<string, unknown>> = {}, signing: SignOptions = {}): Promise<string> {
    const wanted = claimsOf(claims);
    const token = noted(await keys.sign(wanted, signing));
    facts.set(token, wanted);
    return token;
  }

  function mintOpaque(claims: Readonly<Record<string, unknown>> = {}): string {
    const token = noted(`opaque-${crypto.randomUUID()}`);
    facts.set(token, claimsOf(claims));
    return token;
  }

  function claimsOf(claims: Readonly<Record<string, unknown>>): TokenFacts {
    const usual = {
      ...times(),
      iss: issuer,
      sub: "alice",
      aud: "https://orders.example",
      client_id: "web",
      scope: "orders:read",
      jti: crypto.randomUUID(),
    };
    return Object.fromEntries(Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined));
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
    lies: (next) => void (lie = next),
    end: (token) => void ended.add(token),
    connections: () => sockets.size,
    login: (authorizationUrl) => signIn(authorizationUrl),
    mint,
    mintOpaque,
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
    introspection_endpoint: `${issuer}/introspect`,
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
