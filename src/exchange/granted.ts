// Never wider: what a provider granted, held against what the client may have. A provider may leave unsaid what it granted as
// it was asked (RFC 6749 §5.1), and a client that built its own authorization request may have asked for anything, so the
// access token is read as well where it can be. It comes from the provider's own token endpoint, and is read only to refuse.

import type { Audiences, ProviderGrant } from "./clients.ts";
import { ExchangeError } from "./errors.ts";
import { checkScopes } from "./narrowing.ts";
import type { Secret } from "./secret.ts";
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
  // Both, always: what an answer says does not vouch for what the token carries.
  checkScopes(grant, [...(tokens.scopes ?? []), ...words(payload.scope), ...words(payload.scp)]);

  const identifiersOf = (name: string) => audiences.get(name)?.get(provider)?.identifiers ?? [];
  const allowed = new Set(grant.audiences.flatMap(identifiersOf));
  const configured = new Set([...audiences.keys()].flatMap(identifiersOf));
  const beyond = words(payload.aud, "whole").some((aud) => configured.has(aud) && !allowed.has(aud));
  if (beyond) throw new ExchangeError("TARGET_NOT_ALLOWED");
}

interface Payload {
  readonly scope?: unknown;
  /** Where some providers put scopes, as a text or a list. */
  readonly scp?: unknown;
  readonly aud?: unknown;
}

/**
 * Read leniently, unlike a token that is to be believed: what a strict reader refuses, a recipient may still accept. An opaque
 * token has no payload to read.
 */
function payloadOf(token: Secret): Payload {
  try {
    const [, payload = "", ...more] = token.reveal().split(".");
    const value: unknown = more.length === 1 ? JSON.parse(Buffer.from(payload, "base64url").toString()) : undefined;
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The texts in a claim, split at spaces unless they are whole. */
function words(claim: unknown, how: "split" | "whole" = "split"): readonly string[] {
  const texts = [claim].flat().filter((text) => typeof text === "string");
  return how === "whole" ? texts : texts.flatMap((text) => text.split(" ").filter((word) => word !== ""));
}
