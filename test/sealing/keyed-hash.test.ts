import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { createKeyedHash } from "../../src/sealing/keyed-hash.ts";

const key = createSecretKey(randomBytes(32));

it("is HMAC-SHA-256, as node:crypto has it, for messages of every length about a block and for long ones", () => {
  const keyed = createKeyedHash(key);
  for (const length of [...Array.from({ length: 140 }, (_, index) => index), 1_000, 4_096, 16_384]) {
    const message = randomBytes(length);
    expect(keyed(message)).toBe(createHmac("sha256", key).update(message).digest("base64url"));
  }
});

it("is so under short keys and under keys of a whole block", () => {
  for (const length of [1, 31, 64]) {
    const other = createSecretKey(randomBytes(length));
    expect(createKeyedHash(other)(Buffer.from("message"))).toBe(createHmac("sha256", other).update("message").digest("base64url"));
  }
});

it("takes text as its UTF-8, whatever is in it", () => {
  for (const text of ["", "ascii", "é", "日本語 🔑", "\ud800 alone"])
    expect(createKeyedHash(key)(text)).toBe(createKeyedHash(key)(Buffer.from(text)));
});

it("refuses a key that is longer than a block, which would have to be hashed first", () => {
  expect(() => createKeyedHash(createSecretKey(randomBytes(65)))).toThrow("more than one block");
});
