// Configuration → the immutable description of who may do what that every operation reads. Checks of the configuration
// itself stand in config/; here only shapes change, and what is absent stays "nothing".

import type { Configuration } from "../config/schema.ts";
import { type Audiences, type Client, type Method, methods } from "../exchange/clients.ts";
import type { Minting } from "../exchange/minting.ts";
import { compileMinting, type MintConfiguration } from "./compile-minting.ts";

export interface Policy {
  readonly clients: ReadonlyMap<string, Client>;
  readonly audiences: Audiences;
  /** What this service issues itself. */
  readonly minting: Minting;
  /** Before `sub` of each provider's users in tokens that are issued here; a provider without one is not among them. */
  readonly subjectPrefixes: ReadonlyMap<string, string>;
  /** Methods that at least one public client may call. */
  readonly publicMethods: ReadonlySet<Method>;
  /** Every origin that any client lists: what a browser may be told about in advance. */
  readonly origins: ReadonlySet<string>;
  /** Those whose pages may send cookies along: of clients that use sessions, or a refresh cookie. */
  readonly credentialOrigins: ReadonlySet<string>;
}

export function compilePolicy(configuration: Pick<Configuration, "clients"> & MintConfiguration): Policy {
  const clients = new Map(Object.entries(configuration.clients).map(([id, client]) => [id, compileClient(id, client)]));
  const sessions = new Set(
    Object.entries(configuration.providers ?? {}).flatMap(([name, { kind }]) => (kind === "better-auth" ? [name] : [])),
  );
  const usesCookies = ({ refreshCookie, providers }: Client) =>
    refreshCookie !== undefined || !sessions.isDisjointFrom(new Set(providers.keys()));
  const publicClients = [...clients.values()].filter((client) => client.kind !== "service");
  return {
    clients,
    audiences: new Map(Object.entries(configuration.audiences).map(([name, audience]) => [name, compileAudience(audience)])),
    minting: compileMinting(configuration),
    subjectPrefixes: subjectPrefixesOf(configuration),
    publicMethods: new Set(publicClients.flatMap(openedBy)),
    origins: new Set(publicClients.flatMap((client) => [...client.origins])),
    credentialOrigins: new Set(publicClients.filter(usesCookies).flatMap((client) => [...client.origins])),
  };
}

function subjectPrefixesOf({ providers = {} }: MintConfiguration): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(providers).flatMap(([name, { subject_prefix: prefix }]) => (prefix === undefined ? [] : [[name, prefix] as const])),
  );
}

/**
 * While a client's list of methods is on trial, every method whose message can name a public client is let in, or the trial itself
 * would refuse.
 */
function openedBy(client: Client): readonly Method[] {
  return client.reportOnly.has("methods") ? methods.filter((method) => method !== "ValidateCrossClient") : [...client.methods];
}

function compileClient(id: string, client: Configuration["clients"][string]): Client {
  return {
    id,
    kind: client.kind,
    origins: new Set(client.origins),
    methods: new Set(client.methods),
    providers: new Map(
      Object.entries(client.providers).map(([name, grant]) => [
        name,
        {
          redirectUris: grant.redirect_uris,
          scopes: grant.scopes,
          audiences: grant.audiences,
          maxLifetimeMs: grant.max_lifetime,
          exchangedRefreshTokens: grant.exchanged_refresh_tokens,
          connections: grant.connections,
          connectionsOf: new Set(grant.connections_of),
        },
      ]),
    ),
    audiences: client.audiences,
    rawRefreshTokens: client.raw_refresh_tokens,
    refreshCookie: client.refresh_cookie,
    disabled: client.disabled,
    reportOnly: new Set(client.report_only),
  };
}

function compileAudience(audience: Configuration["audiences"][string]) {
  return new Map(
    Object.entries(audience.accepts).map(([provider, rule]) => [
      provider,
      {
        identifiers: rule.identifiers,
        clients: new Set(rule.clients),
        reportOnly: rule.report_only,
        exchangeAs: rule.exchange_as?.id,
      },
    ]),
  );
}

/** Whether any client may end a token. */
export function canRevoke({ clients }: Pick<Configuration, "clients">): boolean {
  // A list of methods on trial lets Revoke pass as well.
  return Object.values(clients).some((client) => client.methods.includes("Revoke") || client.report_only.includes("methods"));
}
