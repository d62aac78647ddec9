// Which kinds of provider there are. What a kind's tokens look like by default stands in config/defaults.ts; here is what differs
// on the way to them.

import type { Provider } from "../exchange/ports.ts";
import { createKeycloakProvider } from "./keycloak.ts";
import { createOidcProvider, type OidcDeps, type OidcOptions } from "./oidc.ts";

const makers = { oidc: createOidcProvider, keycloak: createKeycloakProvider } as const;

export type ProviderKind = keyof typeof makers;

export function createProvider(kind: ProviderKind, deps: OidcDeps, options: OidcOptions): Provider {
  return makers[kind](deps, options);
}
