// Revocations as values: what two of them say together. Pure; who keeps them is store/ and cache/.

import type { Revocation } from "./ports.ts";

/** The weakest revocation that refuses whatever either of the two refuses, for as long. Both are about the same token or subject. */
export function combined(one: Revocation, other: Revocation | undefined): Revocation {
  if (other === undefined) return one;
  const expiresAt = Math.max(one.expiresAt, other.expiresAt);
  if (one.kind === "token" || other.kind === "token") return { ...one, expiresAt };
  return { ...one, until: Math.max(one.until, other.until), expiresAt };
}
