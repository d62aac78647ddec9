// The authorization endpoint of a strict fake provider: a page with a real form, "Authorize" and "Cancel", that a browser can walk.
// Whom it does not know, or whose redirect URI is not registered byte for byte, gets a page and is never sent anywhere (RFC 6749 §4.1.2.1).

import { randomUUID } from "node:crypto";
import type { FakeAuthorizationRequest, FakeGrants } from "./fake-upstream-grants.ts";
import type { UpstreamCall, UpstreamReply } from "./fake-upstream-server.ts";

export interface FakeUpstreamClient {
  readonly id: string;
  readonly secret?: string;
  /** Where its users may be sent back to, byte for byte. */
  readonly redirectUris: readonly string[];
}

export interface AuthorizationRule {
  /** Beside response_type, client_id, redirect_uri and scope, which are always needed. */
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly scopes: readonly string[];
  readonly pkce: "required" | "optional";
}

interface ConsentParts {
  readonly title: string;
  readonly path: string;
  readonly rule: AuthorizationRule;
  readonly clients: readonly FakeUpstreamClient[];
  readonly grants: FakeGrants;
  readonly violations: string[];
  /** Who sits in front of the page. */
  readonly user: () => { readonly id: string; readonly label: string };
  readonly isUser: (id: string) => boolean;
}

const always = ["response_type", "client_id", "redirect_uri", "scope"];
const pkceNames = ["code_challenge", "code_challenge_method"];

export function createFakeConsent(parts: ConsentParts) {
  const { rule, grants, violations } = parts;
  /** Pages that were shown and not answered yet. */
  const pages = new Map<string, FakeAuthorizationRequest>();

  function show({ query }: UpstreamCall): UpstreamReply {
    const client = parts.clients.find(({ id }) => id === query.get("client_id"));
    const redirectUri = query.get("redirect_uri") ?? "";
    if (client === undefined) return refused("unknown client");
    if (!client.redirectUris.includes(redirectUri)) return refused("redirect_uri is not registered");
    const objections = objectionsTo(query, rule);
    violations.push(...objections.map((objection) => `authorization: ${objection}`));
    const request = readRequest(query);
    const [first] = objections;
    if (first !== undefined)
      return back(request, { error: first.startsWith("scope") ? "invalid_scope" : "invalid_request", error_description: first });
    const user = parts.user();
    if (query.get("prompt") === "none" && grants.hasConsented(user.id, request)) return granted(request, user.id);
    const id = randomUUID();
    pages.set(id, request);
    return { status: 200, body: page(parts, { id, request, user }), headers: { connection: "close" } };
  }

  function decide(call: UpstreamCall): UpstreamReply {
    const form = new URLSearchParams(call.text);
    const id = form.get("request") ?? "";
    const request = pages.get(id);
    pages.delete(id);
    if (request === undefined) return refused("a page that was answered already");
    if (form.get("decision") !== "authorize")
      return back(request, { error: "access_denied", error_description: "The resource owner or authorization server denied the request" });
    const userId = form.get("user") ?? "";
    if (!parts.isUser(userId)) return refused("unknown user");
    const scopes = form.getAll("scope").filter((scope) => request.scopes.includes(scope));
    return granted({ ...request, scopes }, userId);
  }

  function granted(request: FakeAuthorizationRequest, userId: string): UpstreamReply {
    return back(request, { code: grants.issueCode(grants.authorize(request, userId)) });
  }

  function refused(why: string): UpstreamReply {
    violations.push(`authorization: ${why}`);
    return {
      status: 400,
      body: `<!doctype html><title>${parts.title}</title><p role="alert">${why}</p>`,
      headers: { connection: "close" },
    };
  }

  return { answer: (call: UpstreamCall): UpstreamReply => (call.method === "POST" ? decide(call) : show(call)) };
}

/** The user's connection ends, so that those which are counted are the tested service's. */
function back(request: FakeAuthorizationRequest, parameters: Readonly<Record<string, string>>): UpstreamReply {
  const location = new URL(request.redirectUri);
  const all = { ...parameters, ...(request.state === undefined ? {} : { state: request.state }) };
  for (const [name, value] of Object.entries(all)) location.searchParams.set(name, value);
  return { status: 302, headers: { location: location.href, connection: "close" } };
}

function objectionsTo(query: URLSearchParams, rule: AuthorizationRule): string[] {
  const required = [...always, ...rule.required, ...(rule.pkce === "required" ? pkceNames : [])];
  const allowed = [...required, ...rule.optional, ...pkceNames];
  const names = [...new Set(query.keys())];
  const scopes = query.get("scope")?.split(" ") ?? [];
  const challenge = query.get("code_challenge");
  return [
    ...required.filter((name) => !query.has(name)).map((name) => `missing parameter ${name}`),
    ...names.filter((name) => !allowed.includes(name)).map((name) => `unknown parameter ${name}`),
    ...names.filter((name) => query.getAll(name).length > 1).map((name) => `repeated parameter ${name}`),
    ...names.filter((name) => query.get(name) === "").map((name) => `empty parameter ${name}`),
    ...(query.get("response_type") === "code" ? [] : ["response_type is not code"]),
    ...scopes.filter((scope) => !rule.scopes.includes(scope)).map((scope) => `scope ${scope} is unknown`),
    ...(challenge === null || /^[A-Za-z0-9_-]{43}$/.test(challenge) ? [] : ["code_challenge is not that of S256"]),
    ...((challenge === null) === (query.get("code_challenge_method") === null) ? [] : ["half of a PKCE challenge"]),
    ...(["S256", null].includes(query.get("code_challenge_method")) ? [] : ["code_challenge_method is not S256"]),
  ];
}

function readRequest(query: URLSearchParams): FakeAuthorizationRequest {
  const of = (name: string): string | undefined => query.get(name) ?? undefined;
  return {
    clientId: of("client_id") ?? "",
    redirectUri: of("redirect_uri") ?? "",
    scopes: of("scope")?.split(" ") ?? [],
    state: of("state"),
    codeChallenge: of("code_challenge"),
    nonce: of("nonce"),
  };
}

interface Page {
  readonly id: string;
  readonly request: FakeAuthorizationRequest;
  readonly user: { readonly id: string; readonly label: string };
}

function page({ title, path }: ConsentParts, { id, request, user }: Page): string {
  const scopes = request.scopes.map(
    (scope) => `<p><label><input type="checkbox" name="scope" value="${escaped(scope)}" checked> ${escaped(scope)}</label></p>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,"></head>
<body>
<h1>${title}</h1>
<p>${escaped(request.clientId)} wants to act for ${escaped(user.label)}.</p>
<form method="post" action="${path}">
<input type="hidden" name="request" value="${id}">
<input type="hidden" name="user" value="${escaped(user.id)}">
${scopes.join("\n")}
<button name="decision" value="authorize">Authorize</button>
<button name="decision" value="cancel">Cancel</button>
</form>
</body>
</html>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
