import { createSecretKey } from "node:crypto";
import { expect, test } from "vitest";
import { decryptGcm, encryptGcm } from "../../src/sealing/aes-gcm.ts";

// Test case 16 of the specification that GCM was published with (McGrew and Viega, appendix B).
const hex = (text: string) => Buffer.from(text, "hex");
const input = {
  key: createSecretKey(hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")),
  nonce: hex("cafebabefacedbaddecaf888"),
  associated: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
};
const plaintext = hex(
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
);
const sealed = hex(
  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
    "76fc6ece0f4e1768cddf8853bb2d551b",
);

test("agrees with the published vector, both ways", () => {
  expect(encryptGcm(input, plaintext)).toEqual(sealed);
  expect(decryptGcm(input, sealed)).toEqual(plaintext);
});

test.each([
  ["a tag cut to 12 bytes", { ...input }, sealed.subarray(0, -4)],
  ["nothing but half a tag", { ...input }, sealed.subarray(0, 8)],
  ["a nonce of 8 bytes", { ...input, nonce: input.nonce.subarray(0, 8) }, sealed],
  ["an empty nonce", { ...input, nonce: Buffer.alloc(0) }, sealed],
  ["other associated data", { ...input, associated: Buffer.alloc(20) }, sealed],
])("opens nothing from %s", (_, given, bytes) => {
  expect(decryptGcm(given, bytes)).toBeUndefined();
});

test.each([0, 8, 16])("seals nothing with a nonce of %i bytes, which would give the key away", (length) => {
  expect(() => encryptGcm({ ...input, nonce: Buffer.alloc(length) }, plaintext)).toThrow("a nonce has another length");
});
