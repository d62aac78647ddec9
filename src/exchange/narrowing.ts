// Never wider: pure functions that say what goes beyond what is configured. What follows from that is policy's to say
// (policy/evaluate.ts); nothing here refuses, and nothing cuts a wish down to what would fit.

import type { Audiences, ProviderGrant } from "./clients.ts";

/** Those of `wanted` that the client may not have. */
export function scopesBeyond(grant: ProviderGrant, wanted: readonly string[]): readonly string[] {
  return wanted.filter((scope) => !grant.scopes.includes(scope));
}

/** Those of `wanted`, names of audiences, that the client may not ask tokens for. */
export function audiencesBeyond(grant: ProviderGrant, wanted: readonly string[]): readonly string[] {
  return wanted.filter((name) => !grant.audiences.includes(name));
}

/**
 * Those of a token's `aud` that mean a configured audience which the client may not have. What means no audience here opens
 * nothing here.
 */
export function recipientsBeyond(audiences: Audiences, grant: ProviderGrant, at: { provider: string; aud: readonly string[] }) {
  const identifiersOf = (name: string) => audiences.get(name)?.get(at.provider)?.identifiers ?? [];
  const allowed = new Set(grant.audiences.flatMap(identifiersOf));
  const configured = new Set([...audiences.keys()].flatMap(identifiersOf));
  return at.aud.filter((one) => configured.has(one) && !allowed.has(one));
}

/** Whether a token lives longer than the client may be given. One that does not say lives for ever. */
export function outlives(grant: ProviderGrant, lifetimeMs: number | undefined): boolean {
  return grant.maxLifetimeMs !== undefined && !(lifetimeMs !== undefined && lifetimeMs <= grant.maxLifetimeMs);
}

/** What the provider knows an audience by (RFC 8707); undefined: that audience takes nothing from this provider. */
export function resourceOf(audiences: Audiences, provider: string, name: string): string | undefined {
  return audiences.get(name)?.get(provider)?.identifiers[0];
}
