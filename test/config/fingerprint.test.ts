import { createSecretKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../src/config/fingerprint.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { exampleWith, load } from "./given.ts";

const keyOf = (byte: number) => createSecretKey(Buffer.alloc(32, byte));

describe("the fingerprint of a configured value", () => {
  it("is that of another reading of the same file", () => {
    expect(fingerprint(load())).toBe(fingerprint(load()));
  });

  it("does not hang on the order of members", () => {
    expect(fingerprint({ a: 1, b: { c: 2, d: 3 } })).toBe(fingerprint({ b: { d: 3, c: 2 }, a: 1 }));
  });

  it.each([
    ["a secret that was replaced", new Secret("one"), new Secret("two")],
    ["a key that was replaced", keyOf(1), keyOf(2)],
    ["a secret deep inside", { client: [{ secret: new Secret("one") }] }, { client: [{ secret: new Secret("two") }] }],
    ["a list in another order, which may decide", ["a", "b"], ["b", "a"]],
    ["a list and its only entry", ["a"], "a"],
    ["a text and a secret of the same letters", "one", new Secret("one")],
    ["a number and its text", 1, "1"],
    ["nothing and an empty map", undefined, {}],
    ["null and nothing", null, undefined],
    ["a member that is null", { a: null }, {}],
  ])("tells apart %s", (_name, one, other) => {
    expect(fingerprint(one)).not.toBe(fingerprint(other));
  });

  it("shows nothing of a secret", () => {
    expect(fingerprint(new Secret("canary"))).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ["providers/main/client/secret", "another-secret-of-main"],
    ["sealing/keys", [{ id: "2", key: "${CAMBIO_SEALING_KEY}" }]],
    ["clients/web/disabled", true],
    ["clients/web/providers/main/max_lifetime", "5m"],
    ["limits/services", 7],
  ])("changes where %s changes", (place, value) => {
    expect(fingerprint(load({ text: exampleWith({ [place]: value }) }))).not.toBe(fingerprint(load()));
  });
});
