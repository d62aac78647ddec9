import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { algorithmRules, type SignatureAlgorithm } from "../../src/keys/algorithms.ts";
import { fitsAlgorithm, importJwk } from "../../src/keys/import-jwk.ts";
import { createSigningKey, importedKey, type Jwk } from "./signing.ts";

const rsa = createSigningKey("RS256", "rsa");
const p256 = createSigningKey("ES256", "p256");
const p384 = createSigningKey("ES384", "p384");
const p521 = createSigningKey("ES512", "p521");
const edwards = createSigningKey("Ed25519", "edwards");
const privateRsa = rsa.privateKey.export({ format: "jwk" });
const privateEc = p256.privateKey.export({ format: "jwk" });
const without = (jwk: Jwk, name: string): Jwk => Object.fromEntries(Object.entries(jwk).filter(([member]) => member !== name));
const exponent = (value: number): string => Buffer.from([value]).toString("base64url");

describe("a published key", () => {
  it.each([
    ["RSA", rsa],
    ["P-256", p256],
    ["P-384", p384],
    ["P-521", p521],
    ["Ed25519", edwards],
  ] as const)("of type %s becomes a typed public key", (type, { jwk, publicKey }) => {
    const key = importJwk({ ...jwk, alg: undefined, key_ops: ["verify"], x5c: ["not looked at"], x5t: 7, unknown: {} });
    expect(key).toMatchObject({ kid: jwk["kid"], type, algorithm: undefined });
    expect(key?.key.type).toBe("public");
    expect(key?.key.equals(publicKey)).toBe(true);
  });

  it("may leave out kid, use and key_ops", () => {
    expect(importJwk({ ...without(without(p256.jwk, "kid"), "use") })).toMatchObject({ kid: undefined, type: "P-256" });
  });

  it.each<[string, unknown]>([
    ["an RSA key of 1024 bits", createSigningKey("RS256", "weak", 1_024).jwk],
    ["an RSA key of 2040 bits", createSigningKey("RS256", "weak", 2_040).jwk],
    ["an RSA key of 16384 bits", { ...rsa.jwk, n: Buffer.alloc(2_048, 0xff).toString("base64url") }],
    ["an RSA key with exponent 1", { ...rsa.jwk, e: exponent(1) }],
    ["an RSA key with an even exponent", { ...rsa.jwk, e: exponent(4) }],
    ["an RSA key with a huge exponent", { ...rsa.jwk, e: Buffer.alloc(5, 0xff).toString("base64url") }],
    ["an RSA key without modulus", without(rsa.jwk, "n")],
    ["a shared secret", { kty: "oct", kid: "a", k: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" }],
    ["a private RSA key", { ...privateRsa, kid: "a" }],
    ["a private RSA key of which only a prime is left", { ...rsa.jwk, p: privateRsa.p }],
    ["a private EC key", { ...privateEc, kid: "a" }],
    ["a private part that is null", { ...rsa.jwk, d: null }],
    ["a shared secret beside a public key", { ...rsa.jwk, k: "AA" }],
    ["an encryption key", { ...rsa.jwk, use: "enc" }],
    ["a use of null", { ...rsa.jwk, use: null }],
    ["a key for other operations", { ...rsa.jwk, key_ops: ["encrypt", "wrapKey"] }],
    ["a key for signing only", { ...rsa.jwk, key_ops: ["sign"] }],
    ["key_ops that is no list", { ...rsa.jwk, key_ops: "verify" }],
    ["an unknown key type", { ...rsa.jwk, kty: "AKP" }],
    ["an unknown curve", { ...p256.jwk, crv: "secp256k1" }],
    ["a curve by an inherited name", { ...p256.jwk, crv: "constructor" }],
    ["a point that is not on its curve", { ...p256.jwk, y: p256.jwk["x"] }],
    ["a point of another curve", { ...p256.jwk, crv: "P-384" }],
    ["an X25519 key", { ...generateKeyPairSync("x25519").publicKey.export({ format: "jwk" }), kid: "a" }],
    ["an Ed448 key", { ...generateKeyPairSync("ed448").publicKey.export({ format: "jwk" }), kid: "a" }],
    ["an Ed25519 key of 31 bytes", { ...edwards.jwk, x: Buffer.alloc(31, 1).toString("base64url") }],
    ["a key id that is no string", { ...rsa.jwk, kid: 1 }],
    ["an empty key id", { ...rsa.jwk, kid: "" }],
    ["an endless key id", { ...rsa.jwk, kid: "a".repeat(257) }],
    ["an alg that is no string", { ...rsa.jwk, alg: ["RS256"] }],
    ["null", null],
    ["a string", "key"],
    ["a list", [rsa.jwk]],
  ])("is dropped: %s", (_, jwk) => {
    expect(importJwk(jwk)).toBeUndefined();
  });
});

describe("an algorithm takes one key type", () => {
  const keys = { RSA: rsa, "P-256": p256, "P-384": p384, "P-521": p521, Ed25519: edwards };
  const algorithms = Object.keys(algorithmRules) as SignatureAlgorithm[];

  it.each(algorithms)("so that %s fits keys of its own type only", (algorithm) => {
    const fitting = Object.entries(keys).filter(([, { jwk }]) => fitsAlgorithm(importedKey(jwk), algorithm));
    expect(fitting.map(([type]) => type)).toEqual([algorithmRules[algorithm].keyType]);
  });

  it.each<[string, Jwk, SignatureAlgorithm, boolean]>([
    ["the same is taken", rsa.jwk, "RS256", true],
    ["another of the same key type is not", rsa.jwk, "PS256", false],
    ["another digest is not", rsa.jwk, "RS512", false],
  ])("and the key's own `alg` RS256 holds: %s", (_, jwk, algorithm, fits) => {
    expect(fitsAlgorithm(importedKey({ ...jwk, alg: "RS256" }), algorithm)).toBe(fits);
  });

  it("and EdDSA and Ed25519 are two names for one algorithm", () => {
    for (const alg of ["EdDSA", "Ed25519"]) {
      for (const wanted of ["EdDSA", "Ed25519"] as const) expect(fitsAlgorithm(importedKey({ ...edwards.jwk, alg }), wanted)).toBe(true);
    }
    expect(fitsAlgorithm(importedKey({ ...edwards.jwk, alg: "Ed448" }), "EdDSA")).toBe(false);
  });
});
