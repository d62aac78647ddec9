// The text of a private signing key, PEM or JWK, → a typed key and the one algorithm that it signs by. What is weak, public, shared or
// for something else is a mistake; no advice repeats a part of the text. When a key signs is not known here.

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { z } from "zod";
import type { SigningAlgorithm } from "../exchange/minting-ports.ts";
import { mistake } from "./secret-text.ts";

export interface ParsedSigningKey {
  readonly kind: "key";
  readonly algorithm: SigningAlgorithm;
  /** Private. */
  readonly key: KeyObject;
}

/** NIST SP 800-131A: less is broken within reach. */
const minModulusBits = 2_048;
/** What verifiers take: more is no safer, and slow to sign with. */
const maxModulusBits = 8_192;
/** e = 1 would make every text its own signature, and verifiers refuse what is beyond 32 bits. */
const minExponent = 3n;
const maxExponent = 2n ** 32n;

/** One block and nothing around it: of two keys in one file, which one was meant is a guess. */
const pkcs8 = /^-----BEGIN PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PRIVATE KEY-----$/;

const members = z.record(z.string(), z.unknown());

const madeBy = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
const advice = {
  form: `write one private key: PKCS#8 in PEM, as made by ${madeBy}, or a JWK`,
  encrypted: "it is encrypted: write it without a passphrase, into a file that only this service's user may read",
  older: "it is PEM of an older form: turn it into PKCS#8 by openssl pkcs8 -topk8 -nocrypt",
  publicOnly: "it is a public key or a certificate: tokens are signed with the private key",
  symmetric: "it is a shared secret, and whoever could check a token would be able to make one",
  kind: "it is of another kind: use P-256 for ES256, Ed25519 for EdDSA, or RSA for RS256",
  modulus: `an RSA key has ${minModulusBits} to ${maxModulusBits} bits, and an odd exponent from 3 to 32 bits`,
  purpose: "the JWK says that it is for another algorithm, or not for signatures",
  halves: "its public members belong to another key",
};

export function parseSigningKey(text: string): ParsedSigningKey | ReturnType<typeof mistake> {
  const written = text.trim();
  const jwk = written.startsWith("{") ? json(written) : undefined;
  const problem = jwk === undefined ? problemOfPem(written) : problemOfJwk(jwk);
  if (problem !== undefined) return mistake(problem);
  const key = jwk === undefined ? imported({ key: written, format: "pem" }) : imported({ key: jwk, format: "jwk" });
  if (key === undefined) return mistake(advice.form);
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) return mistake(key.asymmetricKeyType === "rsa" ? advice.modulus : advice.kind);
  if (jwk?.["alg"] !== undefined && !namesOf(algorithm).includes(jwk["alg"])) return mistake(advice.purpose);
  if (!belongTogether(key)) return mistake(advice.halves);
  return { kind: "key", algorithm, key };
}

function json(text: string): Record<string, unknown> {
  try {
    return members.safeParse(JSON.parse(text)).data ?? {};
  } catch {
    return {};
  }
}

function problemOfPem(text: string): string | undefined {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) return advice.encrypted;
  if (/^-----BEGIN (EC|RSA|DSA|OPENSSH) PRIVATE KEY-----/m.test(text)) return advice.older;
  if (/^-----BEGIN (RSA )?PUBLIC KEY-----|^-----BEGIN CERTIFICATE-----/m.test(text)) return advice.publicOnly;
  return pkcs8.test(text) ? undefined : advice.form;
}

function problemOfJwk({ kty, k, d, use, key_ops: operations }: Record<string, unknown>): string | undefined {
  if (kty === "oct" || k !== undefined) return advice.symmetric;
  if (typeof kty !== "string") return advice.form;
  if (d === undefined) return advice.publicOnly;
  const signs = operations === undefined || (Array.isArray(operations) && operations.includes("sign"));
  return (use === undefined || use === "sig") && signs ? undefined : advice.purpose;
}

function imported(written: Parameters<typeof createPrivateKey>[0]): KeyObject | undefined {
  try {
    return createPrivateKey(written);
  } catch {
    return undefined;
  }
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): SigningAlgorithm | undefined {
  if (type === "ed25519") return "EdDSA";
  if (type === "ec") return details.namedCurve === "prime256v1" ? "ES256" : undefined;
  if (type !== "rsa") return undefined;
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details;
  const strong = bits >= minModulusBits && bits <= maxModulusBits;
  return strong && exponent >= minExponent && exponent <= maxExponent && exponent % 2n === 1n ? "RS256" : undefined;
}

/** `Ed25519` is the newer, narrow name (RFC 9864 §2.2). */
function namesOf(algorithm: SigningAlgorithm): readonly unknown[] {
  return algorithm === "EdDSA" ? ["EdDSA", "Ed25519"] : [algorithm];
}

/** A JWK states both halves: published would be one that checks nothing of what the other signs. */
function belongTogether(key: KeyObject): boolean {
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const text = Buffer.from("cambio");
  try {
    return verify(digest, text, createPublicKey(key), sign(digest, text, key));
  } catch {
    return false;
  }
}
