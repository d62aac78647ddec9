// One table of calls for every protocol: codes, handles and addresses. Validations are in validation-cases.ts.

import type { JsonObject } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { Method } from "../../src/exchange/clients.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { backendRedirectUri, type FakeCode, page, pageRedirectUri } from "../support/fake-stack.ts";
import type { CodeClient, FailingProvider, StackName, World } from "./protocol-world.ts";

export type Role = "web" | "cli" | "backend" | "orders";

export interface Case {
  readonly name: string;
  readonly as: Role;
  readonly method: Method;
  /** Headers instead of those that the role sends. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly on?: StackName;
  readonly message: (world: World) => JsonObject | Promise<JsonObject>;
  /** What the answer contains at least, or why there is none. */
  readonly expected: ((world: World) => object) | Reason;
  /** The instant in the error. */
  readonly expiredAt?: (world: World) => number;
  /** The plain HTTP route answers the same. */
  readonly route?: true;
}

const codeCase = { as: "web", method: "Exchange" } as const;
const urlCase = { method: "CreateAuthorizationUrl" } as const;

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/** A proper one that fits no challenge. */
const strangeVerifier = "strange-verifier-strange-verifier-strange-verifier";
const strangeCode = "strange-code-strange-code";

const pageUrl = { clientId: "web", provider: "main", redirectUri: pageRedirectUri, codeChallenge: challenge };

function exchangeOf({ code, codeVerifier, redirectUri, state }: FakeCode, clientId = "web", provider = "main"): JsonObject {
  return { clientId, provider, authorizationCode: { code, codeVerifier, redirectUri, state } };
}

const strange = exchangeOf({ code: strangeCode, codeVerifier: strangeVerifier, redirectUri: pageRedirectUri, state: "" });

async function handleFor(world: World, client: CodeClient): Promise<string> {
  const { usual } = world;
  const headers = { web: { origin: page }, cli: {}, backend: { authorization: usual.authorization("backend") } }[client];
  const message = exchangeOf(await world.codeFor(client), client === "backend" ? "" : client);
  const { body } = await usual.cambio.rpc("Exchange", message, headers as Record<string, string>);
  return (body["tokens"] as { readonly refreshToken: string }).refreshToken;
}

const tokenSet = ({ usual }: World, more: object = {}) => ({
  tokens: {
    accessToken: expect.stringMatching(/^ey[^.]+\.[^.]+\.[^.]+$/),
    tokenType: "Bearer",
    expiresIn: 3600,
    expiresAt: new Date(usual.time.nowMs + 3_600_000).toISOString().replace(".000Z", "Z"),
    refreshToken: expect.stringMatching(/^cambio_rh_|^cambio/),
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

const succeeding: readonly Case[] = [
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
];

const refusedByCambio: readonly Case[] = [
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
];

/** The next answer of the healthy provider's token endpoint is this one. */
const answering =
  (fault: Parameters<World["usual"]["provider"]["faults"]["next"]>[1], message: (world: World) => Promise<JsonObject>) =>
  (world: World) => {
    world.usual.provider.faults.next("token", fault);
    return message(world);
  };
const freshCode = async (world: World) => exchangeOf(await world.codeFor("web"));
const freshHandle = async (world: World) => ({ provider: "main", refreshToken: "refresh-that-only-the-provider-knows" });

const beginningAt = (provider: FailingProvider): Pick<Case, "method" | "as" | "message"> => ({
  ...urlCase,
  as: "web",
  message: () => ({ ...pageUrl, provider }),
});

const failedUpstream: readonly Case[] = [
  { name: "a provider that is down", ...beginningAt("away"), expected: "UPSTREAM_UNAVAILABLE" },
  { name: "a provider that answers with a page", ...beginningAt("nonsense"), expected: "UPSTREAM_INVALID_RESPONSE" },
  { name: "a provider that does not answer in time", ...beginningAt("slow"), expected: "UPSTREAM_TIMEOUT" },
  { name: "a provider that asks for a pause", ...beginningAt("busy"), expected: "UPSTREAM_RATE_LIMITED" },
  {
    ...codeCase,
    name: "a code at a provider that is down",
    message: () => ({ ...strange, provider: "away" }),
    expected: "UPSTREAM_UNAVAILABLE",
  },
  { ...codeCase, name: "a code that the provider does not know", message: () => strange, expected: "GRANT_INVALID" },
  {
    ...codeCase,
    name: "a provider that hangs up on a code",
    message: answering({ kind: "reset" }, freshCode),
    expected: "OUTCOME_UNKNOWN",
    route: true,
  },
  {
    ...codeCase,
    name: "a provider that answers a code with nonsense",
    message: answering({ kind: "html" }, freshCode),
    expected: "OUTCOME_UNKNOWN",
    route: true,
  },
  {
    ...codeCase,
    name: "a provider that refuses Cambio's own credentials",
    message: answering({ kind: "status", status: 401, body: { error: "invalid_client" } }, freshCode),
    expected: "UPSTREAM_REJECTED_CLIENT",
    route: true,
  },
  {
    ...codeCase,
    name: "a provider that asks for a pause before it looks at a code",
    message: answering({ kind: "status", status: 429 }, freshCode),
    expected: "UPSTREAM_RATE_LIMITED",
    route: true,
  },
  {
    name: "a refresh token that the provider does not know",
    as: "backend",
    method: "Refresh",
    message: freshHandle,
    expected: "REAUTHENTICATION_REQUIRED",
  },
  {
    name: "a provider that refuses a refresh without saying why",
    as: "backend",
    method: "Refresh",
    message: answering({ kind: "status", status: 400, body: { error: "invalid_request" } }, freshHandle),
    expected: "UPSTREAM_INVALID_RESPONSE",
  },
];

export const codeCases: readonly Case[] = [...succeeding, ...refusedByCambio, ...failedUpstream];
