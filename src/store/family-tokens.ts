// Which access tokens came out of a family, so that they can be revoked with it: what revocation knows each by, and when it
// expires. A token is read leniently, for nothing but that; an opaque one cannot be known again and is left out.

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Secret } from "../exchange/secret.ts";
import { readLeniently } from "../exchange/token/lenient-payload.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import { revocationIdOf } from "../exchange/token/revocation-id.ts";

/**
 * A client that refreshes a few minutes before its token expires has two at a time. None of them is dropped to make room: it would
 * outlive its family, and whoever wanted that would only have to refresh often enough.
 */
const maxTokens = 64;
/** Tokens that live for a day must not tell a client to stay away for one: another one's may have ended by then. */
const longestWaitMs = 60_000;

export interface HandedOut {
  /** `revocationId` of its verification. */
  readonly id: string;
  /** `exp`, in seconds since the epoch. */
  readonly expiresAt: number;
  /** Issued by this service itself: revocation knows it as such, and not as its family's provider's. */
  readonly own?: true | undefined;
}

const shape = z.array(z.strictObject({ id: z.string(), expiresAt: z.number(), own: z.literal(true).optional() }));

/** @param column the row's `tokens`; what cannot be read is empty */
export function handedOut(column: string): readonly HandedOut[] {
  try {
    return shape.parse(JSON.parse(column));
  } catch {
    return [];
  }
}

/** The column with one more, and without those that have expired. Ask `msUntilRoom` before the token is asked for. */
export function withToken(column: string, { accessToken, ours }: Pick<TokenSet, "accessToken" | "ours">, nowMs: number): string {
  const fresh = idOf(accessToken).map((token) => (ours === undefined ? token : { ...token, own: ours }));
  const all = [...unexpired(handedOut(column), nowMs), ...unexpired(fresh, nowMs)];
  return JSON.stringify(all.toSorted((one, other) => other.expiresAt - one.expiresAt));
}

/** How long to wait until one more can be remembered, in milliseconds, within `longestWaitMs`. 0: it can. */
export function msUntilRoom(column: string, nowMs: number): number {
  const all = unexpired(handedOut(column), nowMs);
  if (all.length < maxTokens) return 0;
  const first = Math.min(...all.map(({ expiresAt }) => expiresAt));
  return Math.min(first * 1_000 - nowMs, longestWaitMs);
}

function unexpired(tokens: readonly HandedOut[], nowMs: number): readonly HandedOut[] {
  return tokens.filter(({ expiresAt }) => expiresAt * 1_000 > nowMs);
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
