import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCacheKeys } from "../../src/cache/cache-key.ts";
import { lengthPrefixed } from "../../src/sealing/length-prefix.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { masterKey } from "./fixtures.ts";

const keyOf = createCacheKeys(masterKey("a"));
// Few characters make collisions likely where they are possible; lone surrogates and NUL are what encoders get wrong.
const part = fc.string({ unit: fc.constantFrom("a", "b", "\0", "\u0001", "é", "🦊", "\ud800", "\udc00", "\ufffd"), maxLength: 6 });
const parts = fc.array(part, { maxLength: 4 });

describe("the encoding under the key", () => {
  test("is injective: different lists have different bytes", () => {
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        expect(lengthPrefixed(left).equals(lengthPrefixed(right))).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
      { numRuns: 2_000 },
    );
  });

  test("is not fooled by a moved boundary, however the same characters are cut", () => {
    fc.assert(
      fc.property(part, fc.nat(6), fc.nat(6), (text, first, second) => {
        const cut = (at: number) => [text.slice(0, at), text.slice(at)];
        const same = Math.min(first, text.length) === Math.min(second, text.length);
        expect(lengthPrefixed(cut(first)).equals(lengthPrefixed(cut(second)))).toBe(same);
      }),
    );
  });

  test.each([
    ["a part that imitates a prefix", ["a", "b"], ["a\0\0\0\0\u0001b"]],
    ["an empty part in front or behind", ["", "a"], ["a", ""]],
    ["one empty part or none", [""], []],
    ["a lone surrogate and its replacement", ["\ud800"], ["\ufffd"]],
    ["UTF-16 bytes written as text", ["\ud800"], ["\0\u00d8"]],
  ])("tells apart %s", (_, left, right) => {
    expect(lengthPrefixed(left).equals(lengthPrefixed(right))).toBe(false);
  });
});

describe("a cache key", () => {
  test("depends on the token, the scope and the server's secret, and shows none of them", () => {
    const key = keyOf(new Secret("token-1"), "scope");
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(keyOf(new Secret("token-1"), "scope")).toBe(key);
    const others = [
      keyOf(new Secret("token-2"), "scope"),
      keyOf(new Secret("token-1"), "scope2"),
      keyOf(new Secret("token-1s"), "cope"),
      createCacheKeys(masterKey("b"))(new Secret("token-1"), "scope"),
    ];
    expect(new Set([key, ...others]).size).toBe(5);
  });
});
