// Never wider: what a provider granted, held against what the client may have. A provider may leave unsaid what it granted as
// it was asked (RFC 6749 §5.1), and a client that built its own authorization request may have asked for anything, so the
// access token is read as well where it can be. It comes from the provider's own token endpoint, and is read only to refuse.

import type { Audiences, ProviderGrant } from "./clients.ts";
import { ExchangeError } from "./errors.ts";
import { checkScopes } from "./narrowing.ts";
import type { Secret } from "./secret.ts";
import { type CompactToken, parseCompact } from "./token/compact.ts";
import type { TokenSet } from "./tokens.ts";

export interface Allowance {
  readonly grant: ProviderGrant;
  readonly audiences: Audiences;
  /** Configured name. */
  readonly provider: string;
}

/** @throws ExchangeError SCOPE_NOT_ALLOWED, TARGET_NOT_ALLOWED */
export function checkGranted({ grant, audiences, provider }: Allowance, tokens: TokenSet): void {
  const payload = payloadOf(tokens.accessToken);
  const said = payload?.["scope"];
  const scopes = tokens.scopes ?? (typeof said === "string" ? said.split(" ").filter((scope) => scope !== "") : []);
  checkScopes(grant, scopes);

  const aud = [payload?.["aud"]].flat();
  for (const [name, rules] of audiences) {
    const named = rules.get(provider)?.identifiers.some((identifier) => aud.includes(identifier)) === true;
    if (named && !grant.audiences.includes(name)) throw new ExchangeError("TARGET_NOT_ALLOWED");
  }
}

/** Undefined: opaque. */
function payloadOf(token: Secret): CompactToken["payload"] | undefined {
  try {
    return parseCompact(token.reveal()).payload;
  } catch {
    return undefined;
  }
}
