// Master keys: read from configuration once, never used themselves. Every use derives its own key from them, so that a value
// made for one purpose means nothing to another. Mistakes here are plain errors, which stop the start.

import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import type { Secret } from "../exchange/secret.ts";
import { decodeBase64url } from "./strict-base64url.ts";

export interface MasterKey {
  /** Stands in clear in front of what the key sealed; at most 128 characters. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

export const masterKeyBytes = 32;
/** One-time marks are set once per key and opening tries the named one, so a handful is plenty for a rotation. */
const maxKeys = 8;
const maxIdBytes = 128;

/**
 * The master keys in their configured order, checked.
 * @throws Error that names the key's id and never its value
 */
export function parseMasterKeys(configured: readonly { readonly id: string; readonly key: Secret }[]): readonly MasterKey[] {
  if (configured.length === 0 || configured.length > maxKeys) throw new Error(`sealing needs 1 to ${maxKeys} keys`);
  const seen = new Set<string>();
  return configured.map(({ id, key }) => {
    if (seen.has(id)) throw new Error(`sealing key ${id} is listed twice`);
    seen.add(id);
    return { id, key: parseMasterKey(id, key) };
  });
}

function parseMasterKey(id: string, text: Secret): Buffer {
  const key = decodeBase64url(text.reveal());
  if (key === undefined || key.length !== masterKeyBytes) {
    throw new Error(`sealing key ${id} is not ${masterKeyBytes} bytes in base64url (43 characters, no padding)`);
  }
  if (key.every((byte) => byte === key[0])) throw new Error(`sealing key ${id} is weak: all its bytes are equal`);
  return key;
}

/** HKDF-SHA-256 (RFC 5869). The label names the purpose and is part of the format of everything made with the key. */
export function deriveKey(master: MasterKey, label: string): KeyObject {
  if (master.key.length !== masterKeyBytes) throw new Error(`sealing key ${master.id} is not ${masterKeyBytes} bytes`);
  if (master.id.length === 0 || Buffer.byteLength(master.id) > maxIdBytes) throw new Error("a sealing key's id has 1 to 128 bytes");
  return createSecretKey(Buffer.from(hkdfSync("sha256", master.key, Buffer.alloc(0), label, masterKeyBytes)));
}
