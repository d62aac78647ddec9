// The address to which a user's browser is sent (RFC 6749 §4.1.1, RFC 7636 §4.3). What it asks for was decided by the operation.

import type { AuthorizationStart } from "../exchange/provider-ports.ts";

export interface AuthorizationUrlOptions {
  readonly endpoint: string;
  readonly clientId: string;
  readonly pkce: "S256" | "none";
  /** The provider's own; what is asked for here wins over them. */
  readonly further: Readonly<Record<string, string>>;
}

/** @throws Error where PKCE and challenge do not go together */
export function authorizationUrl(options: AuthorizationUrlOptions, start: AuthorizationStart): string {
  if ((start.codeChallenge === undefined) !== (options.pkce === "none"))
    throw new Error("a code challenge goes with PKCE, and only with it");
  // The endpoint may have a query of its own, which stays (RFC 6749 §3.1).
  const url = new URL(options.endpoint);
  const set = (name: string, value: string | undefined) => value !== undefined && url.searchParams.set(name, value);
  for (const [name, value] of Object.entries(options.further)) set(name, value);
  set("response_type", "code");
  set("client_id", options.clientId);
  set("redirect_uri", start.redirectUri);
  set("scope", start.scopes.length === 0 ? undefined : start.scopes.join(" "));
  set("state", start.state);
  set("code_challenge", start.codeChallenge);
  set("code_challenge_method", start.codeChallenge === undefined ? undefined : "S256");
  set("nonce", start.nonce);
  set("login_hint", start.loginHint);
  set("prompt", start.prompt);
  for (const resource of start.resources) url.searchParams.append("resource", resource);
  return url.href;
}
