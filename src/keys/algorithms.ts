// Signature algorithms of other people's tokens, and the one key type that each of them takes (RFC 7518 §3.1, RFC 8037 §3.1,
// RFC 9864). Asymmetric only: with a shared secret, whoever can check a token can make one.

import { constants } from "node:crypto";

export type KeyType = "RSA" | "P-256" | "P-384" | "P-521" | "Ed25519";

interface AlgorithmRule {
  readonly keyType: KeyType;
  /** Undefined: the algorithm brings its own. */
  readonly digest: "sha256" | "sha384" | "sha512" | undefined;
  /** RSA only. */
  readonly padding?: number;
}

const pkcs1 = { keyType: "RSA", padding: constants.RSA_PKCS1_PADDING } as const;
const pss = { keyType: "RSA", padding: constants.RSA_PKCS1_PSS_PADDING } as const;
const edwards = { keyType: "Ed25519", digest: undefined } as const;

export const algorithmRules = {
  RS256: { ...pkcs1, digest: "sha256" },
  RS384: { ...pkcs1, digest: "sha384" },
  RS512: { ...pkcs1, digest: "sha512" },
  PS256: { ...pss, digest: "sha256" },
  PS384: { ...pss, digest: "sha384" },
  PS512: { ...pss, digest: "sha512" },
  ES256: { keyType: "P-256", digest: "sha256" },
  ES384: { keyType: "P-384", digest: "sha384" },
  ES512: { keyType: "P-521", digest: "sha512" },
  EdDSA: edwards,
  Ed25519: edwards,
} as const satisfies Record<string, AlgorithmRule>;

export type SignatureAlgorithm = keyof typeof algorithmRules;

export function ruleOf(algorithm: SignatureAlgorithm): AlgorithmRule {
  return algorithmRules[algorithm];
}

/** `EdDSA` is the older, wider name of what is Ed25519 for every key taken here (RFC 9864 §4.1.2). */
export function sameAlgorithm(one: string, other: string): boolean {
  return narrowName(one) === narrowName(other);
}

function narrowName(algorithm: string): string {
  return algorithm === "EdDSA" ? "Ed25519" : algorithm;
}
