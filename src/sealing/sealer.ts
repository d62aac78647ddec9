// Sealing: bytes that leave the process and must come back unchanged, unread and in their own place. It owns the envelope
// (id length, id, nonce, ciphertext, tag) and key rotation; what is inside and what it is bound to is its callers' business.

import { randomBytes, type KeyObject } from "node:crypto";
import { decryptGcm, encryptGcm, nonceBytes, tagBytes } from "./aes-gcm.ts";
import { lengthPrefixed } from "./length-prefix.ts";
import { deriveKey, type MasterKey } from "./master-keys.ts";

/** One master key per 2^32 seals of one purpose: beyond, random nonces get too likely to repeat (NIST SP 800-38D §8.3). */
export interface Sealer {
  /** Seals under the first key. The same plaintext never looks the same twice. */
  seal(plaintext: Uint8Array, associated: readonly string[]): Uint8Array;
  /** Undefined for every failure alike: unknown key, other purpose, other associated data, changed or cut bytes. */
  open(sealed: Uint8Array, associated: readonly string[]): Uint8Array | undefined;
}

interface SealingKey {
  readonly id: string;
  readonly key: KeyObject;
}

const idLengthBytes = 1;

/** The first key seals, all of them open. `purpose` separates sealers that share master keys. */
export function createSealer(keys: readonly MasterKey[], purpose: string, random: (size: number) => Uint8Array = randomBytes): Sealer {
  const derived: readonly SealingKey[] = keys.map((master) => ({ id: master.id, key: deriveKey(master, `cambio/v1/seal/${purpose}`) }));
  const byId = new Map(derived.map((key) => [key.id, key]));
  const [first] = derived;
  if (first === undefined || byId.size !== derived.length) throw new Error("a sealer needs at least one key, each with its own id");

  const bind = (id: string, associated: readonly string[]) => lengthPrefixed(["cambio/v1/sealed", purpose, id, ...associated]);

  return {
    seal(plaintext, associated) {
      const id = Buffer.from(first.id);
      const nonce = random(nonceBytes);
      const body = encryptGcm({ key: first.key, nonce, associated: bind(first.id, associated) }, plaintext);
      return Buffer.concat([Buffer.of(id.length), id, nonce, body]);
    },
    open(sealed, associated) {
      const nonceAt = idLengthBytes + (sealed[0] ?? 0);
      const bodyAt = nonceAt + nonceBytes;
      if (sealed.length < bodyAt + tagBytes) return undefined;
      const key = byId.get(Buffer.from(sealed.subarray(idLengthBytes, nonceAt)).toString());
      if (key === undefined) return undefined;
      const nonce = sealed.subarray(nonceAt, bodyAt);
      return decryptGcm({ key: key.key, nonce, associated: bind(key.id, associated) }, sealed.subarray(bodyAt));
    },
  };
}
