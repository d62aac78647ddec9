// The part of the protocol table that is about tokens: each way for a token to be good or not, shown by the service `orders`.

import { expect } from "vitest";
import type { SignOptions } from "../support/signing-keys.ts";
import type { Case } from "./protocol-case.ts";
import type { World } from "./protocol-world.ts";

const service = { as: "orders", method: "ValidateCrossClient" } as const;

const seconds = ({ usual }: World, ahead: number): number => Math.floor(usual.time.nowMs / 1000) + ahead;
const instant = (world: World, ahead: number): string => new Date(seconds(world, ahead) * 1000).toISOString().replace(".000Z", "Z");

type Claims = Readonly<Record<string, unknown>>;

/** The usual token but for these claims, and whatever else the message says. */
const showing =
  (claims: Claims | ((world: World) => Claims), more: Readonly<Record<string, string | string[]>> = {}, signing?: SignOptions) =>
  async (world: World) => {
    const { usual } = world;
    const given = typeof claims === "function" ? claims(world) : claims;
    return { token: { value: await usual.token(given, signing) }, ...more };
  };

const expired = (ahead: number) => (world: World) => ({ iat: seconds(world, ahead - 600), exp: seconds(world, ahead) });

export const validationCases: readonly Case[] = [
  {
    ...service,
    name: "a token of another client, with all that its issuer says",
    message: showing({
      name: "Alice Example",
      preferred_username: "alice",
      email: "alice@example.com",
      scope: "orders:read orders:write",
      jti: "token-1",
      act: { sub: "helper", client_id: "backend", act: { sub: "robot", iss: "https://robots.example" } },
    }),
    expected: (world) => ({
      claims: {
        issuer: world.usual.provider.issuer,
        subject: "alice",
        clientId: "cambio",
        audiences: ["https://orders.example"],
        scopes: ["orders:read", "orders:write"],
        issuedAt: instant(world, 0),
        expiresAt: instant(world, 3600),
        tokenId: "token-1",
        actors: [
          { subject: "helper", clientId: "backend" },
          { issuer: "https://robots.example", subject: "robot" },
        ],
        name: "Alice Example",
        preferredUsername: "alice",
        email: "alice@example.com",
      },
      validUntil: new Date(world.usual.time.nowMs + 60_000).toISOString().replace(".000Z", "Z"),
      source: "VALIDATION_SOURCE_LOCAL_KEYS",
    }),
  },
  {
    ...service,
    name: "a token that was shown before, by its provider's name and with a scope that it has",
    message: async (world) => {
      const message = await showing({}, { provider: "main", audience: "orders", requiredScopes: ["orders:read"] })(world);
      await world.usual.cambio.rpc("ValidateCrossClient", message, { authorization: world.usual.authorization("orders") });
      return message;
    },
    expected: () => ({ claims: { subject: "alice" }, cached: true, source: "VALIDATION_SOURCE_LOCAL_KEYS" }),
  },
  {
    ...service,
    name: "a token signed with ES256",
    message: showing({}, {}, { alg: "ES256" }),
    expected: () => ({ claims: { subject: "alice", tokenId: expect.any(String) } }),
  },
  { ...service, name: "no token", message: () => ({}), expected: "MALFORMED_REQUEST" },
  {
    ...service,
    name: "something that is no token",
    message: () => ({ token: { value: "opaque-opaque-opaque" } }),
    expected: "TOKEN_MALFORMED",
  },
  {
    ...service,
    name: "a token of 17,000 characters",
    message: () => ({ token: { value: "e".repeat(17_000) } }),
    expected: "TOKEN_MALFORMED",
  },
  {
    ...service,
    name: "a token signed by a stranger under the provider's key id",
    message: async ({ usual, forger }) => {
      const now = Math.floor(usual.time.nowMs / 1000);
      const claims = {
        iss: usual.provider.issuer,
        sub: "eve",
        aud: "https://orders.example",
        client_id: "cambio",
        iat: now,
        exp: now + 3600,
      };
      return { token: { value: await forger.sign(claims) } };
    },
    expected: "TOKEN_INVALID",
  },
  {
    ...service,
    name: "a key id that the provider does not have",
    message: showing({}, {}, { kid: "no-such-key" }),
    expected: "TOKEN_INVALID",
  },
  { ...service, name: "a token without a subject", message: showing({ sub: undefined }), expected: "TOKEN_INVALID" },
  {
    ...service,
    name: "a token that begins to count in a minute",
    message: showing((world) => ({ nbf: seconds(world, 60) })),
    expected: "TOKEN_NOT_YET_VALID",
  },
  { ...service, name: "an ID token", message: showing({ aud: "cambio", nonce: "n" }, {}, { typ: "JWT" }), expected: "TOKEN_TYPE_MISMATCH" },
  {
    ...service,
    name: "a type that is not accepted",
    message: () => ({ token: { value: "x", type: "urn:ietf:params:oauth:token-type:refresh_token" } }),
    expected: "TOKEN_TYPE_MISMATCH",
  },
  {
    ...service,
    name: "a token that expired a minute ago",
    message: showing(expired(-60)),
    expected: "TOKEN_EXPIRED",
    expiredAt: (world) => seconds(world, -60),
  },
  {
    ...service,
    name: "a token that expires within the safety buffer",
    message: showing(expired(30)),
    expected: "TOKEN_EXPIRED",
    expiredAt: (world) => seconds(world, 30),
  },
  {
    ...service,
    name: "a token of an issuer that nobody configured",
    message: showing({ iss: "https://evil.example" }),
    expected: "ISSUER_NOT_TRUSTED",
  },
  {
    ...service,
    name: "a token of another issuer under the provider's name",
    message: showing({ iss: "https://evil.example" }, { provider: "main" }),
    expected: "ISSUER_NOT_TRUSTED",
  },
  { ...service, name: "a token that is bound to a key", message: showing({ cnf: { jkt: "x" } }), expected: "PROOF_REQUIRED" },
  { ...service, name: "a token for another audience", message: showing({ aud: "https://payroll.example" }), expected: "AUDIENCE_MISMATCH" },
  {
    ...service,
    name: "a token of a client that the audience does not accept",
    message: showing({ client_id: "games" }),
    expected: "CLIENT_NOT_TRUSTED",
  },
  {
    ...service,
    name: "a token without a scope that is asked for",
    message: showing({}, { requiredScopes: ["orders:delete"] }),
    expected: "SCOPE_INSUFFICIENT",
  },
  { ...service, name: "an audience of somebody else", message: showing({}, { audience: "payroll" }), expected: "TARGET_NOT_ALLOWED" },
  { ...service, name: "a provider that nobody configured", message: showing({}, { provider: "nothing" }), expected: "PROVIDER_UNKNOWN" },
  { ...service, name: "no proof of who asks", headers: {}, message: showing({}), expected: "CALLER_UNAUTHENTICATED" },
  {
    ...service,
    name: "a method that is not the service's",
    as: "backend",
    message: showing({}),
    expected: "CALLER_NOT_ALLOWED",
  },
  {
    ...service,
    name: "a token of a provider that is down",
    message: showing(({ issuers }) => ({ iss: issuers.away })),
    expected: "UPSTREAM_UNAVAILABLE",
  },
  {
    ...service,
    name: "a token of a provider whose keys are nonsense",
    message: showing(({ issuers }) => ({ iss: issuers.nonsense })),
    expected: "UPSTREAM_INVALID_RESPONSE",
  },
  {
    ...service,
    name: "a token whose verification takes longer than it may",
    on: "hasty",
    message: async ({ hasty }) => ({ token: { value: await hasty.token() } }),
    expected: "DEADLINE_EXCEEDED",
  },
];
