import { createHash, createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { createTokenHash } from "../../src/audit/token-hash.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { masterKey, ourKey } from "./trail-rig.ts";

const credential = new Secret("a-credential-of-somebody");

it("names the same credential the same, and another one differently", () => {
  expect(createTokenHash(ourKey)(credential)).toBe(createTokenHash(ourKey)(new Secret(credential.reveal())));
  expect(createTokenHash(ourKey)(credential)).not.toBe(createTokenHash(ourKey)(new Secret("another")));
});

it("an attacker who tries credentials without the key does not find whose name it is", () => {
  const name = createTokenHash(ourKey)(credential);
  const tried = [
    createHash("sha256").update(credential.reveal()).digest("base64url"),
    createTokenHash(masterKey("1", 8))(credential),
    createHmac("sha256", ourKey.key).update(credential.reveal()).digest("base64url"),
  ];
  expect(tried).not.toContain(name);
  expect(name).toMatch(/^[\w-]{43}$/);
});
