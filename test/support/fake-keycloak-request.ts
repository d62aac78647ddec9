// A request to the fake Keycloak: its form, who sends it, and what a careful reader would object to. Keycloak forgives most of that,
// so the fake answers as Keycloak does, and keeps each objection for the test to look at.

import type { IncomingMessage } from "node:http";
import type { URLSearchParams } from "node:url";
import { readBasic } from "./fake-token-endpoint.ts";
import type { FakeRealm, FakeRealmClient } from "./fake-keycloak-realm.ts";

/** What an endpoint answers: JSON, or a status alone. */
export interface FakeAnswer {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

export type FakeKeycloakCall =
  | "discovery"
  | "jwks"
  | "code"
  | "exchange"
  | "refresh"
  | "password"
  | "introspection"
  | "revocation"
  | "logout"
  | "unknown";

const authentication = ["client_id", "client_secret"];
const known: Readonly<Partial<Record<FakeKeycloakCall, readonly string[]>>> = {
  exchange: ["grant_type", "subject_token", "subject_token_type", "requested_token_type", "audience", "scope", ...authentication],
  code: ["grant_type", "code", "redirect_uri", "code_verifier", ...authentication],
  refresh: ["grant_type", "refresh_token", "scope", ...authentication],
  password: ["grant_type", "username", "password", "scope", ...authentication],
  introspection: ["token", "token_type_hint", ...authentication],
  revocation: ["token", "token_type_hint", ...authentication],
  logout: ["refresh_token", ...authentication],
};

export const grantTypes: Readonly<Record<string, FakeKeycloakCall>> = {
  authorization_code: "code",
  "urn:ietf:params:oauth:grant-type:token-exchange": "exchange",
  refresh_token: "refresh",
  password: "password",
};

export function refused(status: number, error: string, description: string): FakeAnswer {
  return { status, body: { error, error_description: description } };
}

export function repeatedParameters(form: URLSearchParams): readonly string[] {
  return [...new Set(form.keys())].filter((name) => form.getAll(name).length > 1);
}

/** RFC 6749, 7009, 7662 and 8693, read carefully. */
export function objections(call: FakeKeycloakCall, request: IncomingMessage, form: URLSearchParams): string[] {
  const allowed = known[call];
  if (allowed === undefined) return call === "unknown" ? [`unknown address ${request.method} ${request.url}`] : [];
  const found: string[] = [];
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/x-www-form-urlencoded(; ?charset=utf-8)?$/i.test(type)) found.push(`content-type ${type}`);
  if (request.url?.includes("?") === true) found.push("parameters in the address");
  if (!(request.headers.accept ?? "").includes("application/json")) found.push("does not accept JSON");
  found.push(...[...new Set(form.keys())].filter((name) => !allowed.includes(name)).map((name) => `unknown parameter ${name}`));
  found.push(...[...form].filter(([, value]) => value === "").map(([name]) => `empty parameter ${name}`));
  found.push(
    ...repeatedParameters(form)
      .filter((name) => name !== "audience")
      .map((name) => `repeated parameter ${name}`),
  );
  if (request.headers.authorization === undefined && !form.has("client_id")) found.push("no client authentication");
  if (request.headers.authorization !== undefined && form.has("client_secret")) found.push("two client authentications");
  return found;
}

/** What a request is refused with whose sender is not known, by which way he is not. */
interface Strangers {
  readonly unknown: FakeAnswer;
  readonly wrongSecret: FakeAnswer;
}

const invalid = "Invalid client or Invalid client credentials";
const unknown = refused(401, "invalid_client", invalid);
/** Keycloak speaks another language at each of the two. */
export const tokenEndpointStrangers: Strangers = { unknown, wrongSecret: refused(401, "unauthorized_client", invalid) };
export const introspectionStrangers: Strangers = { unknown, wrongSecret: refused(401, "invalid_client", "Client authentication failed.") };

export type Sender =
  | { readonly kind: "client"; readonly client: FakeRealmClient }
  | { readonly kind: "refused"; readonly answer: FakeAnswer };

export function senderOf(
  { headers }: Pick<IncomingMessage, "headers">,
  form: URLSearchParams,
  { realm, strangers }: { readonly realm: FakeRealm; readonly strangers: Strangers },
): Sender {
  const basic = readBasic(headers.authorization);
  const client = realm.client(form.get("client_id") ?? basic?.id);
  if (client?.enabled !== true) return { kind: "refused", answer: strangers.unknown };
  if (client.publicClient) return { kind: "client", client };
  const secret = basic?.id === client.clientId ? basic.secret : form.get("client_secret");
  return secret === client.secret ? { kind: "client", client } : { kind: "refused", answer: strangers.wrongSecret };
}
