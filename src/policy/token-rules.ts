// A provider's configuration → what its access tokens must say. Pure; which keys verify them is wired elsewhere.

import type { ProviderConfiguration, SessionProviderConfiguration } from "../config/schema.ts";
import { type AccessTokenRules, untyped } from "../exchange/token/access-token-rules.ts";

export function tokenRulesOf({ issuer, tokens }: Pick<ProviderConfiguration, "issuer" | "tokens">): AccessTokenRules {
  return {
    issuer,
    issuerCheck: tokens.issuer_check,
    headerTypes: tokens.header_types,
    payloadType: tokens.payload_type,
    clientClaims: tokens.client_claims,
    expiryBufferMs: tokens.expiry_buffer,
    clockToleranceMs: tokens.clock_tolerance,
    maxLifetimeMs: tokens.max_lifetime,
  };
}

export function accessTokenRulesOf(settings: ProviderConfiguration | SessionProviderConfiguration): AccessTokenRules {
  return settings.kind === "better-auth" ? sessionTokenRulesOf(settings) : tokenRulesOf(settings);
}

/** Short enough for any token that a page holds in place of its session, which the application cannot take back. */
const longestSessionTokenMs = 86_400_000;

/** JWTs of an application that keeps sessions: issued to itself, and without a type. The times are the defaults of other providers. */
export function sessionTokenRulesOf({
  issuer,
}: Pick<SessionProviderConfiguration, "issuer">): AccessTokenRules & { readonly soleClient: string } {
  return {
    issuer,
    issuerCheck: true,
    headerTypes: ["JWT", untyped],
    payloadType: undefined,
    clientClaims: [],
    soleClient: issuer,
    expiryBufferMs: 60_000,
    clockToleranceMs: 30_000,
    maxLifetimeMs: longestSessionTokenMs,
  };
}
