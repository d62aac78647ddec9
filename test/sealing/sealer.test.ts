import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { createSealer } from "../../src/sealing/sealer.ts";
import { flipped, masterKey } from "../cache/fixtures.ts";

const plaintext = Buffer.from("what must not be read");
const place = ["table", "row"];
const sealer = createSealer([masterKey("a")], "test");
const sealed = sealer.seal(plaintext, place);

describe("a sealed value", () => {
  test("opens to what was sealed, in its own place", () => {
    expect(Buffer.from(sealer.open(sealed, place) ?? []).toString()).toBe("what must not be read");
  });

  test("never looks the same twice", () => {
    expect(Buffer.compare(sealer.seal(plaintext, place), sealed)).not.toBe(0);
  });

  test("names its key in front and hides the rest", () => {
    expect(Buffer.from(sealed.subarray(0, 2))).toEqual(Buffer.from("\u0001a"));
    expect(Buffer.from(sealed).includes(plaintext)).toBe(false);
    expect(sealed.length).toBe(2 + 12 + plaintext.length + 16);
  });

  test("does not open after any one bit was flipped", () => {
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      expect(sealer.open(flipped(sealed, bit), place), `bit ${bit}`).toBeUndefined();
    }
  });

  test("does not open when cut to any length, so a short tag is no easier to forge", () => {
    for (let length = 0; length < sealed.length; length += 1) expect(sealer.open(sealed.subarray(0, length), place)).toBeUndefined();
  });

  test("does not open with anything appended", () => {
    expect(sealer.open(Buffer.concat([sealed, Buffer.of(0)]), place)).toBeUndefined();
  });

  test.each([
    ["another place", ["table", "other"]],
    ["the parts swapped", ["row", "table"]],
    ["the boundary between parts moved", ["tabler", "ow"]],
    ["the parts joined", ["tablerow"]],
    ["a part missing", ["table"]],
    ["a part added", ["table", "row", ""]],
    ["no parts", []],
  ])("does not open with %s", (_, associated) => {
    expect(sealer.open(sealed, associated)).toBeUndefined();
  });

  test("does not open for another purpose under the same master key", () => {
    expect(createSealer([masterKey("a")], "other").open(sealed, place)).toBeUndefined();
  });

  test("does not open under other key bytes with the same id", () => {
    expect(createSealer([masterKey("a", 99)], "test").open(sealed, place)).toBeUndefined();
  });

  test("does not open when its key id was rewritten to that of another key, even one with the same bytes", () => {
    const forged = Uint8Array.from(sealed);
    forged[1] = "b".charCodeAt(0);
    expect(createSealer([masterKey("a"), masterKey("b", "a".charCodeAt(0))], "test").open(forged, place)).toBeUndefined();
  });

  test("no bytes at all make the opener throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(sealer.open(bytes, place)).toBeUndefined();
      }),
    );
  });
});

describe("rotation", () => {
  test("a new first key seals, and what the old one sealed still opens", () => {
    const rotated = createSealer([masterKey("b"), masterKey("a")], "test");
    expect(rotated.open(sealed, place)).toBeDefined();
    const fresh = rotated.seal(plaintext, place);
    expect(sealer.open(fresh, place)).toBeUndefined();
    expect(createSealer([masterKey("b")], "test").open(fresh, place)).toBeDefined();
  });

  test("a key that was taken out opens nothing", () => {
    expect(createSealer([masterKey("b")], "test").open(sealed, place)).toBeUndefined();
  });
});

test.each([
  ["no key", []],
  ["two keys with one id", [masterKey("a"), masterKey("a", 7)]],
])("a sealer is not made from %s", (_, keys) => {
  expect(() => createSealer(keys, "test")).toThrow(Error);
});
