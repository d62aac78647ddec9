// Tokens that nobody signed, and a verifier that holds them against all rules but that of the signature: for tests of what comes after.

import type { TokenClaims } from "../../src/exchange/claims.ts";
import type { AccessTokenVerifier, Clock } from "../../src/exchange/ports.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { type AccessTokenRules, applyAccessTokenRules } from "../../src/exchange/token/access-token-rules.ts";
import { parseCompact } from "../../src/exchange/token/compact.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { ownIssuer } from "./mint-written.ts";

export function unsigned(claims: object): string {
  const parts = [{ alg: "ES256", typ: "at+jwt" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${parts.join(".")}.AAAA`;
}

export interface UnsignedDeps {
  readonly clock: Clock;
  /** Told of the client that a token was issued to. */
  readonly onVerified: (clientId: string) => void;
}

export function unsignedVerifier(provider: string, issuer: string, { clock, onVerified }: UnsignedDeps): AccessTokenVerifier {
  const ours = provider === "cambio";
  const rules = rulesOf(issuer, ours ? 0 : 60_000);
  const verify = async (token: Secret) => {
    const claims = applyAccessTokenRules(rules, parseCompact(token.reveal()), clock());
    onVerified(claims.clientId);
    const source = ours ? "CAMBIO" : "LOCAL_KEYS";
    return { claims, provider, source, keyId: "k", revocationId: claims.tokenId, validUntilMs: clock() + 60_000 } as const;
  };
  const rest = { denyKeyIds: new Set<string>(), asksProvider: () => false, verifyAtHand: () => undefined, verify, verifyIssued: verify };
  return { provider, issuer, contentHash: issuer, ours, ...rest };
}

function rulesOf(issuer: string, expiryBufferMs: number): AccessTokenRules {
  return {
    issuer,
    issuerCheck: true,
    headerTypes: ["at+jwt"],
    payloadType: undefined,
    clientClaims: ["client_id"],
    expiryBufferMs,
    clockToleranceMs: 30_000,
    maxLifetimeMs: 86_400_000,
  };
}

/** What stands in a token that was issued. */
export function claimsOf({ accessToken }: Pick<TokenSet, "accessToken">): Readonly<Record<string, unknown>> {
  const [, payload = ""] = accessToken.reveal().split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Readonly<Record<string, unknown>>;
}

/** As the rules of our own tokens read them. */
export function ownClaimsOf({ accessToken }: Pick<TokenSet, "accessToken">, nowMs: number): TokenClaims {
  return applyAccessTokenRules(rulesOf(ownIssuer, 0), parseCompact(accessToken.reveal()), nowMs);
}
