// This service's own keys for tests: made for real, by default active since the frozen clock's instant.

import type { SigningAlgorithm } from "../../src/exchange/minting-ports.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { parseCompact } from "../../src/exchange/token/compact.ts";
import type { OwnKey } from "../../src/keys/key-ring.ts";
import type { KeySet } from "../../src/keys/key-set.ts";
import { createPrivateKeyFor, partsOf } from "../../src/keys/own-key.ts";
import { checkSignature, type SignatureVerdict } from "../../src/keys/signature-check.ts";
import { nowMs } from "../cache/fixtures.ts";

export async function ownKey(algorithm: SigningAlgorithm, more: Partial<OwnKey> = {}): Promise<OwnKey> {
  const privateKey = await createPrivateKeyFor(algorithm);
  const { kid } = partsOf(privateKey, algorithm);
  return { kid, algorithm, seq: 1, announcedAtMs: nowMs, activatesAtMs: nowMs, endedAtMs: undefined, privateKey, ...more };
}

/** As the verifier of this service's own tokens checks it. */
export function judged(keySet: KeySet, token: Secret | string): Promise<SignatureVerdict> {
  const rules = { algorithms: ["ES256", "EdDSA", "RS256"], denyKeyIds: new Set<string>() } as const;
  const text = typeof token === "string" ? token : token.reveal();
  return checkSignature({ keySet, rules }, parseCompact(text), AbortSignal.timeout(1_000));
}
