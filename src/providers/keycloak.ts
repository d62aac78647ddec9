// Keycloak, 26.2 and later. On the way to tokens it goes by the book, so this is the OpenID Connect provider itself; what
// differs is how its access tokens look (`typ`, `azp`), and that is configuration with defaults of its own.
//
// Seen there, and taken care of by the common code: wrong client credentials are `unauthorized_client` with 401, a disabled
// client is `invalid_client`; the issuer follows the public host name while the back channel may have another address; answers
// carry members beyond RFC 6749 (`refresh_expires_in`, `not-before-policy`, `session_state`), which nobody reads.

import type { Provider } from "../exchange/ports.ts";
import { createOidcProvider, type OidcDeps, type OidcOptions } from "./oidc.ts";

export function createKeycloakProvider(deps: OidcDeps, options: OidcOptions): Provider {
  return createOidcProvider(deps, options);
}
