// Part of the composition root: a provider's checked settings → its definition, as providers/ reads it. What no setting is about comes
// from the definition of its kind.

import type { ProviderConfiguration } from "../config/schema.ts";
import type { ProviderDefinition, UserReading, UserSource } from "../providers/definition.ts";
import { definitionOf, hasKeys } from "../providers/registry.ts";

export function definitionFrom(settings: ProviderConfiguration): ProviderDefinition {
  const known = definitionOf(settings.kind);
  const { token_type_default: tokenTypeDefault, rate_limit: rateLimit } = settings;
  return {
    ...known,
    issuer: settings.issuer,
    endpoints: settings.endpoints,
    allowedOrigins: settings.allowed_origins,
    authentication: settings.client.authentication,
    pkce: settings.pkce,
    authorizationParameters: settings.authorization_parameters,
    requests: settings.requests,
    codeState: settings.code_state,
    answers: { ...known.answers, ...(tokenTypeDefault === undefined ? {} : { tokenTypeDefault }) },
    refresh: {
      lostAnswer: settings.lost_answer,
      terminalErrors: settings.terminal_errors,
      terminalStatuses: settings.terminal_statuses,
    },
    ...(rateLimit === undefined ? {} : { rateLimit }),
    user: userSource(settings, known),
    accounts: settings.accounts,
    targetParameter: settings.target_parameter,
  };
}

function userSource({ user, endpoints }: ProviderConfiguration, known: ProviderDefinition): UserSource {
  if (user !== undefined) return { kind: "endpoint", reading: readingOf(user.claims) };
  return known.user.kind === "id_token" && !hasKeys(known, endpoints) ? { kind: "none" } : known.user;
}

type Claims = NonNullable<ProviderConfiguration["user"]>["claims"];

const members = (...paths: readonly (string | undefined)[]) => paths.filter((path) => path !== undefined);

function readingOf({ id, username, name, email, email_verified: emailVerified, avatar_url: avatarUrl }: Claims): UserReading {
  return {
    id,
    idShape: "any",
    username: members(username),
    displayName: members(name, username),
    email: members(email),
    emailVerified,
    avatar: { kind: "address", members: members(avatarUrl) },
  };
}
