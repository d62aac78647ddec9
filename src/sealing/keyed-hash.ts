// HMAC-SHA-256 (RFC 2104) under one key, for what is named anew with every call. Two one-shot hashes over prepared blocks: to make
// node:crypto's Hmac object takes longer than its hashing. What is hashed, and what the name is good for, is others' business.

import { hash, type KeyObject } from "node:crypto";

const blockBytes = 64;
const digestBytes = 32;
const innerPad = 0x36;
const outerPad = 0x5c;

/**
 * @param key of at most 64 bytes, as all derived keys are: longer ones would be hashed first
 * @returns message, where it is text in UTF-8 → its HMAC in base64url
 */
export function createKeyedHash(key: KeyObject): (message: Uint8Array | string) => string {
  const inner = padded(key, innerPad);
  const outer = Buffer.concat([padded(key, outerPad), Buffer.alloc(digestBytes)]);
  return (message) => {
    const input = Buffer.allocUnsafe(blockBytes + Buffer.byteLength(message));
    input.set(inner);
    if (typeof message === "string") input.write(message, blockBytes);
    else input.set(message, blockBytes);
    // As text, a byte per character: a digest in a buffer of its own costs as much as the hash.
    outer.write(hash("sha256", input, "latin1"), blockBytes, "latin1");
    return hash("sha256", outer, "base64url");
  };
}

function padded(key: KeyObject, pad: number): Buffer {
  const secret = key.export();
  if (secret.length > blockBytes) throw new Error("a key of more than one block");
  const block = Buffer.alloc(blockBytes, pad);
  for (const [index, byte] of secret.entries()) block[index] = byte ^ pad;
  return block;
}
