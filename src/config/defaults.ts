// Defaults that depend on another key, so that a checked configuration is complete and no reader has a default of its own.
// Defaults that stand alone are in schema.ts, beside their key; those of a provider's kind are in its definition.

import { z } from "zod";
import type { AccessTokenShape, ProviderDefinition, ProviderEndpoints } from "../providers/definition.ts";
import { rfc9068 } from "../providers/presets/oidc.ts";
import { definitionOf, type ProviderKind } from "../providers/registry.ts";

interface WrittenTokenRules {
  readonly algorithms?: readonly string[] | undefined;
  readonly header_types?: readonly string[] | undefined;
  readonly payload_type?: string | undefined;
  readonly client_claims?: readonly string[] | undefined;
}

interface WrittenProvider {
  readonly kind: ProviderKind;
  readonly issuer?: string | undefined;
  readonly endpoints: ProviderEndpoints;
  readonly allowed_origins?: readonly string[] | undefined;
  readonly client: { readonly authentication?: ProviderDefinition["authentication"] | undefined };
  readonly pkce?: ProviderDefinition["pkce"] | undefined;
  readonly tokens: WrittenTokenRules;
  readonly target_parameter?: ProviderDefinition["targetParameter"] | undefined;
  readonly authorization_parameters?: Readonly<Record<string, string>> | undefined;
  readonly requests?: { readonly [K in keyof ProviderDefinition["requests"]]?: ProviderDefinition["requests"][K] | undefined } | undefined;
  readonly code_state?: boolean | undefined;
  readonly terminal_errors?: readonly string[] | undefined;
  readonly terminal_statuses?: readonly number[] | undefined;
  readonly rate_limit?: string | undefined;
  readonly token_type_default?: string | undefined;
  readonly accounts?: boolean | undefined;
  readonly lost_answer?: ProviderDefinition["refresh"]["lostAnswer"] | undefined;
}

export function completeProvider<T extends WrittenProvider>(provider: T) {
  const definition = definitionOf(provider.kind);
  const client: T["client"] = provider.client;
  return {
    ...provider,
    // Only kinds that know one may leave it out.
    issuer: provider.issuer ?? definition.issuer ?? "",
    endpoints: { ...definition.endpoints, ...provider.endpoints },
    allowed_origins: provider.allowed_origins ?? definition.allowedOrigins,
    client: { ...client, authentication: client.authentication ?? definition.authentication },
    pkce: provider.pkce ?? definition.pkce,
    target_parameter: provider.target_parameter ?? definition.targetParameter,
    tokens: completeTokenRules<T["tokens"]>(provider.tokens, definition.accessTokens),
    ...completeDialect(provider, definition),
    accounts: provider.accounts ?? definition.accounts,
    lost_answer: provider.lost_answer ?? definition.refresh.lostAnswer,
  };
}

function completeTokenRules<T extends WrittenTokenRules>(tokens: T, shape: AccessTokenShape | "opaque") {
  // Nothing reads the types of tokens that are opaque; the algorithms are those of ID tokens, too.
  const defaults = shape === "opaque" ? rfc9068 : shape;
  return {
    ...tokens,
    algorithms: (tokens.algorithms ?? ["RS256", "ES256"]) as NonNullable<T["algorithms"]>,
    header_types: (tokens.header_types ?? [...defaults.headerTypes]) as NonNullable<T["header_types"]>,
    payload_type: tokens.payload_type ?? defaults.payloadType,
    client_claims: (tokens.client_claims ?? [...defaults.clientClaims]) as NonNullable<T["client_claims"]>,
  };
}

function completeDialect(provider: WrittenProvider, definition: ProviderDefinition) {
  const { code, refresh, revocation } = provider.requests ?? {};
  const { requests } = definition;
  return {
    authorization_parameters: provider.authorization_parameters ?? definition.authorizationParameters,
    requests: { code: code ?? requests.code, refresh: refresh ?? requests.refresh, revocation: revocation ?? requests.revocation },
    code_state: provider.code_state ?? definition.codeState,
    terminal_errors: provider.terminal_errors ?? definition.refresh.terminalErrors,
    terminal_statuses: provider.terminal_statuses ?? definition.refresh.terminalStatuses,
    rate_limit: provider.rate_limit ?? definition.rateLimit,
    token_type_default: provider.token_type_default ?? definition.answers.tokenTypeDefault,
  };
}

interface WrittenSessionProvider {
  readonly issuer: string;
  readonly session_cookie?: string | undefined;
}

/** As Better Auth names it: with the prefix by which browsers take it over https only (RFC 6265bis §4.1.3.1), where it can have that. */
export function completeSessionProvider<T extends WrittenSessionProvider>(provider: T) {
  const byScheme = provider.issuer.startsWith("https:") ? "__Secure-better-auth.session_token" : "better-auth.session_token";
  return { ...provider, session_cookie: provider.session_cookie ?? byScheme };
}

interface WrittenDatabase<A> {
  readonly url?: A | undefined;
  readonly file?: string | undefined;
  readonly migrate_at_start?: boolean | undefined;
  readonly handle_idle: number;
}

interface Database<A> {
  readonly location: { readonly kind: "postgres"; readonly address: A } | { readonly kind: "sqlite"; readonly file: string };
  readonly migrate_at_start: boolean;
  readonly handle_idle: number;
}

/** A file belongs to one process; a shared schema is changed on purpose. */
export function completeDatabase<A>({ url, file, ...written }: WrittenDatabase<A>, context: z.RefinementCtx): Database<A> {
  if (url !== undefined && file === undefined) {
    return { ...written, location: { kind: "postgres", address: url }, migrate_at_start: written.migrate_at_start ?? false };
  }
  if (file !== undefined && url === undefined) {
    return { ...written, location: { kind: "sqlite", file }, migrate_at_start: written.migrate_at_start ?? true };
  }
  context.addIssue({ code: "custom", message: "give one of url and file: url for PostgreSQL, file for SQLite" });
  return z.NEVER;
}

export function completeClient<T extends { kind: "service" | "browser" | "native"; raw_refresh_tokens?: boolean | undefined }>(client: T) {
  return { ...client, raw_refresh_tokens: client.raw_refresh_tokens ?? client.kind === "service" };
}
