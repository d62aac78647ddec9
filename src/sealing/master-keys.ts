// Master keys: never used themselves. Every use derives its own key from them, so that a value made for one purpose means
// nothing to another. Where they come from, and that they are no weak ones, is not known here.

import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

export interface MasterKey {
  /** Stands in clear in front of what the key sealed; 1 to 128 ASCII characters. */
  readonly id: string;
  /** A secret of `masterKeyBytes`. */
  readonly key: KeyObject;
}

export const masterKeyBytes = 32;

/** HKDF-SHA-256 (RFC 5869). The label names the purpose and is part of the format of everything made with the key. */
export function deriveKey(master: MasterKey, label: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", master.key, Buffer.alloc(0), label, masterKeyBytes)));
}
