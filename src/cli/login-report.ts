// How a sign-in is told: a small table for people; and, only where they were asked for, the tokens as JSON for programs.

import { asciiJson } from "../audit/ascii-json.ts";
import type { Callback } from "./login-callback.ts";
import type { SignedIn } from "./login-calls.ts";
import { terminalText } from "./login-failure.ts";

const issuances: Readonly<Record<string, string>> = {
  ISSUANCE_PASSTHROUGH: "PASSTHROUGH: the provider's own tokens",
  ISSUANCE_PROVIDER_EXCHANGE: "PROVIDER_EXCHANGE: exchanged at the provider",
  ISSUANCE_MINTED: "MINTED: issued by Cambio",
};

/** Lines for a terminal. Of the tokens there is nothing in it. */
export function loginTable(provider: string, { account, connectionId, issuance, tokens }: SignedIn): string {
  const rows: readonly (readonly [name: string, value: string | undefined])[] = [
    ["provider", provider],
    ["account", account?.id],
    ["username", account?.username],
    ["name", account?.displayName],
    ["connection", connectionId],
    ["scopes", tokens.scopes.length === 0 ? "not said" : tokens.scopes.join(" ")],
    ["issuance", issuances[issuance] ?? issuance],
    ["expires", tokens.expiresAt ?? "not said"],
  ];
  const given = rows.filter(([, value]) => value !== undefined && value !== "");
  return given.map(([name, value]) => `  ${name.padEnd(10)}  ${terminalText(value ?? "")}\n`).join("");
}

/** One line of JSON, named as in the contract; what was not given is not there. */
export function tokensJson({ tokens }: SignedIn): string {
  const named = {
    access_token: tokens.accessToken,
    token_type: tokens.tokenType,
    expires_in: tokens.expiresIn,
    expires_at: tokens.expiresAt,
    refresh_token: tokens.refreshToken,
    id_token: tokens.idToken,
    scopes: tokens.scopes,
    issued_token_type: tokens.issuedTokenType,
    issuer: tokens.issuer,
  };
  return asciiJson(Object.fromEntries(Object.entries(named).filter(([, value]) => value !== "" && value !== 0)));
}

/** RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6. */
const refusals: Readonly<Record<string, string>> = {
  access_denied: "the sign-in was declined at the provider",
  login_required: "the provider wants the user to sign in there first",
  consent_required: "the provider wants the user's consent first",
  interaction_required: "the provider wants something of the user first",
  invalid_scope: "the provider does not know, or not give, one of these scopes",
  unauthorized_client: "the provider does not let this service sign users in so",
  invalid_request: "the provider does not understand the request",
  unsupported_response_type: "the provider hands out no codes",
  temporarily_unavailable: "the provider cannot do it now: try again later",
  server_error: "the provider failed",
};

export function refusalSentence({ error, description }: Extract<Callback, { kind: "refused" }>): string {
  const meaning = Object.hasOwn(refusals, error) ? refusals[error] : "the provider sent an error back";
  return `${meaning} (${terminalText(error)})${description === "" ? "" : `: ${terminalText(description)}`}`;
}
