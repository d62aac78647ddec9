import { describe, expect, test } from "vitest";
import { keptExchanges, weighExchange } from "../../src/cache/exchange-codec.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { exchanged, flipped, masterKey, verification } from "./fixtures.ts";

const { encode, decode, maxBytes } = keptExchanges;
const written = () => JSON.parse(Buffer.from(encode("k", exchanged())).toString());
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test("what was encoded comes back equal, every field of it, without a refresh token and without an ID token", () => {
  expect(decode("k", encode("k", exchanged()))).toEqual(exchanged());
  const more = { ...exchanged().tokens, refreshToken: new Secret("refresh"), idToken: new Secret("id") };
  expect(decode("k", encode("k", { ...exchanged(), tokens: more }))).toEqual(exchanged());
});

test("the longest token fits, sealed, and its weight is that of its texts", () => {
  const longest = { ...exchanged(), tokens: { ...exchanged().tokens, accessToken: new Secret("a".repeat(16_384)) } };
  const large = { ...longest, verification: verification({}, "s".repeat(12_000)) };
  const sealed = createSealer([masterKey("a")], "exchange").seal(encode("k", large), ["k"]);
  expect(sealed.length).toBeLessThanOrEqual(maxBytes);
  expect(weighExchange(large)).toBeGreaterThan(16_384 + 12_000);
});

test("an exchange and a verification are sealed for two purposes: neither is read as the other", () => {
  const [one, other] = ["exchange", "verification"].map((purpose) => createSealer([masterKey("a")], purpose));
  const sealed = one?.seal(encode("k", exchanged()), ["k"]) ?? new Uint8Array();
  expect(other?.open(sealed, ["k"])).toBeUndefined();
  expect(one?.open(sealed, ["k"])).toBeDefined();
  expect(one?.open(sealed, ["another key"])).toBeUndefined();
  expect(one?.open(flipped(sealed, 8 * (sealed.length - 1)), ["k"])).toBeUndefined();
});

describe("is no exchange:", () => {
  const changed = (change: (value: ReturnType<typeof written>) => void) => {
    const value = written();
    change(value);
    return bytes(value);
  };
  test.each([
    ["one made for another key", encode("other", exchanged())],
    ["no bytes", Buffer.alloc(0)],
    ["half of one", encode("k", exchanged()).subarray(0, 100)],
    ["null", bytes(null)],
    ["a verification", bytes({ key: "k", verification: verification() })],
    ["one without its token", changed((value) => delete value.tokens.accessToken)],
    ["one without the end of its token", changed((value) => delete value.tokens.expiresAtMs)],
    ["one without the scopes of its token", changed((value) => delete value.tokens.scopes)],
    ["one without its subject", changed((value) => delete value.tokens.subject)],
    ["one with a refresh token", changed((value) => (value.tokens.refreshToken = "r"))],
    ["one with terms", changed((value) => (value.tokens.terms = {}))],
    ["one without its verification, as an older version might have it", changed((value) => delete value.verification)],
    ["one with a claim missing", changed((value) => delete value.verification.claims.actors)],
    ["one with an unknown member", changed((value) => (value.trusted = true))],
    ["one without its instant", changed((value) => delete value.validUntilMs)],
    ["one with its instant as text", changed((value) => (value.validUntilMs = "1800000060000"))],
    ["one with a fractional instant", changed((value) => (value.validUntilMs += 0.5))],
  ])("%s", (_, value) => {
    expect(decode("k", value)).toBeUndefined();
  });
});
