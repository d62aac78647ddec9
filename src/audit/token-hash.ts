// How a credential is named on the trail: a keyed hash. The same credential has the same name, and without the key nobody finds
// out, by trying, whose it was.

import type { Secret } from "../exchange/secret.ts";
import { createKeyedHash } from "../sealing/keyed-hash.ts";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";

/** @returns HMAC-SHA-256 in base64url */
export function createTokenHash(master: MasterKey): (credential: Secret) => string {
  const keyed = createKeyedHash(deriveKey(master, "cambio/v1/audit/token-hash"));
  return (credential) => keyed(credential.reveal());
}
