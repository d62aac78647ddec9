// What keys demand of each other, for all but clients and routes (client-rules.ts), browsers' cookies (browser-rules.ts), the proofs of
// services (caller-rules.ts), providers that keep sessions (session-provider-rules.ts), tokens that are issued here (mint-rules.ts),
// signing keys (signing-rules.ts) and files of certificates (tls-files.ts). Values that are wrong by themselves are the schema's matter.

import { plainMediaType } from "../exchange/token/claim-shapes.ts";
import { isHttpsOrLoopback } from "./addresses.ts";
import { checkRefreshCookies } from "./browser-rules.ts";
import { checkCallerProofs } from "./caller-rules.ts";
import { checkClients, checkRoutes } from "./client-rules.ts";
import { checkMinting } from "./mint-rules.ts";
import type { Path, Report } from "./mistakes.ts";
import { checkTokenProvider, own } from "./rule-input.ts";
import type { RuleInput } from "./rule-input.ts";
import type { Configuration, ProviderConfiguration } from "./schema.ts";
import { checkSigning } from "./signing-rules.ts";
import { checkProviderName, checkSessionProviders, sessionAddresses } from "./session-provider-rules.ts";
import { checkTlsFiles } from "./tls-files.ts";

export function checkRules(input: RuleInput): void {
  checkTlsFiles(input);
  checkSealing(input);
  checkSigning(input);
  checkLimits(input);
  checkTraces(input);
  checkProviders(input);
  checkSessionProviders(input);
  checkAudiences(input);
  checkMinting(input);
  checkCallerProofs(input);
  checkClients(input);
  checkRefreshCookies(input);
  checkRoutes(input);
}

function checkSealing({ configuration, redisNamed, databaseNamed, report }: RuleInput): void {
  const ids = new Set<string>();
  for (const [index, { id }] of (configuration.sealing?.keys ?? []).entries()) {
    if (ids.has(id)) report(["sealing", "keys", index, "id"], "stands for another key as well", "Give each key an id of its own.");
    ids.add(id);
  }
  // Keys made at start differ from replica to replica: none could see which codes the others have used.
  if (redisNamed && configuration.sealing === undefined) {
    report(["sealing"], "is missing although Redis is shared", "Give all replicas the same keys under sealing.keys.");
  }
  // What was sealed under a key of this process would be lost with it, and the database outlives it.
  if (databaseNamed && configuration.sealing === undefined) {
    report(["sealing"], "is missing although there is a database", "Give a key under sealing.keys, and keep it as long as the database.");
  }
}

/** A few addresses must not spend what all users of a client have. */
function checkLimits({ configuration: { limits }, report }: RuleInput): void {
  if (limits.address_failures * 10 <= limits.client_failures) return;
  report(
    ["limits", "address_failures"],
    "is more than a tenth of client_failures",
    "Lower it: a few addresses must not pause a client for all.",
  );
}

function checkTraces({ configuration: { traces }, report }: RuleInput): void {
  if (traces === undefined || traces.allow_http || isHttpsOrLoopback(traces.otlp_url)) return;
  report(["traces", "otlp_url"], "is plain http beyond loopback", "Use https, or set allow_http: true for a closed network.");
}

function checkProviders({ configuration, report }: RuleInput): void {
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

/** A provider answers only who proves to be somebody, or anybody could find out whose a token is (RFC 7662 §2.1). */
function checkIntrospection(path: Path, { introspection, client, endpoints }: ProviderConfiguration, report: Report): void {
  if (introspection === "none") return;
  const at = [...path, "introspection"];
  if (client.authentication === "none")
    report(at, "needs a client that proves itself", "Give the client a secret, or remove introspection.");
  const { authorization, token, jwks } = endpoints;
  const discovered = authorization === undefined || token === undefined || jwks === undefined;
  if (!discovered && endpoints.introspection === undefined)
    report(at, "has no endpoint, and discovery is not read", "Add introspection to the provider's endpoints.");
}

function checkAudiences(input: RuleInput): void {
  for (const [name, audience] of Object.entries(input.configuration.audiences)) {
    for (const [provider, { identifiers }] of Object.entries(audience.accepts)) {
      const path = ["audiences", name, "accepts", provider];
      checkTokenProvider(provider, path, input);
      const settings = own(input.configuration.providers, provider);
      if (settings?.kind === "better-auth") continue;
      checkIdentifiers([...path, "identifiers"], identifiers, {
        provider: settings,
        actingAs: actingAt(provider, input.configuration),
        report: input.report,
      });
    }
  }
}

/** Clients at a provider that audiences are there. */
function actingAt(provider: string, { audiences }: Configuration): readonly string[] {
  return Object.values(audiences).flatMap(({ accepts }) => own(accepts, provider)?.exchange_as?.id ?? []);
}

interface IdentifierCheck {
  readonly provider: ProviderConfiguration | undefined;
  readonly actingAs: readonly string[];
  readonly report: Report;
}

/** The `aud` of an ID token is a client id: where no type tells the two apart, it would open the audience. */
function checkIdentifiers(path: Path, identifiers: readonly string[], { provider, actingAs, report }: IdentifierCheck): void {
  if (provider === undefined || provider.tokens.payload_type !== undefined) return;
  if (!provider.tokens.header_types.some((type) => plainMediaType(type) === "jwt")) return;
  const clientIds = [provider.client.id, ...actingAs];
  const index = identifiers.findIndex((identifier) => clientIds.includes(identifier));
  if (index === -1) return;
  report(
    [...path, index],
    "is a client id there, which is the aud of ID tokens, and their type is JWT too",
    "Set tokens.payload_type of that provider, or use another identifier.",
  );
}
