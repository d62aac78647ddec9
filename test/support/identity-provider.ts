// A real OpenID provider (oidc-provider) in this process, on a free port: JWT access tokens per resource, rotating refresh
// tokens, its own login pages. For tests, the demo and `make dev`: no test framework in here.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { signIn, type SignInResult } from "./sign-in.ts";

export interface IdentityClient {
  readonly id: string;
  /** Absent: a public client. */
  readonly secret?: string;
  /** Default: basic with a secret, none without. */
  readonly authentication?: "basic" | "post" | "none";
  readonly redirectUris: readonly string[];
  /** True: loopback redirects on any port (RFC 8252 §7.3). */
  readonly native?: boolean;
}

export interface IdentityProviderOptions {
  readonly clients: readonly IdentityClient[];
  /** Resource indicators that access tokens may be for; the first where none is asked for. Default: https://orders.example. */
  readonly resources?: readonly string[];
  /** Scopes that exist at each resource. Default: `orders:read orders:write`. */
  readonly resourceScopes?: string;
  /** Default: 3600. */
  readonly accessTokenSeconds?: number;
  readonly host?: string;
  /** Default: 0, any free one. */
  readonly port?: number;
}

export interface IdentityProvider {
  readonly issuer: string;
  /** Requests so far, by path: `/token`, `/jwks`, `/auth`, `/.well-known/openid-configuration`. */
  callsTo(path: string): number;
  /** Signs in through the provider's own pages and consents. */
  login(authorizationUrl: string, user?: { readonly login?: string }): Promise<SignInResult>;
  /** A token with the provider's own key and these claims, `iss` and `iat` added: for tokens that it would not issue now. */
  sign(claims: JWTPayload, typ?: string): Promise<string>;
  close(): Promise<void>;
}

const keyId = "identity-provider-rs256";

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const host = options.host ?? "localhost";
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: keyId, alg: "RS256", use: "sig" };

  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const issuer = `http://${host}:${(server.address() as AddressInfo).port}`;
  const handle = await quietly(async () => {
    const { default: Provider } = await import("oidc-provider");
    return new Provider(issuer, configurationOf(options, jwk)).callback();
  });

  const calls = new Map<string, number>();
  server.on("request", (request, response) => {
    const path = pathOf(request);
    calls.set(path, (calls.get(path) ?? 0) + 1);
    void handle(request, response);
  });

  return {
    issuer,
    callsTo: (path) => calls.get(path) ?? 0,
    login: (authorizationUrl, user = {}) => signIn(authorizationUrl, user.login),
    sign: (claims, typ = "at+jwt") =>
      new SignJWT({ iss: issuer, iat: Math.floor(Date.now() / 1000), ...claims })
        .setProtectedHeader({ alg: "RS256", kid: keyId, typ })
        .sign(privateKey),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

function pathOf(request: IncomingMessage): string {
  return new URL(request.url ?? "/", "http://localhost").pathname;
}

function configurationOf(options: IdentityProviderOptions, jwk: object): Record<string, unknown> {
  const [defaultResource, ...others] = options.resources ?? ["https://orders.example"];
  const scope = options.resourceScopes ?? "orders:read orders:write";
  return {
    clients: options.clients.map(registrationOf),
    jwks: { keys: [jwk] },
    cookies: { keys: ["identity-provider-cookie-key"] },
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email"] },
    conformIdTokenClaims: false,
    renderError: (context: { type: string; body: string }, out: object) => {
      context.type = "text/plain";
      context.body = JSON.stringify(out);
    },
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => claimsOf(id) }),
    issueRefreshToken: (_context: unknown, client: { grantTypeAllowed(type: string): boolean }) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: () => true,
    expiresWithSession: () => false,
    clientBasedCORS: () => false,
    extraTokenClaims: (_context: unknown, token: { accountId?: string }) =>
      token.accountId === undefined ? undefined : claimsOf(token.accountId),
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      IdToken: 3600,
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 3600,
    },
    features: {
      devInteractions: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context: unknown, _client: unknown, oneOf: unknown) => oneOf ?? defaultResource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, resource: string) => {
          if (resource !== defaultResource && !others.includes(resource)) throw new Error("no such resource");
          return {
            scope,
            audience: resource,
            accessTokenTTL: options.accessTokenSeconds ?? 3600,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          };
        },
      },
    },
  };
}

function registrationOf(client: IdentityClient): Record<string, unknown> {
  const authentication = client.authentication ?? (client.secret === undefined ? "none" : "basic");
  return {
    client_id: client.id,
    ...(client.secret === undefined ? {} : { client_secret: client.secret }),
    redirect_uris: client.redirectUris,
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: { basic: "client_secret_basic", post: "client_secret_post", none: "none" }[authentication],
    application_type: client.native === true ? "native" : "web",
  };
}

function claimsOf(id: string): Record<string, string> {
  return { sub: id, name: `${id.slice(0, 1).toUpperCase()}${id.slice(1)} Example`, preferred_username: id, email: `${id}@example.com` };
}

/** It prints advice about production while it is loaded and made; this one never goes there. */
async function quietly<T>(make: () => Promise<T>): Promise<T> {
  const { info, warn } = console;
  Object.assign(console, { info: () => undefined, warn: () => undefined });
  try {
    return await make();
  } finally {
    Object.assign(console, { info, warn });
  }
}
