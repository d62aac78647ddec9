// Never wider: what a provider granted, held against what the client may have. A provider may leave unsaid what it granted as
// it was asked (RFC 6749 §5.1), and a client that built its own authorization request may have asked for anything, so the
// access token is read as well where it can be. It comes from the provider's own token endpoint, and is read only to refuse.

import type { Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import type { Clock } from "./ports.ts";
import { readLeniently } from "./token/lenient-payload.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";

export interface Handover {
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
  readonly trail: Trail;
}

/** @throws ExchangeError SCOPE_NOT_ALLOWED, TARGET_NOT_ALLOWED, CALLER_NOT_ALLOWED (it lives too long) */
export function checkGranted(deps: { decide: Decide; clock: Clock }, { client, provider, trail }: Handover, tokens: TokenSet): void {
  const { aud, exp } = readLeniently(tokens.accessToken)?.claims ?? {};
  const decision = deps.decide({
    kind: "result",
    client,
    provider,
    scopes: scopesOf(tokens),
    audiences: words(aud, "whole"),
    lifetimeMs: longest(tokens.expiresAtMs, typeof exp === "number" ? exp * 1_000 : undefined, deps.clock()),
  });
  permit(decision, trail);
}

/**
 * Of tokens that stay here: whom they open and for how long is nothing that the client is handed.
 * @throws ExchangeError SCOPE_NOT_ALLOWED
 */
export function checkKept({ decide }: { decide: Decide }, { client, provider, trail }: Handover, tokens: TokenSet): void {
  permit(decide({ kind: "result", client, provider, scopes: scopesOf(tokens), audiences: [], lifetimeMs: 0 }), trail);
}

/** All that an answer says and its token carries, always: neither vouches for the other. */
export function scopesOf({ accessToken, scopes = [] }: Pick<TokenSet, "accessToken" | "scopes">): readonly string[] {
  // `scp`: where some providers put scopes, as a text or a list. An opaque token says nothing.
  const { scope, scp } = readLeniently(accessToken)?.claims ?? {};
  return [...scopes, ...words(scope), ...words(scp)];
}

/** Whose they are, as far as they say: in the ID token, or where the access token can be read. */
export function subjectIn({ subject, accessToken }: Pick<TokenSet, "subject" | "accessToken">): string | undefined {
  const { sub } = readLeniently(accessToken)?.claims ?? {};
  return subject ?? (typeof sub === "string" ? sub : undefined);
}

/** Of two statements about one token the later counts; undefined: neither was made. */
function longest(saidMs: number | undefined, carriedMs: number | undefined, nowMs: number): number | undefined {
  const latest = Math.max(saidMs ?? -Infinity, carriedMs ?? -Infinity);
  return latest === -Infinity ? undefined : Math.max(0, latest - nowMs);
}

/** The texts in a claim, split at spaces unless they are whole. */
function words(claim: unknown, how: "split" | "whole" = "split"): readonly string[] {
  const texts = [claim].flat().filter((text) => typeof text === "string");
  return how === "whole" ? texts : texts.flatMap((text) => text.split(" ").filter((word) => word !== ""));
}
