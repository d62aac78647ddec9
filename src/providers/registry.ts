// Which kinds of provider there are, and the configured ones by name. A name that is not in the registry is for the operation
// to refuse (PROVIDER_UNKNOWN); there is no default provider.

import type { Provider } from "../exchange/ports.ts";
import { createKeycloakProvider } from "./keycloak.ts";
import { createOidcProvider, type OidcDeps, type OidcOptions } from "./oidc.ts";

const makers = { oidc: createOidcProvider, keycloak: createKeycloakProvider } as const;

export type ProviderKind = keyof typeof makers;

export function createProvider(kind: ProviderKind, deps: OidcDeps, options: OidcOptions): Provider {
  return makers[kind](deps, options);
}

/** @throws Error where two share a name */
export function createProviderRegistry(providers: Iterable<Provider>): ReadonlyMap<string, Provider> {
  const byName = new Map<string, Provider>();
  for (const provider of providers) {
    if (byName.has(provider.name)) throw new Error(`two providers are named ${provider.name}`);
    byName.set(provider.name, provider);
  }
  return byName;
}
