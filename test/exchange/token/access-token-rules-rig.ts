// Access-token rules as providers have them, and the claims of a token that passes them; a case says what is different about it.

import type { TokenClaims } from "../../../src/exchange/claims.ts";
import { type AccessTokenRules, applyAccessTokenRules } from "../../../src/exchange/token/access-token-rules.ts";
import { parseCompact } from "../../../src/exchange/token/compact.ts";

export const now = 1_800_000_000;
export const issuer = "https://issuer.example/realms/one";

export const rfc9068: AccessTokenRules = {
  issuer,
  issuerCheck: true,
  headerTypes: ["at+jwt"],
  payloadType: undefined,
  clientClaims: ["client_id"],
  expiryBufferMs: 60_000,
  clockToleranceMs: 30_000,
  maxLifetimeMs: 86_400_000,
};
export const keycloak: AccessTokenRules = { ...rfc9068, headerTypes: ["JWT"], payloadType: "Bearer", clientClaims: ["azp"] };
/** Nothing in its configuration tells an access token from another kind. */
export const untyped: AccessTokenRules = { ...rfc9068, headerTypes: ["JWT"] };

const claims = { iss: issuer, sub: "alice", aud: "orders", exp: now + 600, iat: now - 10, client_id: "shop" };
const keycloakClaims = { ...claims, client_id: undefined, azp: "shop", typ: "Bearer" };

export interface Case {
  readonly rules?: AccessTokenRules;
  readonly typ?: string | undefined;
  readonly payload?: object;
  readonly nowMs?: number;
}

export function apply({ rules = rfc9068, payload = {}, nowMs = now * 1_000, ...header }: Case): TokenClaims {
  const typ = "typ" in header ? header.typ : rules === rfc9068 ? "at+jwt" : "JWT";
  const base = rules === keycloak ? keycloakClaims : claims;
  const parts = [
    { alg: "RS256", typ },
    { ...base, ...payload },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return applyAccessTokenRules(rules, parseCompact(`${parts.join(".")}.AAAA`), nowMs);
}
