import { generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, it } from "vitest";
import { signingAlgorithms } from "../../src/exchange/minting-ports.ts";
import { createPrivateKeyFor, partsOf } from "../../src/keys/own-key.ts";

describe.each(signingAlgorithms)("a key for %s", (algorithm) => {
  it("is named by its thumbprint, as others compute it", async () => {
    const { kid, jwk } = partsOf(await createPrivateKeyFor(algorithm), algorithm);
    expect(kid).toBe(await calculateJwkThumbprint(jwk));
  });

  it("is published with what verifiers need, and with nothing private", async () => {
    const { kid, jwk } = partsOf(await createPrivateKeyFor(algorithm), algorithm);
    expect(jwk).toMatchObject({ kid, alg: algorithm, use: "sig" });
    const allowed = ["kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"];
    expect(Object.keys(jwk).filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it("is strong enough for every verifier of this service", async () => {
    const { verification } = partsOf(await createPrivateKeyFor(algorithm), algorithm);
    expect(verification.key.type).toBe("public");
    expect(verification.algorithm).toBe(algorithm);
  });
});

it("a key for another algorithm is refused", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  expect(() => partsOf(privateKey, "ES256")).toThrow("another algorithm");
});
