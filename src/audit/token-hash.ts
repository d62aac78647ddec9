// How a credential is named on the trail: a keyed hash. The same credential has the same name, and without the key nobody finds
// out, by trying, whose it was.

import { createHmac } from "node:crypto";
import type { Secret } from "../exchange/secret.ts";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";

/** @returns HMAC-SHA-256 in base64url */
export function createTokenHash(master: MasterKey): (credential: Secret) => string {
  const key = deriveKey(master, "cambio/v1/audit/token-hash");
  return (credential) => createHmac("sha256", key).update(credential.reveal()).digest("base64url");
}
