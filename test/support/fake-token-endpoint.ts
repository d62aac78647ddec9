// The token, revocation and introspection endpoints of the fake provider: stricter than any real one, so that nothing sloppy passes by luck.
// Everything that a careful reader of RFC 6749, 7009, 7662 and 8693 would object to is a violation, kept for the test to look at.

import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { URLSearchParams } from "node:url";

export interface FakeClient {
  readonly id: string;
  readonly secret?: string;
  readonly authentication: "basic" | "post" | "none";
}

export interface IssuedGrant {
  readonly clientId: string;
  readonly subject: string;
  readonly redirectUri: string;
  readonly scope: string;
  readonly resources: readonly string[];
  readonly nonce: string | undefined;
  readonly codeChallenge: string | undefined;
}

/** What it knows of an access token that is still good. */
export type TokenFacts = Readonly<Record<string, unknown>>;

export type TokenDecision =
  | { readonly kind: "granted"; readonly by: "code" | "refresh"; readonly grant: IssuedGrant; readonly scope: string }
  | {
      readonly kind: "exchanged";
      readonly grant: IssuedGrant;
      readonly scope: string;
      readonly subjectToken: TokenFacts;
      readonly requested: string;
    }
  | Refused;

export type RevocationDecision = { readonly kind: "revoked" } | Refused;

export type IntrospectionDecision = { readonly kind: "told"; readonly about: TokenFacts | undefined } | Refused;

interface Refused {
  readonly kind: "refused";
  readonly status: number;
  readonly error: string;
}

const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;

const common = ["grant_type", "client_id", "client_secret"];
const allowedParameters: Readonly<Record<string, readonly string[]>> = {
  authorization_code: [...common, "code", "redirect_uri", "code_verifier", "resource"],
  refresh_token: [...common, "refresh_token", "scope"],
  [exchangeGrant]: [...common, "subject_token", "subject_token_type", "requested_token_type", "resource", "audience", "scope"],
};
const repeatable = ["resource", "audience"];
/** Of introspection as well. */
const revocationParameters = ["client_id", "client_secret", "token", "token_type_hint"];

/** @param factsOf undefined: it is no token, or none that is still good */
export function createFakeTokenEndpoint(clients: readonly FakeClient[], factsOf: (token: string) => TokenFacts | undefined) {
  const codes = new Map<string, IssuedGrant>();
  const refreshTokens = new Map<string, IssuedGrant>();
  const revoked: string[] = [];
  const violations: string[] = [];

  function decide(request: IncomingMessage, body: string): TokenDecision {
    const form = new URLSearchParams(body);
    const client = asking(request, form, allowedParameters[form.get("grant_type") ?? ""] ?? common);
    if ("kind" in client) return client;
    if (form.get("grant_type") === exchangeGrant) return exchange(client, form);
    return form.get("grant_type") === "refresh_token" ? refresh(client, form) : redeem(client, form);
  }

  /** RFC 8693 §2.1: for whom it is asked, with no scope beyond those of the subject token. */
  function exchange(client: FakeClient, form: URLSearchParams): TokenDecision {
    const subjectToken = factsOf(form.get("subject_token") ?? "");
    const requested = form.get("requested_token_type") ?? "";
    const resources = repeatable.flatMap((name) => form.getAll(name));
    if (subjectToken === undefined || form.get("subject_token_type") !== tokenType("access_token")) return refuse("invalid_request");
    if (!["access_token", "refresh_token"].map(tokenType).includes(requested)) return refuse("invalid_request");
    if (resources.length === 0) return refuse("invalid_target");
    const had = String(subjectToken["scope"]);
    const scope = form.get("scope") ?? had;
    if (scope.split(" ").some((part) => !had.split(" ").includes(part))) return refuse("invalid_scope");
    const none = { redirectUri: "", nonce: undefined, codeChallenge: undefined };
    const grant = { ...none, clientId: client.id, subject: String(subjectToken["sub"]), scope, resources };
    return { kind: "exchanged", grant, scope, subjectToken, requested };
  }

  /** RFC 7662 §2.1. */
  function introspect(request: IncomingMessage, body: string): IntrospectionDecision {
    const form = new URLSearchParams(body);
    const client = asking(request, form, revocationParameters);
    if ("kind" in client) return client;
    return { kind: "told", about: factsOf(form.get("token") ?? "") };
  }

  /** RFC 7009 §2.1: a token that is not known, or is another client's, is answered as one that was ended. */
  function revoke(request: IncomingMessage, body: string): RevocationDecision {
    const form = new URLSearchParams(body);
    const client = asking(request, form, revocationParameters);
    if ("kind" in client) return client;
    const token = form.get("token") ?? "";
    if (token === "") return refuse("invalid_request");
    revoked.push(token);
    if (refreshTokens.get(token)?.clientId === client.id) refreshTokens.delete(token);
    return { kind: "revoked" };
  }

  /** The client that asks properly, or why it is refused. */
  function asking(request: IncomingMessage, form: URLSearchParams, allowed: readonly string[]): FakeClient | Refused {
    const found = objections(request, form, allowed);
    violations.push(...found);
    if (found.length > 0) return refuse("invalid_request");
    return authenticated(request, form) ?? refuse("invalid_client", 401);
  }

  function authenticated(request: IncomingMessage, form: URLSearchParams): FakeClient | undefined {
    const basic = readBasic(request.headers.authorization);
    const id = basic?.id ?? form.get("client_id");
    const client = clients.find((candidate) => candidate.id === id);
    if (client === undefined) return undefined;
    const presented = { basic: basic?.secret, post: form.get("client_secret") ?? undefined, none: undefined }[client.authentication];
    const others = client.authentication === "basic" ? form.has("client_secret") : basic !== undefined;
    return !others && presented === client.secret ? client : undefined;
  }

  function redeem(client: FakeClient, form: URLSearchParams): TokenDecision {
    const code = form.get("code") ?? "";
    const grant = codes.get(code);
    codes.delete(code);
    if (grant === undefined || grant.clientId !== client.id || grant.redirectUri !== form.get("redirect_uri"))
      return refuse("invalid_grant");
    const verifier = form.get("code_verifier") ?? undefined;
    const challenge = verifier === undefined ? undefined : createHash("sha256").update(verifier).digest("base64url");
    if (challenge !== grant.codeChallenge) return refuse("invalid_grant");
    if (form.getAll("resource").some((resource) => !grant.resources.includes(resource))) return refuse("invalid_target");
    return { kind: "granted", by: "code", grant, scope: grant.scope };
  }

  function refresh(client: FakeClient, form: URLSearchParams): TokenDecision {
    const token = form.get("refresh_token") ?? "";
    const grant = refreshTokens.get(token);
    refreshTokens.delete(token);
    if (grant === undefined || grant.clientId !== client.id) return refuse("invalid_grant");
    const scope = form.get("scope") ?? grant.scope;
    const granted = grant.scope.split(" ");
    if (scope.split(" ").some((part) => !granted.includes(part))) return refuse("invalid_scope");
    return { kind: "granted", by: "refresh", grant, scope };
  }

  return {
    decide,
    revoke,
    introspect,
    /** Every token that was given up, in order. */
    revoked,
    violations,
    issueCode(grant: IssuedGrant): string {
      const code = `code-${randomUUID()}`;
      codes.set(code, grant);
      return code;
    },
    issueRefreshToken(grant: IssuedGrant): string {
      const token = `refresh-${randomUUID()}`;
      refreshTokens.set(token, grant);
      return token;
    },
  };
}

function objections(request: IncomingMessage, form: URLSearchParams, allowed: readonly string[]): string[] {
  const found: string[] = [];
  if (request.method !== "POST") found.push(`method ${request.method}`);
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/x-www-form-urlencoded(; ?charset=utf-8)?$/i.test(type)) found.push(`content-type ${type}`);
  if (request.url?.includes("?") === true) found.push("parameters in the address");
  if (!(request.headers.accept ?? "").includes("application/json")) found.push("does not accept JSON");
  for (const name of new Set(form.keys())) {
    if (!allowed.includes(name)) found.push(`unknown parameter ${name}`);
    if (!repeatable.includes(name) && form.getAll(name).length > 1) found.push(`repeated parameter ${name}`);
  }
  if (request.headers.authorization !== undefined && form.has("client_secret")) found.push("two client authentications");
  return found;
}

function refuse(error: string, status = 400): Refused {
  return { kind: "refused", status, error };
}

/** RFC 6749 §2.3.1: each part form-encoded, then joined, then base64. */
export function readBasic(header: string | undefined): { readonly id: string; readonly secret: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const parts = Buffer.from(encoded, "base64").toString("latin1").split(":");
  const [id, secret] = parts.map((part) => decodeURIComponent(part.replaceAll("+", " ")));
  return parts.length === 2 && id !== undefined && secret !== undefined ? { id, secret } : undefined;
}
