// Keycloak, 26.2 and later. On the way to tokens it goes by the book, so this is the OpenID Connect provider itself; what
// differs is how its access tokens look (`typ`, `azp`), which is configuration with defaults of its own, and by which words it
// refuses an exchange of tokens (its "standard token exchange").
//
// Seen there, and taken care of by the common code: wrong client credentials are `unauthorized_client` with 401, a disabled
// client is `invalid_client`; the issuer follows the public host name while the back channel may have another address; answers
// carry members beyond RFC 6749 (`refresh_expires_in`, `not-before-policy`, `session_state`), which nobody reads. An exchanged
// token has the whole life that its requester is configured for, however little is left of the subject token. A refresh for a target
// that was disabled since gives a token whose `aud` is empty. Who is not in a token's `aud` hears by introspection that it is inactive.

import type { Provider } from "../exchange/ports.ts";
import type { RefusalWords } from "./exchange-refusals.ts";
import { createOidcProvider, type OidcDeps, type OidcOptions } from "./oidc.ts";

/** Seen with 26.7; test/keycloak/ asks the real one for each. */
export const keycloakWords: RefusalWords = {
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

export function createKeycloakProvider(deps: OidcDeps, options: OidcOptions): Provider {
  return createOidcProvider(deps, options, keycloakWords);
}
