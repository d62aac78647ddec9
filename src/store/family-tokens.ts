// Which access tokens came out of a family, so that they can be revoked with it: what revocation knows each by, and when it
// expires. A token is read leniently, for nothing but that; an opaque one cannot be known again and is left out.

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Secret } from "../exchange/secret.ts";
import { nameOfSigned, nameOfTokenId } from "../exchange/token/revocation-id.ts";

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
  const [header = "", payload = "", signature, ...more] = token.reveal().split(".");
  if (signature === undefined || more.length > 0) return [];
  const { exp, jti } = claimsOf(payload);
  if (typeof exp !== "number" || !Number.isSafeInteger(exp)) return [];
  return [{ id: nameOfTokenId(jti) ?? nameOfSigned(hashed(`${header}.${payload}`)), expiresAt: exp }];
}

function hashed(signingInput: string): string {
  return createHash("sha256").update(signingInput).digest("base64url");
}

function claimsOf(payload: string): { readonly exp?: unknown; readonly jti?: unknown } {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
