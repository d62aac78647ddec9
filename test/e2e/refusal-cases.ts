// The part of the protocol table in which Cambio itself refuses sign-ins, codes and refresh tokens.

import { backendRedirectUri, page, pageRedirectUri } from "../support/fake-stack.ts";
import {
  type Case,
  codeCase,
  exchangeOf,
  handleFor,
  pageUrl,
  refreshTokenType,
  strange,
  strangeCode,
  strangeVerifier,
  urlCase,
} from "./protocol-case.ts";

export const refusalCases: readonly Case[] = [
  { ...codeCase, name: "nothing to swap", message: () => ({ clientId: "web", provider: "main" }), expected: "MALFORMED_REQUEST" },
  {
    ...codeCase,
    name: "several providers and none named",
    message: () => ({ ...strange, provider: "" }),
    expected: "MALFORMED_REQUEST",
  },
  {
    ...codeCase,
    name: "more than 64 KiB",
    message: () => ({
      ...strange,
      authorizationCode: { code: "x".repeat(70_000), redirectUri: pageRedirectUri, codeVerifier: strangeVerifier },
    }),
    expected: "MESSAGE_TOO_LARGE",
    route: true,
  },
  {
    ...codeCase,
    name: "a client that does not exist",
    message: () => ({ ...strange, clientId: "nobody" }),
    expected: "CALLER_UNAUTHENTICATED",
  },
  {
    ...codeCase,
    name: "a service's name without its proof",
    message: () => ({ ...strange, clientId: "backend" }),
    expected: "CALLER_UNAUTHENTICATED",
  },
  {
    ...urlCase,
    as: "backend",
    name: "a wrong secret",
    headers: { authorization: `Basic ${Buffer.from("backend:wrong").toString("base64")}` },
    message: () => ({ provider: "main" }),
    expected: "CALLER_UNAUTHENTICATED",
  },
  { name: "a method that is not the service's", as: "orders", method: "Exchange", message: () => ({}), expected: "CALLER_NOT_ALLOWED" },
  {
    ...urlCase,
    as: "cli",
    name: "a provider that is not the client's",
    message: () => ({ clientId: "cli", provider: "corporate" }),
    expected: "CALLER_NOT_ALLOWED",
  },
  {
    ...urlCase,
    as: "web",
    name: "a page of another origin",
    headers: { origin: "https://evil.example" },
    message: () => pageUrl,
    expected: "ORIGIN_NOT_ALLOWED",
  },
  {
    ...codeCase,
    name: "a code from a page of another origin",
    headers: { origin: "null" },
    message: () => strange,
    expected: "ORIGIN_NOT_ALLOWED",
    route: true,
  },
  {
    ...urlCase,
    as: "cli",
    name: "a page that plays the command-line tool",
    headers: { origin: page },
    message: () => ({ clientId: "cli" }),
    expected: "ORIGIN_NOT_ALLOWED",
  },
  {
    ...codeCase,
    name: "a redirect URI that only begins like a registered one",
    message: () => exchangeOf({ code: strangeCode, codeVerifier: strangeVerifier, redirectUri: `${pageRedirectUri}/../evil`, state: "" }),
    expected: "REDIRECT_URI_NOT_ALLOWED",
    route: true,
  },
  {
    ...urlCase,
    as: "backend",
    name: "a provider that does not exist",
    message: () => ({ provider: "nothing" }),
    expected: "PROVIDER_UNKNOWN",
  },
  {
    ...urlCase,
    as: "web",
    name: "a scope that is not the client's",
    message: () => ({ ...pageUrl, scopes: ["openid", "admin"] }),
    expected: "SCOPE_NOT_ALLOWED",
  },
  {
    ...urlCase,
    as: "backend",
    name: "an audience that is not the client's",
    message: () => ({ provider: "main", audiences: ["payroll"] }),
    expected: "TARGET_NOT_ALLOWED",
  },
  {
    ...codeCase,
    name: "a code a second time",
    message: async (world) => {
      const message = exchangeOf(await world.codeFor("web"));
      await world.usual.cambio.rpc("Exchange", message, { origin: page });
      return message;
    },
    expected: "GRANT_INVALID",
    route: true,
  },
  {
    ...codeCase,
    name: "a verifier that does not fit",
    message: async (world) => exchangeOf({ ...(await world.codeFor("web")), codeVerifier: strangeVerifier }),
    expected: "GRANT_INVALID",
    route: true,
  },
  {
    ...codeCase,
    name: "a code that was begun by another client",
    message: async (world) =>
      exchangeOf({ ...(await world.codeFor("backend")), codeVerifier: strangeVerifier, redirectUri: pageRedirectUri }),
    expected: "GRANT_INVALID",
    route: true,
  },
  {
    name: "a page with the provider's own refresh token",
    as: "web",
    method: "Refresh",
    message: async (world) => ({ clientId: "web", refreshToken: await handleFor(world, "backend") }),
    expected: "REAUTHENTICATION_REQUIRED",
  },
  {
    name: "a handle of another client",
    as: "cli",
    method: "Refresh",
    message: async (world) => ({ clientId: "cli", refreshToken: await handleFor(world, "web") }),
    expected: "REAUTHENTICATION_REQUIRED",
  },
  { ...codeCase, name: "a code while Redis is away", on: "storeless", message: () => strange, expected: "STORE_UNAVAILABLE", route: true },
  {
    ...urlCase,
    as: "backend",
    name: "a sign-in while Redis is away",
    on: "storeless",
    message: () => ({ redirectUri: backendRedirectUri }),
    expected: "STORE_UNAVAILABLE",
  },
  {
    ...codeCase,
    name: "a call that takes longer than it may",
    on: "hasty",
    message: () => strange,
    expected: "DEADLINE_EXCEEDED",
    route: true,
  },
  {
    ...codeCase,
    name: "a second call in the second of a client that has one",
    on: "strict",
    message: async ({ strict }) => {
      await strict.cambio.rpc("Refresh", { clientId: "web", refreshToken: "anything" }, { origin: page });
      return strange;
    },
    expected: "RATE_LIMITED",
    route: true,
  },
  { ...codeCase, name: "a call for which there is no place", on: "full", message: () => strange, expected: "OVERLOADED", route: true },
  {
    ...codeCase,
    name: "a code that cannot be put on record",
    on: "mute",
    message: () => strange,
    expected: "AUDIT_UNAVAILABLE",
    route: true,
  },
  {
    name: "an ending that cannot be put on record",
    as: "backend",
    method: "Revoke",
    on: "mute",
    message: () => ({ provider: "main", token: { value: "refresh-anything", type: refreshTokenType } }),
    expected: "AUDIT_UNAVAILABLE",
  },
  {
    name: "a token that was revoked",
    as: "orders",
    method: "ValidateCrossClient",
    message: async ({ usual }) => {
      const value = await usual.token();
      await usual.cambio.rpc("Revoke", { provider: "main", token: { value } }, { authorization: usual.authorization("backend") });
      return { token: { value } };
    },
    expected: "TOKEN_REVOKED",
  },
  {
    name: "a handle that was revoked",
    as: "web",
    method: "Refresh",
    message: async (world) => {
      const refreshToken = await handleFor(world, "web");
      await world.usual.cambio.rpc("Revoke", { clientId: "web", token: { value: refreshToken } }, { origin: page });
      return { clientId: "web", refreshToken };
    },
    expected: "REAUTHENTICATION_REQUIRED",
  },
  { name: "nothing to end", as: "web", method: "Revoke", message: () => ({ clientId: "web" }), expected: "MALFORMED_REQUEST" },
  {
    name: "an ending asked for in the name of a service",
    as: "cli",
    method: "Revoke",
    message: () => ({ clientId: "backend", token: { value: "anything" } }),
    expected: "CALLER_UNAUTHENTICATED",
  },
];
