import { constants, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { algorithmRules, type SignatureAlgorithm } from "../../src/keys/algorithms.ts";
import { verifySignature } from "../../src/keys/verify-signature.ts";
import { createSigningKey, importedKey, type SigningKey } from "./signing.ts";

const algorithms = Object.keys(algorithmRules) as SignatureAlgorithm[];
const signingInput = "eyJhbGciOiJ4In0.e30";

function verdict(signer: SigningKey, signature: Uint8Array, given: { algorithm?: SignatureAlgorithm; input?: string } = {}): boolean {
  const key = importedKey(signer.jwk);
  return verifySignature(key, given.algorithm ?? signer.algorithm, { signingInput: given.input ?? signingInput, signature });
}

describe.each(algorithms)("%s", (algorithm) => {
  const signer = createSigningKey(algorithm, "a");
  const signature = signer.sign(signingInput);

  it("takes its own signature, for that very text and key", () => {
    expect(verdict(signer, signature)).toBe(true);
    expect(verdict(signer, signature, { input: `${signingInput}A` })).toBe(false);
    expect(verdict(createSigningKey(algorithm, "other"), signature)).toBe(false);
  });

  it("takes no signature with a bit changed, a byte more or a byte less", () => {
    for (const at of [0, Math.floor(signature.length / 2), signature.length - 1]) {
      const changed = Buffer.from(signature);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(verdict(signer, changed)).toBe(false);
    }
    const zero = Buffer.from([0]);
    for (const other of [
      Buffer.concat([signature, zero]),
      Buffer.concat([zero, signature]),
      signature.subarray(1),
      signature.subarray(0, -1),
    ]) {
      expect(verdict(signer, other)).toBe(false);
    }
  });

  it("takes neither an empty signature nor zeros nor ones", () => {
    for (const forged of [Buffer.alloc(0), Buffer.alloc(signature.length), Buffer.alloc(signature.length, 0xff)]) {
      expect(verdict(signer, forged)).toBe(false);
    }
  });

  it("is not taken for another algorithm", () => {
    const others = algorithms.filter((other) => algorithmRules[other] !== algorithmRules[algorithm]);
    for (const other of others) expect(verdict(signer, signature, { algorithm: other })).toBe(false);
  });
});

/** The order of P-256 (FIPS 186-4 §D.1.2.3) and of Ed25519's base point (RFC 8032 §5.1). */
const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ed25519Order = 2n ** 252n + 27742317777372353535851937790883648493n;

describe("another signature, made from a good one without the key,", () => {
  it("is good with ECDSA (r, n − s): the bytes of a token do not identify it", () => {
    const signer = createSigningKey("ES256", "a");
    const signature = signer.sign(signingInput);
    const mirrored = (p256Order - BigInt(`0x${signature.toString("hex", 32)}`)).toString(16).padStart(64, "0");
    const other = Buffer.concat([signature.subarray(0, 32), Buffer.from(mirrored, "hex")]);
    expect(other.equals(signature)).toBe(false);
    expect(verdict(signer, other)).toBe(true);
  });

  it("is not good with Ed25519 (s + order)", () => {
    const signer = createSigningKey("Ed25519", "a");
    const signature = signer.sign(signingInput);
    const s = BigInt(`0x${Buffer.from(signature.subarray(32).toReversed()).toString("hex")}`);
    const withScalar = (scalar: bigint): Buffer =>
      Buffer.concat([signature.subarray(0, 32), Buffer.from(scalar.toString(16).padStart(64, "0"), "hex").toReversed()]);
    expect(verdict(signer, withScalar(s))).toBe(true);
    expect(verdict(signer, withScalar(s + ed25519Order))).toBe(false);
  });
});

describe("a second encoding of a good signature", () => {
  it("is not taken: ECDSA in DER", () => {
    const signer = createSigningKey("ES256", "a");
    expect(verdict(signer, sign("sha256", Buffer.from(signingInput), signer.privateKey))).toBe(false);
  });

  it.each([0, 20, 64])("is not taken: PSS with a salt of %i bytes", (saltLength) => {
    const signer = createSigningKey("PS256", "a");
    const options = { key: signer.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    expect(verdict(signer, sign("sha256", Buffer.from(signingInput), options))).toBe(false);
  });
});

it("a key whose own `alg` says otherwise verifies nothing", () => {
  const signer = createSigningKey("RS256", "a");
  const key = importedKey({ ...signer.jwk, alg: "RS512" });
  expect(verifySignature(key, "RS256", { signingInput, signature: signer.sign(signingInput) })).toBe(false);
});
