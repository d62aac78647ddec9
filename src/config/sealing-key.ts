// The text of a sealing key → the key. What it is used for is known to the cache; here it only becomes something that cannot be
// printed: a KeyObject shows its bytes to nobody who does not export them.

import { createSecretKey, type KeyObject } from "node:crypto";
import { decodeBase64url } from "../exchange/base64url.ts";
import type { Secret } from "../exchange/secret.ts";

type ParsedSealingKey = { readonly kind: "key"; readonly key: KeyObject } | { readonly kind: "mistake"; readonly advice: string };

/** 256 bits: what AES-256 and HMAC-SHA-256 take. */
const keyBytes = 32;

export function parseSealingKey(text: Secret): ParsedSealingKey {
  const bytes = decodeBase64url(text.reveal());
  if (bytes === undefined || bytes.length !== keyBytes) {
    return { kind: "mistake", advice: "padding, characters of plain base64 and any other length are refused" };
  }
  if (bytes.every((byte) => byte === bytes[0])) return { kind: "mistake", advice: "this is one byte over and over" };
  return { kind: "key", key: createSecretKey(bytes) };
}
