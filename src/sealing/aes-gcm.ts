// AES-256-GCM over node:crypto, with every length pinned (NIST SP 800-38D). It owns one primitive and no format:
// which key, which nonce and which associated data belong together is decided in sealer.ts.

import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";

export const nonceBytes = 12;
/** Node accepts tags down to 4 bytes unless told otherwise; a short tag makes forgery a matter of tries. */
export const tagBytes = 16;

const algorithm = "aes-256-gcm";
const options = { authTagLength: tagBytes };

export interface GcmInput {
  readonly key: KeyObject;
  /** 12 bytes, never used twice under one key. */
  readonly nonce: Uint8Array;
  readonly associated: Uint8Array;
}

/** Ciphertext followed by its tag. @throws Error where the nonce has another length: under none at all, the key itself would leak */
export function encryptGcm(input: GcmInput, plaintext: Uint8Array): Buffer {
  if (input.nonce.length !== nonceBytes) throw new Error("a nonce has another length");
  const cipher = createCipheriv(algorithm, input.key, input.nonce, options);
  cipher.setAAD(input.associated);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext, or undefined for anything that this key, nonce and associated data did not make. */
export function decryptGcm(input: GcmInput, sealed: Uint8Array): Buffer | undefined {
  const tagAt = sealed.length - tagBytes;
  if (tagAt < 0 || input.nonce.length !== nonceBytes) return undefined;
  const decipher = createDecipheriv(algorithm, input.key, input.nonce, options);
  decipher.setAAD(input.associated);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(0, tagAt));
  try {
    // final() compares the tag. Nothing of the plaintext is given out before it has returned.
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    return undefined;
  }
}
