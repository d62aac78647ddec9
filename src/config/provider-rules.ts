// What the keys of a provider demand of each other: addresses, issuers, its client, and what becomes of its users. What keys of
// providers that keep sessions demand is session-provider-rules.ts.

import { definitionOf, hasKeys, verifiesAccessTokens } from "../providers/registry.ts";
import { isHttpsOrLoopback } from "./addresses.ts";
import type { Path, Report } from "./mistakes.ts";
import type { RuleInput } from "./rule-input.ts";
import type { ProviderConfiguration } from "./schema.ts";
import { checkProviderName, sessionAddresses } from "./session-provider-rules.ts";

export function checkProviders({ configuration, databaseNamed, report }: RuleInput): void {
  const byIssuer = new Map<string, string>();
  for (const [name, provider] of Object.entries(configuration.providers)) {
    const path = ["providers", name];
    checkProviderName(path, name, report);
    for (const [key, address] of provider.kind === "better-auth" ? sessionAddresses(provider) : addresses(provider)) {
      if (provider.allow_http || isHttpsOrLoopback(address)) continue;
      report([...path, ...key], "is plain http beyond loopback", "Use https, or set allow_http: true for a closed network.");
    }
    // A token's issuer must lead to one provider, or its keys could vouch for another's tokens.
    const other = byIssuer.get(provider.issuer);
    if (other !== undefined) report([...path, "issuer"], `is the issuer of ${other} as well`, "Keep one provider for each issuer.");
    byIssuer.set(provider.issuer, name);
    const issues = provider.kind !== "better-auth" || provider.jwt || provider.impersonation === "act";
    // Its keys would vouch for what only this service may say, and its users would act under this service's name.
    if (issues && provider.issuer === configuration.server.issuer)
      report([...path, "issuer"], "is this service's own name (server.issuer)", "Give this service a name of its own.");
    if (provider.kind === "better-auth") continue;
    checkProviderClient(path, provider, report);
    checkEndpoints(path, provider, report);
    checkUsers(path, provider, { databaseNamed, report });
    checkIntrospection(path, provider, report);
    if (provider.tokens.expiry_buffer >= provider.tokens.max_lifetime) {
      report(
        [...path, "tokens", "expiry_buffer"],
        "is not shorter than max_lifetime",
        "Shorten it; as it is, no token would ever be accepted.",
      );
    }
  }
}

function addresses({
  issuer,
  back_channel_url,
  endpoints,
  allowed_origins,
}: ProviderConfiguration): readonly (readonly [key: Path, address: string])[] {
  const single = Object.entries({ issuer, back_channel_url }).map(([key, address]) => [[key], address] as const);
  const named = Object.entries(endpoints).map(([key, address]) => [["endpoints", key], address] as const);
  const listed = allowed_origins.map((address, index) => [["allowed_origins", index], address] as const);
  return [...single, ...named, ...listed].flatMap(([key, address]) => (address === undefined ? [] : [[key, address] as const]));
}

function checkProviderClient(path: Path, { client }: ProviderConfiguration, report: Report): void {
  const at = [...path, "client", "secret"];
  if (client.authentication === "none") {
    if (client.secret !== undefined) report(at, "is not used with authentication none", "Remove it, or choose basic or post.");
  } else if (client.secret === undefined) {
    report(
      at,
      `is missing: authentication ${client.authentication} needs it`,
      "Add secret or secret_file, or set authentication: none for a public client.",
    );
  }
}

/** What it does not say about itself must be said for it. */
function checkEndpoints(path: Path, { kind, back_channel_url, endpoints, user }: ProviderConfiguration, report: Report): void {
  const { discovery } = definitionOf(kind);
  if (!discovery && back_channel_url !== undefined)
    report(
      [...path, "back_channel_url"],
      "is where discovery is read, and this kind of provider is not discovered",
      "Give endpoints instead.",
    );
  for (const key of discovery ? [] : (["authorization", "token"] as const)) {
    if (endpoints[key] === undefined)
      report([...path, "endpoints", key], "is missing: this kind of provider is not discovered", `Add it, such as ${examples[key]}.`);
  }
  if (user !== undefined && endpoints.user === undefined && !isDiscovered(kind, endpoints))
    report([...path, "endpoints", "user"], "is missing: users are read there", `Add it, such as ${examples.user}, or remove user.`);
}

const examples = {
  authorization: "https://login.example.com/oauth/authorize",
  token: "https://login.example.com/oauth/token",
  user: "https://login.example.com/me",
} as const;

function checkUsers(
  path: Path,
  { kind, accounts, user, endpoints }: ProviderConfiguration,
  { databaseNamed, report }: Pick<RuleInput, "databaseNamed" | "report">,
): void {
  if (!accounts) return;
  checkUserId(path, user, report);
  const at = [...path, "accounts"];
  if (!databaseNamed)
    report(
      at,
      "needs a database, where the accounts are",
      "Configure one, such as database: { file: cambio.sqlite }, or set accounts: false.",
    );
  const definition = definitionOf(kind);
  if (user === undefined && definition.user.kind !== "endpoint" && !hasKeys(definition, endpoints))
    report(at, "needs to know whose a sign-in is", "Add user and endpoints.user, such as user: { claims: { id: id } }, or endpoints.jwks.");
}

/** Whoever comes by an address, or a name that somebody gave up, would come by that one's account. */
function checkUserId(path: Path, user: ProviderConfiguration["user"], report: Report): void {
  if (user === undefined) return;
  const { id, email, username, name } = user.claims;
  if (id === email || /(^|\.)e[-_]?mail([-_]address)?$/i.test(id) || id === username || id === name)
    report(
      [...path, "user", "claims", "id"],
      "is no id: addresses and names change hands",
      "Name the member that stays with a user for ever.",
    );
}

/** Some of its addresses are its own to say. */
function isDiscovered(kind: ProviderConfiguration["kind"], { authorization, token, jwks }: ProviderConfiguration["endpoints"]): boolean {
  return definitionOf(kind).discovery && (authorization === undefined || token === undefined || jwks === undefined);
}

/** Its access tokens can be verified here, so an audience may accept them. */
export function verifiesTokens({ kind, endpoints }: ProviderConfiguration): boolean {
  return verifiesAccessTokens(definitionOf(kind), endpoints);
}

/** A provider answers only who proves to be somebody, or anybody could find out whose a token is (RFC 7662 §2.1). */
function checkIntrospection(path: Path, provider: ProviderConfiguration, report: Report): void {
  const { kind, introspection, client, endpoints } = provider;
  if (introspection === "none") return;
  const at = [...path, "introspection"];
  if (!verifiesTokens(provider)) {
    report(
      at,
      "is about tokens that are accepted here, and this provider's are not",
      "Remove it; a custom provider may need endpoints.jwks.",
    );
    return;
  }
  if (client.authentication === "none")
    report(at, "needs a client that proves itself", "Give the client a secret, or remove introspection.");
  if (!isDiscovered(kind, endpoints) && endpoints.introspection === undefined)
    report(at, "has no endpoint, and discovery is not read", "Add introspection to the provider's endpoints.");
}
