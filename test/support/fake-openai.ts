// A strict fake of auth.openai.com as its command-line client uses it: a public client with S256 and no secret, the code as a form, the
// refresh as JSON, the revocation as JSON, single-use refresh tokens, and errors that are objects. What it can be told and asked:
// fake-upstream.ts. Quirks are faults of the token endpoint: `without("id_token")` for an answer that leaves members out,
// `openAiError("refresh_token_expired")` for its errors, whose `error` is an object or, with "string", a string.

import type { BodyRule } from "./fake-upstream-body.ts";
import type { FakeAuthorization, FakeGrantTimes, Unusable } from "./fake-upstream-grants.ts";
import { idTokenClaims, accessTokenClaims } from "./fake-openai-claims.ts";
import type { UpstreamCall, UpstreamFault, UpstreamReply } from "./fake-upstream-server.ts";
import type { Refusal, TokenRules } from "./fake-upstream-token.ts";
import { type FakeUpstream, startFakeUpstream, type UpstreamAddresses, type UpstreamParts } from "./fake-upstream.ts";
import type { Fault } from "./faults.ts";
import { createSigningKeys, type SigningKeys } from "./signing-keys.ts";

export interface FakeOpenAiUser {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly accountId: string;
  readonly plan: string;
}

export interface FakeOpenAiOptions {
  readonly users?: readonly FakeOpenAiUser[];
  /** Beside the two that are registered for its command-line client. */
  readonly redirectUris?: readonly string[];
  /** Seconds. Default: ten days. */
  readonly expiresIn?: number;
  readonly times?: Partial<FakeGrantTimes>;
  readonly clock?: () => number;
}

export interface FakeOpenAi extends FakeUpstream<FakeOpenAiUser> {
  readonly endpoints: UpstreamAddresses & { readonly jwks: string };
  /** Something that an access token opens. */
  readonly resource: string;
  readonly issuer: string;
  readonly keys: SigningKeys;
}

export const openAiClientId = "app_EMoamEEZ73f0CkXaXp7hrann";

export const usualOpenAiUser: FakeOpenAiUser = {
  id: "auth0|ada",
  name: "Ada",
  email: "ada@example.com",
  email_verified: true,
  accountId: "3f0f9f2c-1d3a-4c55-9d56-0a3a4d7f2b11",
  plan: "plus",
};

const registered = ["http://localhost:1455/auth/callback", "http://localhost:1457/auth/callback"];
const scopes = ["openid", "profile", "email", "offline_access"];
const extras = ["id_token_add_organizations", "codex_cli_simplified_flow", "originator", "nonce", "prompt"];

/** An answer without these members. Without `refresh_token`, the one that was presented stays good. */
export function without(...members: readonly ("access_token" | "id_token" | "refresh_token" | "expires_in")[]): UpstreamFault {
  return { kind: "changed", members: Object.fromEntries(members.map((name) => [name, undefined])) };
}

/** @param shape how `error` says it */
export function openAiError(code: string, shape: "object" | "string" = "object", status = 401): Fault {
  return { kind: "status", status, body: shape === "string" ? { error: code, error_description: "canary-description" } : errorBody(code) };
}

export async function startFakeOpenAi(options: FakeOpenAiOptions = {}): Promise<FakeOpenAi> {
  const clock = options.clock ?? Date.now;
  const expiresIn = options.expiresIn ?? 864_000;
  const keys = await createSigningKeys("openai");

  const upstream = await startFakeUpstream<FakeOpenAiUser>({
    title: "OpenAI",
    paths: {
      "/oauth/authorize": "authorize",
      "/oauth/token": "token",
      "/oauth/revoke": "revocation",
      "/v1/models": "resource",
      "/.well-known/jwks.json": "jwks",
      "/.well-known/openid-configuration": "discovery",
    },
    authorization: { required: ["state"], optional: extras, scopes, pkce: "required" },
    times: { codeMs: 300_000, accessMs: expiresIn * 1_000, ...options.times },
    clients: [{ id: openAiClientId, redirectUris: [...registered, ...(options.redirectUris ?? [])] }],
    users: options.users ?? [usualOpenAiUser],
    makeUser: (id) => ({ ...usualOpenAiUser, id, email: `${encodeURIComponent(id)}@example.com`, accountId: `account-${id}` }),
    labelOf: ({ email }) => email,
    tokenRules: (parts) => rulesOf(parts, { keys, expiresIn, clock }),
    answer: (call, parts) => answerPublic(call, parts, keys),
    clock,
  });
  const endpoints = { ...upstream.endpoints, jwks: `${upstream.origin}/.well-known/jwks.json` };
  return { ...upstream, endpoints, resource: `${upstream.origin}/v1/models`, issuer: upstream.origin, keys };
}

const codeBody: BodyRule = { format: "form", required: ["grant_type", "client_id", "code", "redirect_uri", "code_verifier"], optional: [] };
const refreshBody: BodyRule = { format: "json", required: ["grant_type", "client_id", "refresh_token"], optional: ["scope"] };
const revocationBody: BodyRule = { format: "json", required: ["client_id", "token"], optional: ["token_type_hint"] };

interface Signing {
  readonly keys: SigningKeys;
  /** Seconds. */
  readonly expiresIn: number;
  readonly clock: () => number;
}

function rulesOf(parts: UpstreamParts<FakeOpenAiUser>, { keys, expiresIn, clock }: Signing): TokenRules {
  const { grants, origin, userOf } = parts;

  async function tokens(authorization: FakeAuthorization): Promise<Record<string, unknown>> {
    const facts = { issuer: origin, authorization, user: userOf(authorization), now: Math.floor(clock() / 1_000), expiresIn };
    const accessToken = await keys.sign(accessTokenClaims(facts), { typ: "JWT" });
    const has = (scope: string): boolean => authorization.scopes.includes(scope);
    return {
      access_token: grants.issueAccessToken(authorization, accessToken),
      token_type: "Bearer",
      expires_in: expiresIn,
      ...(has("openid") ? { id_token: grants.noted(await keys.sign(idTokenClaims(facts), { typ: "JWT" })) } : {}),
      ...(has("offline_access") ? { refresh_token: grants.issueRefreshToken(authorization) } : {}),
      scope: authorization.scopes.join(" "),
    };
  }

  return { code: codeBody, refresh: refreshBody, revocation: revocationBody, authentication: ["body"], refuse, tokens };
}

const refreshErrors: Readonly<Record<Unusable, string>> = {
  unknown: "token_expired",
  used: "refresh_token_reused",
  expired: "refresh_token_expired",
  ended: "refresh_token_invalidated",
};

function refuse(refusal: Refusal): UpstreamReply {
  if (refusal.kind === "refresh") return { status: 401, body: errorBody(refreshErrors[refusal.why]) };
  if (refusal.kind === "client") return { status: 401, body: errorBody("invalid_client") };
  if (refusal.kind === "code") return { status: 400, body: errorBody("invalid_grant") };
  return { status: 400, body: errorBody(refusal.kind === "request" ? "invalid_request" : "unsupported_grant_type") };
}

function errorBody(code: string): Readonly<Record<string, unknown>> {
  return { error: { message: "canary-description", type: "invalid_request_error", param: null, code } };
}

function answerPublic(call: UpstreamCall, { origin, bearer }: UpstreamParts<FakeOpenAiUser>, keys: SigningKeys): UpstreamReply {
  if (call.endpoint === "resource") {
    const isGood = bearer(call) !== undefined;
    return isGood ? { status: 200, body: { object: "list", data: [] } } : { status: 401, body: errorBody("invalid_api_key") };
  }
  if (call.path.endsWith("jwks.json")) return { status: 200, body: keys.jwks() };
  return {
    status: 200,
    body: {
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      response_types_supported: ["code"],
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: ["none"],
    },
  };
}
