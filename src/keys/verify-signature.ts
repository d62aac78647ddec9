// One signature under one key, by node:crypto, synchronously: a round trip through WebCrypto's thread pool costs more than the check.
// Which key and which algorithm are right is decided elsewhere.

import { constants, verify } from "node:crypto";
import { ruleOf, type SignatureAlgorithm } from "./algorithms.ts";
import { fitsAlgorithm, type VerificationKey } from "./import-jwk.ts";

export interface SignedText {
  /** ASCII. */
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/**
 * Never throws: whatever goes wrong, the signature is not good. One encoding and one length per key and algorithm (RFC 7518 §3.3 to
 * §3.5) are node:crypto's own rule. Still a good signature need not be the only one: with ECDSA anyone can make (r, n − s) from
 * (r, s), without the key. So a token's bytes, or a hash of them, do not identify it: nothing may be revoked by them.
 */
export function verifySignature(key: VerificationKey, algorithm: SignatureAlgorithm, { signingInput, signature }: SignedText): boolean {
  if (!fitsAlgorithm(key, algorithm)) return false;
  const { digest, padding } = ruleOf(algorithm);
  try {
    const parameters = {
      key: key.key,
      dsaEncoding: "ieee-p1363",
      ...(padding !== undefined && { padding }),
      ...(padding === constants.RSA_PKCS1_PSS_PADDING && { saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
    } as const;
    return verify(digest ?? null, Buffer.from(signingInput, "latin1"), parameters, signature);
  } catch {
    return false;
  }
}
