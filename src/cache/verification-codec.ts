// A verification as bytes and back. Decoding takes nothing on trust: a value of another shape, an older one for example, is
// no verification. The key it was made for travels inside, so that a value can be held against the place it was found in.

import { z } from "zod";
import type { Verification } from "../exchange/claims.ts";

const instant = z.int().nonnegative();

const shape: z.ZodType<{ readonly key: string; readonly verification: Verification }> = z.strictObject({
  key: z.string(),
  verification: z.strictObject({
    claims: z.strictObject({
      issuer: z.string(),
      subject: z.string(),
      clientId: z.string(),
      audiences: z.array(z.string()),
      scopes: z.array(z.string()),
      issuedAt: instant,
      expiresAt: instant,
      tokenId: z.string(),
      actors: z.array(z.strictObject({ issuer: z.string(), subject: z.string(), clientId: z.string() })),
      name: z.string(),
      preferredUsername: z.string(),
      email: z.string(),
    }),
    provider: z.string(),
    keyId: z.string(),
    revocationId: z.string(),
    validUntilMs: instant,
  }),
});

export function encodeVerification(key: string, verification: Verification): Uint8Array {
  return Buffer.from(JSON.stringify({ key, verification }));
}

/** Undefined: not a verification, or one that was made for another key. */
export function decodeVerification(key: string, bytes: Uint8Array): Verification | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    return undefined;
  }
  const decoded = shape.safeParse(value);
  return decoded.success && decoded.data.key === key ? decoded.data.verification : undefined;
}
