// Keycloak, 26.2 and later. On the way to tokens it goes by the book; what differs is how its access tokens look (`typ`, `azp`), and by
// which words it refuses an exchange of tokens (its "standard token exchange").
//
// Seen there, and taken care of by the common code: wrong client credentials are `unauthorized_client` with 401, a disabled
// client is `invalid_client`; the issuer follows the public host name while the back channel may have another address; answers
// carry members beyond RFC 6749 (`refresh_expires_in`, `not-before-policy`, `session_state`), which nobody reads. An exchanged
// token has the whole life that its requester is configured for, however little is left of the subject token. A refresh for a target
// that was disabled since gives a token whose `aud` is empty. Who is not in a token's `aud` hears by introspection that it is inactive.

import type { ProviderDefinition, RefusalWords } from "../definition.ts";
import { oidc } from "./oidc.ts";

/** Seen with 26.7; test/keycloak/ asks the real one for each. */
const refusalWords: RefusalWords = {
  known: [
    // Expired, revoked, signed out and forged alike.
    { error: "invalid_request", description: /^Invalid token$/, reason: "TOKEN_REVOKED" },
    { error: "invalid_request", description: /^Requested audience not available: /, reason: "TARGET_NOT_ALLOWED" },
    { error: "invalid_client", description: /^(Audience not found|Client disabled)$/, reason: "TARGET_NOT_ALLOWED" },
    {
      error: "invalid_request",
      description: /^Standard token exchange is not enabled for the requested client$/,
      reason: "UPSTREAM_REJECTED_CLIENT",
    },
    // Only ever about a refresh token: this registration may not have one.
    { error: "invalid_request", description: /^requested_token_type unsupported$/, reason: "UPSTREAM_REJECTED_CLIENT" },
  ],
};

export const keycloak: ProviderDefinition = {
  ...oidc,
  accessTokens: { headerTypes: ["JWT"], payloadType: "Bearer", clientClaims: ["azp"] },
  targetParameter: "audience",
  refusalWords,
};
