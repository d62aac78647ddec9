// A token that a provider has just issued, verified as any other: what would not be accepted here must not be handed out here.
// What it may be beyond that is exchanged-bounds.ts.

import type { TokenClaims, Verification } from "./claims.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import type { Secret } from "./secret.ts";
import type { Verifiers } from "./subject-token.ts";
import type { TokenSet } from "./tokens.ts";

const cannotDecide = [
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_INVALID_RESPONSE",
  "DEADLINE_EXCEEDED",
] as const;

/** @throws ExchangeError UPSTREAM_INVALID_RESPONSE (whatever is wrong with it, the provider made it so), UPSTREAM_*, DEADLINE_EXCEEDED */
export async function verifyIssued(
  verifiers: Pick<Verifiers, "byName">,
  { provider, token }: { readonly provider: string; readonly token: Secret },
  signal: AbortSignal,
): Promise<Verification> {
  const verifier = verifiers.byName(provider);
  if (verifier === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
  try {
    return await verifier.verifyIssued(token, signal);
  } catch (failure) {
    throw hasReason(failure, ...cannotDecide) ? failure : new ExchangeError("UPSTREAM_INVALID_RESPONSE", { cause: failure });
  }
}

/** Tokens with all that the new one opens and for as long as it does: an answer may say less, and an opaque token nothing. */
export function asVerified(tokens: TokenSet, { scopes, expiresAt }: TokenClaims): TokenSet {
  return { ...tokens, scopes: [...scopes, ...(tokens.scopes ?? [])], expiresAtMs: expiresAt * 1_000 };
}
