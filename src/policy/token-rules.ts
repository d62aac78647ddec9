// A provider's configuration → what its access tokens must say. Pure; which keys verify them is wired elsewhere.

import type { ProviderConfiguration } from "../config/schema.ts";
import type { AccessTokenRules } from "../exchange/token/access-token-rules.ts";

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
