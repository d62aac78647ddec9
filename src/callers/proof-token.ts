// What assertions and workload tokens have in common: a strict compact form, a type that is no other token's, one audience,
// bounded times, a signature. Whose token it is, and which rules and keys that makes, is decided by its kind.

import { isInstant, plainMediaType, readAudiences } from "../exchange/token/claim-shapes.ts";
import { type CompactToken, maxTokenLength, parseCompact } from "../exchange/token/compact.ts";
import type { JsonObject } from "../exchange/token/strict-json.ts";
import { checkSignature, type SignatureCheck } from "../keys/signature-check.ts";
import { refusedProof } from "./refused-proof.ts";

export interface ProofTokenRules {
  readonly proof: "assertion" | "workload";
  /** Accepted `typ` headers, without `application/`, in lower case. A token without one is accepted as well. */
  readonly types: readonly string[];
  /** Byte for byte, and the only one: another recipient of the same token could show it here. */
  readonly audience: string;
  /** The most that `exp` may lie after `iat`. */
  readonly maxLifetimeMs: number;
  /** Keys of the one who may have signed it, and of nobody else. */
  readonly signature: SignatureCheck;
}

/** How far `iat` and `nbf` may lie ahead. Never applied to `exp`. */
export const clockToleranceMs = 30_000;

/** The scheme and some spaces (RFC 9110 §11.4). */
const maxSchemeLength = 16;

/**
 * The token of an `authorization: Bearer` header (RFC 6750 §2.1), unverified. Two in one header are none.
 * @throws ExchangeError CALLER_UNAUTHENTICATED
 */
export function readBearer(authorization: string): CompactToken {
  const fits = authorization.length <= maxTokenLength + maxSchemeLength;
  const token = fits ? /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization)?.[1] : undefined;
  if (token === undefined) throw refusedProof("assertion", "malformed");
  try {
    return parseCompact(token);
  } catch {
    throw refusedProof("assertion", "malformed");
  }
}

/**
 * Whatever its own words already forbid is refused before a key is asked for: a stranger's token causes no outbound call.
 * @returns when it expires, in epoch milliseconds
 * @throws ExchangeError CALLER_UNAUTHENTICATED (decided); UPSTREAM_*, DEADLINE_EXCEEDED (the keys cannot be had)
 */
export async function verifyProofToken(
  rules: ProofTokenRules,
  token: CompactToken,
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<number> {
  const { header, payload } = token;
  // Access tokens (RFC 9068 §2.1), logout tokens and others of the same signer say in their type what they are.
  if (header.typ !== undefined && !rules.types.includes(plainMediaType(header.typ))) throw refusedProof(rules.proof, "type");
  // Bound to a key that the sender would have to prove (RFC 7800 §3.1); a bearer of it proves nothing.
  if ("cnf" in payload) throw refusedProof(rules.proof, "bound");
  if (onlyAudience(payload) !== rules.audience) throw refusedProof(rules.proof, "audience");
  const expiresAtMs = expiryOf(payload, rules, nowMs);
  const verdict = await checkSignature(rules.signature, token, signal);
  if (verdict.kind !== "good") throw refusedProof(rules.proof, "signature");
  return expiresAtMs;
}

/** `aud` where it is exactly one, alone or in a list. */
export function onlyAudience({ aud }: JsonObject): string | undefined {
  const [only, ...others] = readAudiences(aud) ?? [];
  return others.length === 0 ? only : undefined;
}

function expiryOf({ exp, iat, nbf }: JsonObject, { proof, maxLifetimeMs }: ProofTokenRules, nowMs: number): number {
  if (!isInstant(exp) || !isInstant(iat) || (nbf !== undefined && !isInstant(nbf))) throw refusedProof(proof, "times");
  const lifetimeMs = (exp - iat) * 1_000;
  if (lifetimeMs <= 0 || lifetimeMs > maxLifetimeMs) throw refusedProof(proof, "lifetime");
  if (nowMs >= exp * 1_000) throw refusedProof(proof, "expired");
  const latestMs = nowMs + clockToleranceMs;
  if (iat * 1_000 > latestMs || (nbf !== undefined && nbf * 1_000 > latestMs)) throw refusedProof(proof, "not_yet_valid");
  return exp * 1_000;
}
