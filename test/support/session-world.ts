// The example's configuration with sessions and tokens of our own in it, as an operator would add them: a real Better Auth keeps the
// sessions, and `backend`, `stock` and `legacy` get tokens that are issued here. What is added is written down as a file would be, and
// read with all its rules.

import { generateKeyPairSync } from "node:crypto";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { type Answer, type FakeStack, type FakeStackOptions, type Instance, page, startFakeStack } from "./fake-stack.ts";
import { type BetterAuthServer, type BetterAuthServerOptions, type SignedIn, startBetterAuth } from "./better-auth.ts";

export const ownIssuer = "https://cambio.example.com";
export const backendIdentifier = "https://backend.example.com";
export const stockIdentifier = "https://stock-own.example.com";
/** What the backend of `legacy` and this service both know. */
export const legacySecret = "legacy-shared-secret-canary-0123456789abcdef";
export const refreshCookieName = "__Secure-cambio-refresh";
/** The client of the fake provider whose tokens may act for others. */
export const agentClient = "agent-client";

const written = (site: string) => `
server: { issuer: ${ownIssuer} }
sealing: { keys: [{ id: "1", key_file: sealing }] }
database: { file: unused.sqlite }
signing: { keys: [{ private_key_file: signing }] }
providers:
  site: { kind: better-auth, issuer: "${site}", bearer: true, impersonation: act, subject_prefix: "site:" }
  main: { kind: oidc, issuer: https://login.example.com, client: { id: cambio, secret: unused }, subject_prefix: "main:" }
audiences:
  orders:
    accepts: { main: { identifiers: [https://orders.example], clients: [cambio] } }
  backend:
    accepts: { cambio: { identifiers: ["${backendIdentifier}"], clients: [shop, cookie-shop, orders] } }
    mint:
      from:
        site: { scopes: [orders:read], claims: { name: name, email: email, email_verified: email_verified } }
        main: { scope_map: { "orders:read": [orders:read], "orders:write": [orders:write] }, claims: { name: name } }
      actors:
        - { provider: main, clients: [${agentClient}], for: [site, main] }
  stock:
    accepts: { cambio: { identifiers: ["${stockIdentifier}"], clients: [orders, stock] } }
    mint:
      lifetime: 5m
      from: { cambio: {}, main: { scope_map: { "orders:read": [stock:read] } } }
      actors:
        - { provider: main, clients: [${agentClient}], for: [cambio] }
  legacy:
    accepts: {}
    mint:
      algorithm: HS256
      secret_file: legacy
      from: { site: {} }
clients:
  shop:
    kind: browser
    origins: ["${page}"]
    methods: [Exchange, Refresh, Revoke]
    providers: { site: { audiences: [backend, legacy], scopes: [orders:read], exchanged_refresh_tokens: true } }
  cookie-shop:
    kind: browser
    origins: ["${page}"]
    methods: [Exchange, Refresh, Revoke]
    refresh_cookie: ${refreshCookieName}
    providers: { site: { audiences: [backend], scopes: [orders:read], exchanged_refresh_tokens: true } }
  tool:
    kind: native
    methods: [Exchange]
    providers: { site: { audiences: [backend], scopes: [orders:read] } }
  orders:
    kind: service
    secrets: [unused-secret-of-the-fragment]
    methods: [Exchange, Refresh, ValidateCrossClient, Revoke]
    audiences: [orders, backend, stock]
    providers:
      main: { audiences: [backend, stock], scopes: [orders:read, orders:write, stock:read], exchanged_refresh_tokens: true }
      site: { audiences: [backend], scopes: [orders:read] }
      cambio: { audiences: [stock], scopes: [orders:read] }
routes:
  backend_token:
    - { path: /api/auth/backend-token, client: shop, provider: site, audience: backend }
    - { path: /api/auth/legacy-token, client: shop, provider: site, audience: legacy }
`;

const files: Readonly<Record<string, string>> = {
  sealing: Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index)).toString("base64url"),
  signing: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }),
  legacy: legacySecret,
};

/** @param site base URL of the application that keeps the sessions */
export function withSessions(configuration: Configuration, site: string): Configuration {
  const readFile = (path: string) => files[path.slice(path.lastIndexOf("/") + 1)] ?? written(site);
  const added = loadConfiguration({ path: "/session-world.yaml", env: {}, readFile });
  const { main, ...sessions } = added.providers;
  const { orders, ...clients } = added.clients;
  const { orders: audience, ...audiences } = added.audiences;
  const example = {
    main: configuration.providers["main"],
    orders: configuration.clients["orders"],
    audience: configuration.audiences["orders"],
  };
  if (main === undefined || orders === undefined || audience === undefined || example.main === undefined || example.orders === undefined)
    throw new Error("the example's names have changed");
  const rule = example.audience?.accepts["main"];
  if (rule === undefined) throw new Error("the example's names have changed");
  const ofAgents = { ...rule, clients: [...rule.clients, agentClient] };
  return {
    ...configuration,
    server: { ...configuration.server, issuer: ownIssuer },
    signing: added.signing,
    providers: { ...configuration.providers, ...sessions, main: { ...example.main, subject_prefix: "main:" } },
    audiences: { ...configuration.audiences, ...audiences, orders: { accepts: { ...example.audience?.accepts, main: ofAgents } } },
    clients: { ...configuration.clients, ...clients, orders: { ...orders, secrets: example.orders.secrets } },
    routes: { ...configuration.routes, backend_token: added.routes.backend_token },
  };
}

export interface SessionWorld {
  readonly site: BetterAuthServer;
  readonly stack: FakeStack;
  readonly cambio: Instance;
  /** A user of the application who has just registered, and so is signed in. */
  register(): Promise<SignedIn & { readonly name: string; readonly email: string; readonly password: string }>;
  /** Exchange of a session by its cookie, as a page of `shop`. */
  exchange(cookie: string, more?: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** As the service `orders`. */
  asOrders(method: "Exchange" | "ValidateCrossClient" | "Refresh" | "Revoke", message: object, at?: Instance): Promise<Answer>;
  backendToken(cookie: string | undefined, headers?: Readonly<Record<string, string>>, path?: string): Promise<Answer>;
  close(): Promise<void>;
}

export interface SessionWorldOptions extends Omit<FakeStackOptions, "change"> {
  readonly site?: BetterAuthServerOptions;
  readonly change?: (configuration: Configuration) => Configuration;
}

export async function startSessionWorld({ site: siteOptions, change, ...options }: SessionWorldOptions): Promise<SessionWorld> {
  const started = await startBetterAuth({ plugins: ["bearer", "admin"], trustedOrigins: [page], ...siteOptions });
  let stopping: Promise<void> | undefined;
  const site: BetterAuthServer = { ...started, stop: () => (stopping ??= started.stop()) };
  const stack = await startFakeStack({
    ...options,
    change: (configuration) => {
      const full = withSessions(configuration, site.url);
      return change?.(full) ?? full;
    },
  }).catch(async (failure: unknown) => {
    await site.stop();
    throw failure;
  });
  stack.canary.register("shared secret", legacySecret);
  const { cambio } = stack;
  let users = 0;
  return {
    site,
    stack,
    cambio,
    async register() {
      users += 1;
      const user = { name: `User ${users}`, email: `user-${users}@example.com`, password: `password-canary-${users}` };
      const signedIn = await site.signUp(user);
      stack.canary.register("session", signedIn.cookie.slice(signedIn.cookie.indexOf("=") + 1));
      stack.canary.register("password", user.password);
      return { ...signedIn, ...user };
    },
    exchange: (cookie, more = {}, headers = {}) =>
      cambio.rpc("Exchange", { clientId: "shop", session: {}, ...more }, { origin: page, cookie, ...headers }),
    asOrders: (method, message, at = cambio) => at.rpc(method, message, { authorization: stack.authorization("orders") }),
    async backendToken(cookie, headers = {}, path = "/api/auth/backend-token") {
      const response = await fetch(`${cambio.url}${path}`, { headers: { ...(cookie === undefined ? {} : { cookie }), ...headers } });
      return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
    },
    async close() {
      await stack.close();
      await site.stop();
    },
  };
}
