import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parsePublicKeys } from "../../src/config/public-keys.ts";
import { Secret } from "../../src/exchange/secret.ts";

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...pair.publicKey.export({ format: "jwk" }), kid: "one" };
const privateKey = { ...pair.privateKey.export({ format: "jwk" }), kid: "one" };

const parse = (value: unknown) => parsePublicKeys(new Secret(typeof value === "string" ? value : JSON.stringify(value)));

describe("a set of public keys", () => {
  it("is understood, with several keys while one is being replaced", () => {
    const keys = [key, { ...key, kid: "two" }];
    expect(parse({ keys })).toEqual({ kind: "keys", keys });
  });

  it.each([
    ["no JSON", "{"],
    ["a key alone", key],
    ["an empty set", { keys: [] }],
    ["a key without an id", { keys: [{ ...key, kid: undefined }] }],
    ["a key with an empty id", { keys: [{ ...key, kid: "" }] }],
    ["a shared secret, with which whoever verifies could sign", { keys: [{ kty: "oct", kid: "one", k: "c2VjcmV0" }] }],
    ["a kind of key that nobody knows", { keys: [{ kty: "AKP", kid: "one" }] }],
    ["more keys than anybody needs", { keys: Array.from({ length: 17 }, (_, index) => ({ ...key, kid: String(index) })) }],
  ])("is not %s", (_name, value) => {
    expect(parse(value)).toEqual({ kind: "mistake", advice: expect.stringContaining("write a JSON Web Key Set") });
  });

  it.each(["d", "p", "q", "dp", "dq", "qi", "oth", "k"])("has no private part %s in it, which is told and not shown", (member) => {
    const parsed = parse({
      keys: [
        { ...key, kid: "one" },
        { ...key, kid: "two", [member]: privateKey.d },
      ],
    });
    expect(parsed).toEqual({ kind: "mistake", advice: "leave out the private parts of the keys" });
    expect(JSON.stringify(parsed)).not.toContain(privateKey.d);
  });

  it("has no two keys of one id: a token could not say by which it is signed", () => {
    expect(parse({ keys: [key, key] })).toEqual({ kind: "mistake", advice: "give each key a kid of its own" });
  });
});
