// Cache keys: an HMAC over the whole question, so that a key tells nothing about the token and cannot be made without the
// server's secret. It owns the question's encoding and its key; what is stored under it is the tiers' business.

import type { Secret } from "../exchange/secret.ts";
import { createKeyedHash } from "../sealing/keyed-hash.ts";
import { lengthPrefixed } from "../sealing/length-prefix.ts";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";

/**
 * Keys of 43 base64url characters. Under the first master key only: while keys rotate, replicas that disagree on the first
 * miss each other's entries, which costs a verification and nothing else.
 */
export function createCacheKeys(first: MasterKey): (token: Secret, scope: string) => string {
  const keyed = createKeyedHash(deriveKey(first, "cambio/v1/cache-key"));
  return (token, scope) => keyed(lengthPrefixed([token.reveal(), scope]));
}
