// Which access tokens came out of a family, so that they can be revoked with it: what revocation knows each by, and when it
// expires. A token is read leniently, for nothing but that; an opaque one cannot be known again and is left out.

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Secret } from "../exchange/secret.ts";
import { readLeniently } from "../exchange/token/lenient-payload.ts";
import { revocationIdOf } from "../exchange/token/revocation-id.ts";

/** A client that refreshes a few minutes before its token expires has two at a time. The first to expire makes room. */
const maxTokens = 16;

export interface HandedOut {
  /** `revocationId` of its verification. */
  readonly id: string;
  /** `exp`, in seconds since the epoch. */
  readonly expiresAt: number;
}

const shape = z.array(z.strictObject({ id: z.string(), expiresAt: z.number() }));

/** @param column the row's `tokens`; what cannot be read is empty */
export function handedOut(column: string): readonly HandedOut[] {
  try {
    return shape.parse(JSON.parse(column));
  } catch {
    return [];
  }
}

/** The column with one more, and without those that have expired. */
export function withToken(column: string, accessToken: Secret, nowMs: number): string {
  const all = [...handedOut(column), ...idOf(accessToken)].filter(({ expiresAt }) => expiresAt * 1_000 > nowMs);
  const latest = all.toSorted((one, other) => other.expiresAt - one.expiresAt).slice(0, maxTokens);
  return JSON.stringify(latest);
}

/** Empty: not a token that validation could ever accept, so there is nothing to revoke. */
function idOf(token: Secret): readonly HandedOut[] {
  const read = readLeniently(token);
  if (read === undefined) return [];
  const { exp, jti } = read.claims;
  if (typeof exp !== "number" || !Number.isSafeInteger(exp)) return [];
  return [{ id: revocationIdOf(jti, read.signingInput, sha256), expiresAt: exp }];
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
