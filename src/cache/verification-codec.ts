// A verification as bytes and back. Decoding takes nothing on trust: a value of another shape, an older one for example, is
// no verification. The key it was made for travels inside, so that a value can be held against the place it was found in.

import { z } from "zod";
import type { Verification } from "../exchange/claims.ts";
import type { KeptKind } from "./redis-tier.ts";

const instant = z.int().nonnegative();

const actor = z.strictObject({ issuer: z.string(), subject: z.string(), clientId: z.string() });

export const verificationShape: z.ZodType<Verification> = z.strictObject({
  claims: z.strictObject({
    issuer: z.string(),
    subject: z.string(),
    clientId: z.string(),
    audiences: z.array(z.string()),
    scopes: z.array(z.string()),
    issuedAt: instant,
    expiresAt: instant,
    tokenId: z.string(),
    actors: z.array(actor),
    mayAct: actor.optional(),
    name: z.string(),
    preferredUsername: z.string(),
    email: z.string(),
  }),
  provider: z.string(),
  source: z.enum(["CAMBIO", "LOCAL_KEYS", "INTROSPECTION"]),
  keyId: z.string(),
  revocationId: z.string(),
  validUntilMs: instant,
});

const shape = z.strictObject({ key: z.string(), verification: verificationShape });

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

export const keptVerifications: KeptKind<Verification> = {
  prefix: "cambio:v1:ver:",
  // Sealed claims of a 16 KiB token fit.
  maxBytes: 32 * 1024,
  store: "verifications",
  encode: encodeVerification,
  decode: decodeVerification,
};

/**
 * JSON length stands for what is held, one byte per character as the engine keeps ASCII: a field added to the claims is weighed without
 * anyone remembering to.
 */
export function weighVerification(verification: Verification): number {
  return JSON.stringify(verification).length;
}
