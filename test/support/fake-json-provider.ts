// A strict fake of a provider whose token endpoint takes JSON only: the body of the code request also carries `state`, refresh tokens are
// single-use, tokens are opaque, 429 occurs at the token endpoint itself, and `/me` says who the user is. What it can be told and asked:
// fake-upstream.ts; `jsonRateLimit` makes its 429, for the fault script. It is a public client's provider, unless a secret is given.

import type { FakeGrantTimes } from "./fake-upstream-grants.ts";
import type { BodyRule } from "./fake-upstream-body.ts";
import type { UpstreamCall, UpstreamReply } from "./fake-upstream-server.ts";
import type { Refusal, TokenRules } from "./fake-upstream-token.ts";
import { type FakeUpstream, startFakeUpstream, type UpstreamAddresses, type UpstreamParts } from "./fake-upstream.ts";
import type { Fault } from "./faults.ts";

export interface FakeJsonUser {
  readonly id: string;
  readonly login: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly avatar: string | null;
}

export interface FakeJsonProviderOptions {
  readonly users?: readonly FakeJsonUser[];
  readonly redirectUris?: readonly string[];
  /** Sent as a member of the body. Default: a public client. */
  readonly secret?: string;
  /** Default: required. */
  readonly pkce?: "required" | "optional";
  /** Seconds. Default: 8 hours. */
  readonly expiresIn?: number;
  /** False: its answers carry no `token_type`. */
  readonly tokenType?: boolean;
  readonly times?: Partial<FakeGrantTimes>;
  readonly clock?: () => number;
}

export interface FakeJsonProvider extends FakeUpstream<FakeJsonUser> {
  readonly endpoints: UpstreamAddresses & { readonly user: string };
}

export const usualJsonUser: FakeJsonUser = {
  id: "user_01",
  login: "grace",
  name: "Grace",
  email: "grace@example.com",
  avatar: "https://cdn.example.com/grace.png",
};

export function jsonRateLimit(seconds: number): Fault {
  const headers = { "retry-after": String(seconds) };
  return { kind: "status", status: 429, body: errorBody("rate_limit_error"), headers };
}

export async function startFakeJsonProvider(options: FakeJsonProviderOptions = {}): Promise<FakeJsonProvider> {
  const clock = options.clock ?? Date.now;
  const expiresIn = options.expiresIn ?? 28_800;
  const secret = options.secret === undefined ? {} : { secret: options.secret };

  const upstream = await startFakeUpstream<FakeJsonUser>({
    title: "JSON provider",
    paths: { "/authorize": "authorize", "/token": "token", "/revoke": "revocation", "/me": "user" },
    authorization: {
      required: ["state"],
      optional: ["code", "prompt"],
      scopes: ["user:profile", "user:inference"],
      pkce: options.pkce ?? "required",
    },
    times: { codeMs: 600_000, accessMs: expiresIn * 1_000, ...options.times },
    clients: [{ id: "json-client", ...secret, redirectUris: options.redirectUris ?? ["https://app.example/callback"] }],
    users: options.users ?? [usualJsonUser],
    makeUser: (id) => ({ ...usualJsonUser, id, login: `login-${id}`, email: `${encodeURIComponent(id)}@example.com` }),
    labelOf: ({ login }) => login,
    tokenRules: (parts) => rulesOf(parts, { ...options, expiresIn }),
    answer: answerUser,
    clock,
  });
  return { ...upstream, endpoints: { ...upstream.endpoints, user: `${upstream.origin}/me` } };
}

function rulesOf(
  { grants }: UpstreamParts<FakeJsonUser>,
  { secret, pkce, expiresIn, tokenType = true }: FakeJsonProviderOptions & { readonly expiresIn: number },
): TokenRules {
  const json = (required: readonly string[], optional: readonly string[] = []): BodyRule => ({
    format: "json",
    required: ["client_id", ...required, ...(secret === undefined ? [] : ["client_secret"])],
    optional,
  });
  const verifier = ["code_verifier"];
  const code = ["grant_type", "code", "redirect_uri", "state"];
  return {
    code: pkce === "optional" ? json(code, verifier) : json([...code, ...verifier]),
    refresh: json(["grant_type", "refresh_token"], ["scope"]),
    revocation: json(["token"], ["token_type_hint"]),
    authentication: ["body"],
    refuse,
    tokens: (authorization) => ({
      ...(tokenType ? { token_type: "Bearer" } : {}),
      access_token: grants.issueAccessToken(authorization),
      expires_in: expiresIn,
      refresh_token: grants.issueRefreshToken(authorization),
      scope: authorization.scopes.join(" "),
    }),
  };
}

function refuse(refusal: Refusal): UpstreamReply {
  if (refusal.kind === "client") return { status: 401, body: { error: "invalid_client", error_description: "canary-description" } };
  if (refusal.kind === "grant-type") return { status: 400, body: { error: "unsupported_grant_type" } };
  if (refusal.kind === "request") return { status: 400, body: errorBody("invalid_request_error") };
  return { status: 400, body: { error: "invalid_grant", error_description: "canary-description" } };
}

function errorBody(type: string): Readonly<Record<string, unknown>> {
  return { type: "error", error: { type, message: "canary-description" } };
}

function answerUser(call: UpstreamCall, { bearer, userOf }: UpstreamParts<FakeJsonUser>): UpstreamReply {
  const authorization = call.method === "GET" ? bearer(call) : undefined;
  if (authorization === undefined) return { status: 401, body: errorBody("authentication_error") };
  const { id, login, name, email, avatar } = userOf(authorization);
  return { status: 200, body: { account: { id, login, display: { name }, avatar }, contact: { email, verified: email !== null } } };
}
