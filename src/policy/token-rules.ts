// A provider's configuration → what its access tokens must say. Pure; which keys verify them is wired elsewhere.

import { longestMintedLife } from "../exchange/minting.ts";
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

/** Between the clocks of replicas: one may look at what another has just issued. */
const ownClockToleranceMs = 30_000;

/** Tokens that this service issues itself (RFC 9068): no buffer, as their life is its own to say. */
export function ownTokenRulesOf(issuer: string): AccessTokenRules {
  return {
    issuer,
    issuerCheck: true,
    headerTypes: ["at+jwt"],
    payloadType: undefined,
    clientClaims: ["client_id"],
    expiryBufferMs: 0,
    clockToleranceMs: ownClockToleranceMs,
    maxLifetimeMs: longestMintedLife.ms,
  };
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
