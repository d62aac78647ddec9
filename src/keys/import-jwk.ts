// One member of a published key set (RFC 7517 §4) → a typed public key, or nothing. A key that is not plainly a strong public
// key for signatures is dropped by itself; the others of its set stay.

import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { maxKeyIdLength } from "../exchange/token/compact.ts";
import { type KeyType, sameAlgorithm, type SignatureAlgorithm, ruleOf } from "./algorithms.ts";

export interface VerificationKey {
  /** Undefined: published without one; found only by tokens that name none. */
  readonly kid: string | undefined;
  readonly type: KeyType;
  /** The only algorithm it is for; undefined: any that takes its type. */
  readonly algorithm: string | undefined;
  /** Public. Never a string, so that no key can pass for a shared secret. */
  readonly key: KeyObject;
}

/** NIST SP 800-131A: less is broken within reach. */
const minModulusBits = 2_048;
/** Checking grows with the square of the length; nobody publishes more. */
const maxModulusBits = 8_192;
/** e = 1 makes every text its own signature; OpenSSL itself stops at 64 bits, and only below 3072-bit keys. */
const minExponent = 3n;
const maxExponent = 2n ** 32n;

/** Characters. No token may name a longer key id, so that a key under one would never be found; algorithms' names are short. */
const maxNameLength = maxKeyIdLength;

/** Private parts, and `k` of a shared secret (RFC 7518 §6.2.2, §6.3.2, §6.4.1). A key that was published with them is everybody's. */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

type Members = Readonly<Record<string, unknown>>;

/** @returns undefined: not a key to check signatures with */
export function importJwk(jwk: unknown): VerificationKey | undefined {
  if (!isMembers(jwk) || privateMembers.some((name) => jwk[name] !== undefined) || !isForSignatures(jwk)) return undefined;
  const { kid, alg } = jwk;
  if (!isNameOrAbsent(kid) || !isNameOrAbsent(alg)) return undefined;

  const shape = publicShape(jwk);
  const key = shape && importShape(shape.jwk);
  if (shape === undefined || key === undefined || !isStrong(key)) return undefined;
  return { kid, type: shape.type, algorithm: alg, key };
}

export function fitsAlgorithm(key: VerificationKey, algorithm: SignatureAlgorithm): boolean {
  return key.type === ruleOf(algorithm).keyType && (key.algorithm === undefined || sameAlgorithm(key.algorithm, algorithm));
}

function isMembers(jwk: unknown): jwk is Members {
  return typeof jwk === "object" && jwk !== null && !Array.isArray(jwk);
}

function isForSignatures({ use, key_ops }: Members): boolean {
  if (use !== undefined && use !== "sig") return false;
  return key_ops === undefined || (Array.isArray(key_ops) && key_ops.includes("verify"));
}

function isNameOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || (isString(value) && value !== "" && value.length <= maxNameLength);
}

/** The public members and nothing else: what is not listed cannot influence the import. */
function publicShape({ kty, crv, n, e, x, y }: Members): { type: KeyType; jwk: webcrypto.JsonWebKey } | undefined {
  if (kty === "RSA") return isString(n) && isString(e) ? { type: kty, jwk: { kty, n, e } } : undefined;
  if (!isString(x)) return undefined;
  if (kty === "OKP") return crv === "Ed25519" ? { type: crv, jwk: { kty, crv, x } } : undefined;
  if (kty !== "EC" || !isString(y)) return undefined;
  return crv === "P-256" || crv === "P-384" || crv === "P-521" ? { type: crv, jwk: { kty, crv, x, y } } : undefined;
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function importShape(jwk: webcrypto.JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return undefined;
  }
}

function isStrong(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== "rsa") return true;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < minModulusBits || modulusLength > maxModulusBits) return false;
  return publicExponent >= minExponent && publicExponent <= maxExponent && publicExponent % 2n === 1n;
}
