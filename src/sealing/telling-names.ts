// Names under which a token waits until its provider has heard that it is revoked: one per token, so that whoever revokes the same
// one again and again fills no queue. HMACs, so that whoever reads the queue cannot try out tokens.

import { createHmac } from "node:crypto";
import type { Secret } from "../exchange/secret.ts";
import { lengthPrefixed } from "./length-prefix.ts";
import { deriveKey, type MasterKey } from "./master-keys.ts";

export type TellingNames = (provider: string, token: Secret) => string;

/** While keys rotate, replicas with another first key may keep one more entry for the same token. */
export function createTellingNames(firstKey: MasterKey): TellingNames {
  const key = deriveKey(firstKey, "cambio/v1/telling");
  return (provider, token) =>
    createHmac("sha256", key)
      .update(lengthPrefixed([provider, token.reveal()]))
      .digest("base64url");
}
