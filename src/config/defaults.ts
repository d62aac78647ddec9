// Defaults that depend on another key, so that a checked configuration is complete and no reader has a default of its own.
// Defaults that stand alone are in schema.ts, beside their key.

import { z } from "zod";

interface WrittenTokenRules {
  readonly algorithms?: readonly string[] | undefined;
  readonly header_types?: readonly string[] | undefined;
  readonly payload_type?: string | undefined;
  readonly client_claims?: readonly string[] | undefined;
}

/** RFC 9068 types its access tokens in the header; Keycloak calls them JWT there and tells them apart in the payload. */
const byKind = {
  oidc: { header_types: ["at+jwt"], payload_type: undefined, client_claims: ["client_id"], target_parameter: "resource" },
  keycloak: { header_types: ["JWT"], payload_type: "Bearer", client_claims: ["azp"], target_parameter: "audience" },
} as const;

interface WrittenProvider {
  readonly kind: keyof typeof byKind;
  readonly tokens: WrittenTokenRules;
  readonly target_parameter?: "audience" | "resource" | undefined;
}

export function completeProvider<T extends WrittenProvider>(provider: T) {
  const tokens: T["tokens"] = provider.tokens;
  const defaults = byKind[provider.kind];
  return {
    ...provider,
    target_parameter: provider.target_parameter ?? defaults.target_parameter,
    tokens: {
      ...tokens,
      algorithms: (tokens.algorithms ?? ["RS256", "ES256"]) as NonNullable<T["tokens"]["algorithms"]>,
      header_types: (tokens.header_types ?? [...defaults.header_types]) as NonNullable<T["tokens"]["header_types"]>,
      payload_type: tokens.payload_type ?? defaults.payload_type,
      client_claims: (tokens.client_claims ?? [...defaults.client_claims]) as NonNullable<T["tokens"]["client_claims"]>,
    },
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
