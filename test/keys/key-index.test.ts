import { describe, expect, it } from "vitest";
import { indexKeys, type KeyIndex, maxKeys } from "../../src/keys/key-index.ts";
import { createSigningKey } from "./signing.ts";

const one = createSigningKey("RS256", "one");
const two = createSigningKey("RS256", "two");
const curve = createSigningKey("ES256", "curve");
const weak = createSigningKey("RS256", "weak", 1_024);

function index(...keys: unknown[]): KeyIndex {
  const set = indexKeys({ keys });
  if (set === undefined) throw new Error("the set was refused");
  return set;
}

describe("a key set", () => {
  it("finds a key by its id and type, and by no other", () => {
    const set = index(one.jwk, two.jwk, curve.jwk);
    expect(set.lookUp({ kid: "two", alg: "RS256" })?.key.equals(two.publicKey)).toBe(true);
    expect(set.lookUp({ kid: "two", alg: "PS512" })?.key.equals(two.publicKey)).toBe(true);
    expect(set.lookUp({ kid: "two", alg: "ES256" })).toBeUndefined();
    expect(set.lookUp({ kid: "three", alg: "RS256" })).toBeUndefined();
    expect(set.lookUp({ kid: "__proto__", alg: "RS256" })).toBeUndefined();
  });

  it("loses bad keys one by one, and keeps the rest", () => {
    const privateKey = { ...two.privateKey.export({ format: "jwk" }), kid: "two" };
    const set = index(weak.jwk, privateKey, { kty: "oct", k: "AA" }, null, { ...two.jwk, use: "enc" }, one.jwk);
    expect({ size: set.size, dropped: set.dropped }).toEqual({ size: 1, dropped: 5 });
    expect(set.lookUp({ kid: "one", alg: "RS256" })?.key.equals(one.publicKey)).toBe(true);
    expect(set.lookUp({ kid: "weak", alg: "RS256" })).toBeUndefined();
    expect(set.lookUp({ kid: "two", alg: "RS256" })).toBeUndefined();
  });

  it("finds a token's key without an id only where one key fits the algorithm", () => {
    expect(index(one.jwk, curve.jwk).lookUp({ kid: undefined, alg: "RS256" })?.kid).toBe("one");
    expect(index(one.jwk, curve.jwk).lookUp({ kid: undefined, alg: "ES384" })).toBeUndefined();
    expect(index(one.jwk, two.jwk).lookUp({ kid: undefined, alg: "RS256" })).toBeUndefined();
    expect(index({ ...one.jwk, alg: "PS256" }, { ...two.jwk, alg: "RS256" }).lookUp({ kid: undefined, alg: "RS256" })?.kid).toBe("two");
  });

  it("does not find a key without an id for a token that names one", () => {
    const { kid: _, ...nameless } = one.jwk;
    expect(index(nameless).lookUp({ kid: "one", alg: "RS256" })).toBeUndefined();
    expect(index(nameless).lookUp({ kid: undefined, alg: "RS256" })?.kid).toBeUndefined();
    expect(index(nameless).lookUp({ kid: undefined, alg: "RS256" })?.key.equals(one.publicKey)).toBe(true);
  });

  it("refuses both of two keys with one id and type, and still finds the others", () => {
    const twin = { ...two.jwk, kid: "one" };
    const set = index(one.jwk, twin, { ...curve.jwk, kid: "one" });
    expect(set.lookUp({ kid: "one", alg: "RS256" })).toBeUndefined();
    expect(set.lookUp({ kid: "one", alg: "ES256" })?.key.equals(curve.publicKey)).toBe(true);
    expect(index({ ...one.jwk, alg: "RS256" }, { ...twin, alg: "PS256" }).lookUp({ kid: "one", alg: "RS256" })).toBeUndefined();
  });

  it("is not made ambiguous by a twin that is dropped", () => {
    expect(
      index({ ...weak.jwk, kid: "one" }, one.jwk)
        .lookUp({ kid: "one", alg: "RS256" })
        ?.key.equals(one.publicKey),
    ).toBe(true);
  });

  it("may have 64 keys; with 65 it is refused as a whole", () => {
    const others = Array.from({ length: maxKeys - 1 }, (_, at) => ({ ...curve.jwk, kid: `k${at}` }));
    expect(indexKeys({ keys: [...others, one.jwk] })?.size).toBe(64);
    expect(indexKeys({ keys: [...others, one.jwk, { kty: "oct" }] })).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["nothing", undefined],
    ["a string", "keys"],
    ["a list of keys", [one.jwk]],
    ["an object without keys", {}],
    ["keys that are no list", { keys: { one: one.jwk } }],
    ["no keys", { keys: [] }],
    ["no key for signatures", { keys: [weak.jwk, { ...one.jwk, use: "enc" }] }],
  ])("is not %s", (_, answer) => {
    expect(indexKeys(answer)).toBeUndefined();
  });
});
