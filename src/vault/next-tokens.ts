// What a provider's answer makes of what was kept: pure. What it leaves out keeps its old value, and nothing that it says is lost.

import type { RefreshedTokens, TokenSet } from "../exchange/tokens.ts";
import type { ConnectionContents } from "./connection-columns.ts";

export function afterRefresh({ grant, tokens }: ConnectionContents, fresh: RefreshedTokens): ConnectionContents {
  const renewed = fresh.accessToken !== undefined;
  const subject = grant.subject ?? fresh.subject;
  const next: TokenSet = {
    accessToken: fresh.accessToken ?? tokens.accessToken,
    tokenType: renewed ? fresh.tokenType : tokens.tokenType,
    // Of an old token the old expiry, unless the provider says another one.
    expiresAtMs: renewed ? fresh.expiresAtMs : (fresh.expiresAtMs ?? tokens.expiresAtMs),
    refreshToken: undefined,
    idToken: fresh.idToken ?? tokens.idToken,
    scopes: fresh.scopes ?? tokens.scopes,
    issuer: fresh.issuer,
    ...(subject === undefined ? {} : { subject }),
  };
  return { grant: { ...grant, subject, refreshToken: fresh.refreshToken ?? grant.refreshToken }, tokens: next };
}

/** Somebody has signed in again: some providers give a refresh token the first time only. @param before whose token is as good as it was */
export function afterSignIn(before: ConnectionContents | undefined, now: ConnectionContents): ConnectionContents {
  // Another issuer's token is no use to this one.
  const older = before?.grant.issuer === now.grant.issuer ? before.grant.refreshToken : undefined;
  return { ...now, grant: { ...now.grant, refreshToken: now.grant.refreshToken ?? older } };
}

/** An access token that ends before a caller can use it is of no use. */
const leastLifeMs = 60_000;

export function lasts({ tokens }: ConnectionContents, nowMs: number): boolean {
  return tokens.expiresAtMs === undefined || tokens.expiresAtMs > nowMs + leastLifeMs;
}
