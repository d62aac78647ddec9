// The realm that tests are made in: the model of examples/keycloak/, which operators are shown, and beside it the users and the clients
// that only tests need. Real Keycloak and its stand-in are both set up from this, in Keycloak's own format.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The part of Keycloak's RealmRepresentation that is used here. */
export interface Realm {
  readonly realm: string;
  readonly accessTokenLifespan: number;
  readonly revokeRefreshToken: boolean;
  readonly clientScopes: readonly RealmScope[];
  readonly clients: readonly RealmClient[];
  readonly users: readonly RealmUser[];
}

export interface RealmScope {
  readonly name: string;
  readonly protocol: "openid-connect";
  readonly attributes: Readonly<Record<string, string>>;
  readonly protocolMappers?: readonly RealmMapper[];
}

export interface RealmMapper {
  readonly name: string;
  readonly protocol: "openid-connect";
  readonly protocolMapper: string;
  readonly config: Readonly<Record<string, string>>;
}

export interface RealmClient {
  readonly clientId: string;
  readonly enabled: boolean;
  readonly publicClient: boolean;
  readonly secret?: string;
  readonly directAccessGrantsEnabled?: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly defaultClientScopes: readonly string[];
  readonly optionalClientScopes: readonly string[];
}

export interface RealmUser {
  readonly id: string;
  readonly username: string;
  readonly enabled: boolean;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly credentials: readonly { readonly type: "password"; readonly value: string }[];
}

const exchangeEnabled = { "standard.token.exchange.enabled": "true" };

/** Made anew, with secrets of its own. */
export function testRealm(): Realm {
  const model = readModel();
  return {
    ...model,
    clientScopes: [
      ...model.clientScopes,
      audienceScope("for-tests", ["generous", "talkative", "plain"]),
      audienceScope("for-disabled", ["disabled"]),
      tokenScope("marketing"),
    ],
    clients: [...model.clients.map(forTests), ...testClients()],
    users: [user("alice", "Alice"), user("bob", "Bob")],
  };
}

function readModel(): Omit<Realm, "users"> {
  const text = readFileSync(join(import.meta.dirname, "../../examples/keycloak/realm.json"), "utf8");
  return JSON.parse(text.replaceAll(/\$\{[A-Z]+_KEYCLOAK_SECRET\}/g, newSecret)) as Omit<Realm, "users">;
}

/** Signing in by password saves tests a browser; the other scopes open what the model has no use for. */
function forTests(client: RealmClient): RealmClient {
  if (client.clientId === "storefront")
    return { ...client, directAccessGrantsEnabled: true, optionalClientScopes: [...client.optionalClientScopes, "for-tests", "marketing"] };
  if (client.clientId === "orders") return { ...client, optionalClientScopes: [...client.optionalClientScopes, "for-disabled"] };
  return client;
}

function testClients(): RealmClient[] {
  const usual = { enabled: true, publicClient: false, defaultClientScopes: ["basic"], optionalClientScopes: [] };
  return [
    // Its default scopes are more than the user's token has.
    {
      ...usual,
      clientId: "generous",
      secret: newSecret(),
      attributes: exchangeEnabled,
      defaultClientScopes: ["basic", "profile", "for-inventory", "orders:read", "orders:write"],
    },
    // Its default scopes are more than it asks for, and no more than the user's token has.
    {
      ...usual,
      clientId: "talkative",
      secret: newSecret(),
      attributes: exchangeEnabled,
      defaultClientScopes: ["basic", "profile", "for-inventory"],
    },
    // In the audience, and never allowed to exchange.
    { ...usual, clientId: "plain", secret: newSecret() },
    // Allowed to exchange, and in nobody's audience.
    { ...usual, clientId: "outsider", secret: newSecret(), attributes: exchangeEnabled },
    { ...usual, clientId: "disabled", enabled: false, secret: newSecret() },
  ];
}

function audienceScope(name: string, clients: readonly string[]): RealmScope {
  const mappers = clients.map((client) => ({
    name: client,
    protocol: "openid-connect" as const,
    protocolMapper: "oidc-audience-mapper",
    config: { "included.client.audience": client, "access.token.claim": "true", "introspection.token.claim": "true" },
  }));
  return { name, protocol: "openid-connect", attributes: { "include.in.token.scope": "false" }, protocolMappers: mappers };
}

/** Of the storefront and of no service. */
function tokenScope(name: string): RealmScope {
  return { name, protocol: "openid-connect", attributes: { "include.in.token.scope": "true" } };
}

function user(username: string, firstName: string): RealmUser {
  return {
    id: crypto.randomUUID(),
    username,
    enabled: true,
    email: `${username}@example.com`,
    firstName,
    lastName: "Example",
    credentials: [{ type: "password", value: newSecret() }],
  };
}

function newSecret(): string {
  return randomBytes(18).toString("base64url");
}
