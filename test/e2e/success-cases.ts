// The part of the protocol table that goes well: sign-ins begun, codes redeemed, tokens refreshed and ended, by each kind of client.

import { expect } from "vitest";
import { type Case, challenge, codeCase, exchangeOf, handleFor, pageUrl, refreshTokenType, urlCase } from "./protocol-case.ts";
import type { World } from "./protocol-world.ts";

const tokenSet = ({ usual }: World, more: object = {}) => ({
  tokens: {
    accessToken: expect.stringMatching(/^ey[^.]+\.[^.]+\.[^.]+$/),
    tokenType: "Bearer",
    expiresIn: 3600,
    expiresAt: new Date(usual.time.nowMs + 3_600_000).toISOString().replace(".000Z", "Z"),
    refreshToken: expect.stringMatching(/^cambio_rt_/),
    scopes: ["openid", "profile", "email", "offline_access"],
    issuedTokenType: "urn:ietf:params:oauth:token-type:access_token",
    issuer: usual.provider.issuer,
    ...more,
  },
  issuance: "ISSUANCE_PASSTHROUGH",
});

const rawRefreshToken = { refreshToken: expect.stringMatching(/^refresh-/) };
const ofCli = { scopes: ["openid", "profile", "offline_access"] };

const address = ({ usual }: World) => ({
  authorizationUrl: expect.stringMatching(new RegExp(`^${usual.provider.issuer}/authorize\\?.*code_challenge_method=S256`)),
  state: expect.stringMatching(/^cambio_st_[\w-]{43}$/),
  expiresAt: new Date(usual.time.nowMs + 600_000).toISOString().replace(".000Z", "Z"),
});

/** The provider has heard of it before the caller has its answer. */
const ended = () => expect.not.objectContaining({ upstreamPending: true }) as object;

export const successCases: readonly Case[] = [
  { ...urlCase, as: "web", name: "a page starts a sign-in", message: () => pageUrl, expected: address },
  {
    ...urlCase,
    as: "cli",
    name: "a command-line tool starts a sign-in on a loopback port, at its only provider",
    message: () => ({ clientId: "cli", redirectUri: "http://127.0.0.1:49152/callback", codeChallenge: challenge }),
    expected: address,
  },
  { ...urlCase, as: "backend", name: "a service leaves PKCE to Cambio", message: () => ({ provider: "main" }), expected: address },
  {
    ...codeCase,
    name: "a page redeems a code",
    message: async (world) => exchangeOf(await world.codeFor("web")),
    expected: (world) => tokenSet(world, { idToken: expect.stringMatching(/^ey/) }),
    route: true,
  },
  {
    name: "a command-line tool redeems a code",
    as: "cli",
    method: "Exchange",
    message: async (world) => exchangeOf(await world.codeFor("cli"), "cli"),
    expected: (world) => tokenSet(world, ofCli),
  },
  {
    name: "a service redeems a code with the verifier that Cambio kept, and holds the provider's own refresh token",
    as: "backend",
    method: "Exchange",
    message: async (world) => exchangeOf(await world.codeFor("backend"), ""),
    expected: (world) => tokenSet(world, rawRefreshToken),
  },
  {
    name: "a page refreshes with its handle",
    as: "web",
    method: "Refresh",
    message: async (world) => ({ clientId: "web", refreshToken: await handleFor(world, "web") }),
    expected: tokenSet,
  },
  {
    name: "a command-line tool refreshes with fewer scopes",
    as: "cli",
    method: "Refresh",
    message: async (world) => ({ clientId: "cli", refreshToken: await handleFor(world, "cli"), scopes: ["openid"] }),
    expected: (world) => tokenSet(world, { scopes: ["openid"] }),
  },
  {
    name: "a service refreshes with the provider's own token",
    as: "backend",
    method: "Refresh",
    message: async (world) => ({ provider: "main", refreshToken: await handleFor(world, "backend") }),
    expected: (world) => tokenSet(world, rawRefreshToken),
  },
  {
    name: "a page ends its handle",
    as: "web",
    method: "Revoke",
    message: async (world) => ({ clientId: "web", token: { value: await handleFor(world, "web") } }),
    expected: ended,
  },
  {
    name: "a command-line tool ends its handle, and says what it is",
    as: "cli",
    method: "Revoke",
    message: async (world) => ({ clientId: "cli", token: { value: await handleFor(world, "cli"), type: refreshTokenType } }),
    expected: ended,
  },
  {
    name: "a service ends the provider's own refresh token",
    as: "backend",
    method: "Revoke",
    message: async (world) => ({ provider: "main", token: { value: await handleFor(world, "backend"), type: refreshTokenType } }),
    expected: ended,
  },
  {
    name: "a service ends an access token",
    as: "backend",
    method: "Revoke",
    message: async ({ usual }) => ({ token: { value: await usual.token() } }),
    expected: ended,
  },
  {
    name: "a token that nobody here knows has ended already",
    as: "cli",
    method: "Revoke",
    message: () => ({ clientId: "cli", provider: "main", token: { value: "not-a-token-of-anybody" } }),
    expected: ended,
  },
];
