// A strict fake of Discord's OAuth2 and `/users/@me`: forms only, client by form or Basic, single-use codes of 100 s, every refresh
// rotates, revoking any token ends the authorization, 401 bodies and rate limits in Discord's own shape, and the ban of an address that
// draws too many of them. What it can be told and asked: fake-upstream.ts. `discordRateLimit` makes its 429, for the fault script;
// `banned()` says whether the address is banned.

import { createFakeBan } from "./fake-discord-ban.ts";
import type { BodyRule } from "./fake-upstream-body.ts";
import type { FakeUpstreamClient } from "./fake-upstream-consent.ts";
import type { FakeGrantTimes } from "./fake-upstream-grants.ts";
import type { UpstreamCall, UpstreamReply } from "./fake-upstream-server.ts";
import { type Refusal, type TokenRules } from "./fake-upstream-token.ts";
import { type FakeUpstream, startFakeUpstream, type UpstreamAddresses, type UpstreamParts } from "./fake-upstream.ts";
import type { Fault } from "./faults.ts";

export interface FakeDiscordUser {
  /** A snowflake. */
  readonly id: string;
  readonly username: string;
  readonly global_name: string | null;
  readonly email: string | null;
  readonly verified: boolean;
  /** A hash; `a_…` for an animated one. */
  readonly avatar: string | null;
}

export interface FakeDiscordOptions {
  readonly clients?: readonly FakeUpstreamClient[];
  readonly users?: readonly FakeDiscordUser[];
  /** Where users may be sent back to, for the usual client. */
  readonly redirectUris?: readonly string[];
  /** Seconds. Default: 604800. */
  readonly expiresIn?: number;
  readonly times?: Partial<FakeGrantTimes>;
  /** So many answers of 401, 403 and 429 within ten minutes ban the address. Default: 10000. */
  readonly banAfter?: number;
  /** Status of a refused code. Default: 400, which no ban counts. */
  readonly refusedCode?: 400 | 401;
  readonly clock?: () => number;
}

export interface FakeDiscord extends FakeUpstream<FakeDiscordUser> {
  readonly endpoints: UpstreamAddresses & { readonly user: string };
  banned(): boolean;
  /** Answers of 401, 403 and 429 within the last ten minutes. */
  badAnswers(): number;
}

export const usualDiscordUser: FakeDiscordUser = {
  id: "80351110224678912",
  username: "nelly",
  global_name: "Nelly",
  email: "nelly@example.com",
  verified: true,
  avatar: "8342729096ea3675442027381ff50dfe",
};

const client = ["client_id"];
const form = (required: readonly string[]): BodyRule => ({
  format: "form",
  required: [...client, ...required],
  optional: ["client_secret"],
});

/** Its 429: `retry_after` is in seconds and may be a fraction, the header is rounded up. */
export function discordRateLimit(seconds: number, global = false): Fault {
  return {
    kind: "status",
    status: 429,
    body: { message: "You are being rate limited.", retry_after: seconds, global },
    headers: {
      "retry-after": String(Math.ceil(seconds)),
      "x-ratelimit-scope": global ? "global" : "user",
      ...(global ? { "x-ratelimit-global": "true" } : {}),
    },
  };
}

export async function startFakeDiscord(options: FakeDiscordOptions = {}): Promise<FakeDiscord> {
  const clock = options.clock ?? Date.now;
  const expiresIn = options.expiresIn ?? 604_800;
  const ban = createFakeBan(options.banAfter ?? 10_000, clock);
  const usual = {
    id: "157730590492196864",
    secret: "dc-s3cret/+: %&=~",
    redirectUris: options.redirectUris ?? ["https://app.example/callback"],
  };

  const upstream = await startFakeUpstream<FakeDiscordUser>({
    title: "Discord",
    paths: {
      "/oauth2/authorize": "authorize",
      "/api/oauth2/token": "token",
      "/api/oauth2/token/revoke": "revocation",
      "/api/users/@me": "user",
    },
    authorization: { required: [], optional: ["state", "prompt"], scopes: ["identify", "email"], pkce: "optional" },
    times: { codeMs: 100_000, accessMs: expiresIn * 1_000, ...options.times },
    clients: options.clients ?? [usual],
    users: options.users ?? [usualDiscordUser],
    makeUser: (id) => ({ ...usualDiscordUser, id, username: `user-${id}`, email: `user-${id}@example.com`, avatar: null }),
    labelOf: ({ global_name, username }) => global_name ?? username,
    tokenRules: (parts) => rulesOf(parts, { expiresIn, refusedCode: options.refusedCode ?? 400 }),
    answer: (call, parts) => answerUser(call, parts),
    before: (call, { violations }) => ban.refusal() ?? refusedWithoutUserAgent(call, violations),
    answers: ban.note,
    clock,
  });
  return {
    ...upstream,
    endpoints: { ...upstream.endpoints, user: `${upstream.origin}/api/users/@me` },
    banned: ban.banned,
    badAnswers: ban.count,
  };
}

interface Answering {
  /** Seconds. */
  readonly expiresIn: number;
  readonly refusedCode: number;
}

function rulesOf({ grants }: UpstreamParts<FakeDiscordUser>, { expiresIn, refusedCode }: Answering): TokenRules {
  const code = form(["grant_type", "code", "redirect_uri"]);
  const revocation = form(["token"]);
  return {
    code: { ...code, optional: [...code.optional, "code_verifier"] },
    refresh: form(["grant_type", "refresh_token"]),
    revocation: { ...revocation, optional: [...revocation.optional, "token_type_hint"] },
    authentication: ["body", "basic"],
    refuse: (refusal) => refuse(refusal, refusedCode),
    tokens: (authorization) => ({
      token_type: "Bearer",
      access_token: grants.issueAccessToken(authorization),
      expires_in: expiresIn,
      refresh_token: grants.issueRefreshToken(authorization),
      scope: authorization.scopes.join(" "),
    }),
  };
}

/** What stands in front of Discord lets nobody pass who does not say what he is. */
function refusedWithoutUserAgent({ headers }: UpstreamCall, violations: string[]): UpstreamReply | undefined {
  if (headers["user-agent"] !== undefined) return undefined;
  violations.push("no user-agent");
  return { status: 403, body: "<!doctype html><title>Access denied</title><h1>Error 1010</h1>" };
}

function refuse(refusal: Refusal, refusedCode: number): UpstreamReply {
  if (refusal.kind === "client") return { status: 401, body: { error: "invalid_client" } };
  if (refusal.kind === "grant-type") return { status: 400, body: { error: "unsupported_grant_type" } };
  if (refusal.kind === "request") return { status: 400, body: { error: "invalid_request", error_description: "canary-description" } };
  return {
    status: refusal.kind === "code" ? refusedCode : 400,
    body: { error: "invalid_grant", ...(refusal.kind === "code" ? { error_description: 'Invalid "code" in request.' } : {}) },
  };
}

function answerUser(call: UpstreamCall, { bearer, userOf }: UpstreamParts<FakeDiscordUser>): UpstreamReply {
  if (call.method !== "GET") return { status: 405, body: { message: "405: Method Not Allowed", code: 0 } };
  const authorization = bearer(call);
  if (authorization === undefined) return { status: 401, body: { message: "401: Unauthorized", code: 0 } };
  if (!authorization.scopes.includes("identify")) return { status: 403, body: { message: "Missing Access", code: 50_001 } };
  const { email, verified, ...user } = userOf(authorization);
  const shown = {
    ...user,
    discriminator: "0",
    public_flags: 0,
    flags: 0,
    banner: null,
    accent_color: null,
    mfa_enabled: false,
    locale: "en-US",
  };
  return { status: 200, body: { ...shown, ...(authorization.scopes.includes("email") ? { email, verified } : {}) } };
}
