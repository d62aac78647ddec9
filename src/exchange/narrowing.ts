// Never wider: what may be asked for is a subset of what is configured, and nobody is given more than he may ask for.

import type { Audiences, ProviderGrant } from "./clients.ts";
import { ExchangeError } from "./errors.ts";

/**
 * @param wanted scopes asked for; empty: all that are configured
 * @throws ExchangeError SCOPE_NOT_ALLOWED
 */
export function narrowScopes(grant: ProviderGrant, wanted: readonly string[]): readonly string[] {
  if (wanted.length === 0) return grant.scopes;
  checkScopes(grant, wanted);
  return wanted;
}

/** @throws ExchangeError SCOPE_NOT_ALLOWED where one of the scopes is not configured for the client. */
export function checkScopes(grant: ProviderGrant, scopes: readonly string[]): void {
  if (!scopes.every((scope) => grant.scopes.includes(scope))) throw new ExchangeError("SCOPE_NOT_ALLOWED");
}

/**
 * Audience names → what the provider knows them by (RFC 8707).
 * @throws ExchangeError TARGET_NOT_ALLOWED
 */
export function resourcesFor(audiences: Audiences, grant: ProviderGrant, provider: string, wanted: readonly string[]): readonly string[] {
  return wanted.map((name) => {
    const identifier = grant.audiences.includes(name) ? audiences.get(name)?.get(provider)?.identifiers[0] : undefined;
    if (identifier === undefined) throw new ExchangeError("TARGET_NOT_ALLOWED");
    return identifier;
  });
}
