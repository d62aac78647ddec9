// The token and revocation endpoints that the strict fake providers share: who asks, in which format, for what. Each provider says by its
// rules which format and parameters it takes, how it refuses, and what its tokens look like.

import { createHash } from "node:crypto";
import { readBasic } from "./fake-token-endpoint.ts";
import { type BodyRule, objectionsTo } from "./fake-upstream-body.ts";
import type { FakeUpstreamClient } from "./fake-upstream-consent.ts";
import type { FakeAuthorization, FakeGrants, Unusable } from "./fake-upstream-grants.ts";
import type { UpstreamCall, UpstreamReply } from "./fake-upstream-server.ts";

export type Refusal =
  | { readonly kind: "request" | "client" | "grant-type" }
  | { readonly kind: "code"; readonly why: Unusable | "mismatch" }
  | { readonly kind: "refresh"; readonly why: Unusable };

export interface TokenRules {
  readonly code: BodyRule;
  readonly refresh: BodyRule;
  readonly revocation: BodyRule;
  /** Where a client's secret may stand; a client without one is a public client. */
  readonly authentication: readonly ("body" | "basic")[];
  refuse(refusal: Refusal): UpstreamReply;
  /** The members of the answer. */
  tokens(authorization: FakeAuthorization, by: "code" | "refresh"): Promise<Record<string, unknown>> | Record<string, unknown>;
}

interface TokenParts {
  readonly rules: TokenRules;
  readonly clients: readonly FakeUpstreamClient[];
  readonly grants: FakeGrants;
  readonly violations: string[];
}

export function createFakeTokens({ rules, clients, grants, violations }: TokenParts) {
  /** Every token that it was told of, in order. */
  const revoked: string[] = [];

  function answer(call: UpstreamCall): UpstreamReply | Promise<UpstreamReply> {
    const grantType = call.body?.["grant_type"];
    if (grantType === "refresh_token") return refresh(call);
    if (grantType === "authorization_code") return redeem(call);
    const objections = [...objectionsTo(call, rules.code), ...(call.body === undefined ? [] : ["grant_type is neither of the two"])];
    violations.push(...objections);
    return rules.refuse({ kind: call.body === undefined ? "request" : "grant-type" });
  }

  async function redeem(call: UpstreamCall): Promise<UpstreamReply> {
    const client = asking(call, rules.code);
    if ("status" in client) return client;
    const found = grants.redeem(member(call, "code") ?? "");
    if (found.kind === "bad") return rules.refuse({ kind: "code", why: found.why });
    const { authorization } = found;
    const mismatches = mismatchesOf(call, authorization);
    if (authorization.clientId !== client.id) mismatches.push("another client's code");
    violations.push(...mismatches);
    if (mismatches.length > 0) return rules.refuse({ kind: "code", why: "mismatch" });
    return { status: 200, body: await rules.tokens(authorization, "code") };
  }

  async function refresh(call: UpstreamCall): Promise<UpstreamReply> {
    const client = asking(call, rules.refresh);
    const token = member(call, "refresh_token") ?? "";
    if ("status" in client) {
      // Not looked at, and its sender was told why.
      if (token !== "") grants.turnedAway(token, true);
      return client;
    }
    if ((grants.of(token)?.clientId ?? client.id) !== client.id) return rules.refuse({ kind: "refresh", why: "unknown" });
    const found = grants.refresh(token, leavesRefreshToken(call));
    if (found.kind === "bad") return rules.refuse({ kind: "refresh", why: found.why });
    return { status: 200, body: await rules.tokens(found.authorization, "refresh") };
  }

  /** RFC 7009 §2.2: a token that is not known, or is another client's, is answered as one that was ended. */
  function revoke(call: UpstreamCall): UpstreamReply {
    const client = asking(call, rules.revocation);
    if ("status" in client) return client;
    const token = member(call, "token") ?? "";
    revoked.push(token);
    const authorization = grants.of(token);
    if (authorization?.clientId === client.id) authorization.ended = true;
    return { status: 200, body: {} };
  }

  /** The client that asks properly, or the refusal. */
  function asking(call: UpstreamCall, rule: BodyRule): FakeUpstreamClient | UpstreamReply {
    const basic = readBasic(call.headers.authorization);
    const objections = objectionsTo(call, withoutClientId(rule, basic !== undefined));
    if (call.headers.authorization !== undefined && !rules.authentication.includes("basic")) objections.push("an authorization header");
    if (basic !== undefined && call.body?.["client_secret"] !== undefined) objections.push("two client authentications");
    violations.push(...objections);
    if (objections.length > 0) return rules.refuse({ kind: "request" });
    const id = basic?.id ?? member(call, "client_id");
    const client = clients.find((candidate) => candidate.id === id);
    const secret = basic?.secret ?? member(call, "client_secret");
    const agrees = [undefined, id].includes(member(call, "client_id"));
    return client !== undefined && agrees && secret === client.secret ? client : rules.refuse({ kind: "client" });
  }

  return { answer, revoke, revoked };
}

function withoutClientId(rule: BodyRule, isElsewhere: boolean): BodyRule {
  if (!isElsewhere) return rule;
  return { ...rule, required: rule.required.filter((name) => name !== "client_id"), optional: [...rule.optional, "client_id"] };
}

/** RFC 6749 §4.1.3, RFC 7636 §4.6; `state` where the provider takes it. */
function mismatchesOf(call: UpstreamCall, authorization: FakeAuthorization): string[] {
  const verifier = member(call, "code_verifier");
  const challenge = verifier === undefined ? undefined : createHash("sha256").update(verifier).digest("base64url");
  const found: string[] = [];
  if (member(call, "redirect_uri") !== authorization.redirectUri) found.push("redirect_uri differs from the authorization's");
  if (verifier !== undefined && authorization.codeChallenge === undefined) found.push("code_verifier without a challenge");
  else if (challenge !== authorization.codeChallenge) found.push("code_verifier does not fit the challenge");
  if (verifier !== undefined && !/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) found.push("code_verifier has another form");
  if (member(call, "state") !== undefined && member(call, "state") !== authorization.state) found.push("state of another authorization");
  return found;
}

function leavesRefreshToken({ fault }: UpstreamCall): boolean {
  return fault?.kind === "changed" && Object.hasOwn(fault.members, "refresh_token") && fault.members["refresh_token"] === undefined;
}

export function member({ body }: UpstreamCall, name: string): string | undefined {
  const value = body?.[name];
  return typeof value === "string" ? value : undefined;
}
