import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPkce, isChallenge, isOurState, isVerifier, newState } from "../../src/exchange/pkce.ts";
import { Secret } from "../../src/exchange/secret.ts";

const pkce = createPkce(randomBytes);

describe("PKCE", () => {
  it("makes the challenge of RFC 7636 appendix B", async () => {
    expect(await pkce.challengeOf(new Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))).toBe(
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
  });

  it("makes verifiers and challenges in the form that it accepts", async () => {
    const verifier = pkce.newVerifier();
    expect(isVerifier(verifier.reveal())).toBe(true);
    expect(isChallenge(await pkce.challengeOf(verifier))).toBe(true);
  });

  it("takes 256 bits of the given randomness for each, and never the same twice", () => {
    const asked: number[] = [];
    const counting = createPkce((count) => {
      asked.push(count);
      return randomBytes(count);
    });
    const made = new Set([counting.newVerifier().reveal(), counting.newVerifier().reveal(), counting.random(), newState(counting)]);
    expect(asked).toEqual([32, 32, 32, 32]);
    expect(made.size).toBe(4);
  });

  it.each([
    ["43 letters", "a".repeat(43), true],
    ["128 letters", "a".repeat(128), true],
    ["every kind of unreserved character", `AZaz09-._~${"x".repeat(33)}`, true],
    ["42 letters", "a".repeat(42), false],
    ["129 letters", "a".repeat(129), false],
    ["nothing", "", false],
    ["a plus", `+${"a".repeat(43)}`, false],
    ["a slash", `/${"a".repeat(43)}`, false],
    ["padding", `${"a".repeat(43)}=`, false],
    ["a space", `${"a".repeat(43)} `, false],
    ["a line break behind", `${"a".repeat(43)}\n`, false],
    ["a letter beyond ASCII", `${"a".repeat(42)}é`, false],
  ])("knows whether %s can be a verifier (%j → %j)", (_name, text, accepted) => {
    expect(isVerifier(text)).toBe(accepted);
  });

  it("takes exactly the spellings of 32 bytes for a challenge", () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array).toString("base64url"));
    fc.assert(
      fc.property(bytes, (text) => {
        expect(isChallenge(text)).toBe(true);
      }),
    );
    const likely = fc.string({ unit: fc.constantFrom(..."ABCDEFwxyz0189-_=+/.".split("")), minLength: 42, maxLength: 44 });
    fc.assert(
      fc.property(likely, (text) => {
        expect(isChallenge(text)).toBe(Buffer.from(text, "base64url").toString("base64url") === text && text.length === 43);
      }),
    );
  });

  it("knows its own states by their prefix", () => {
    expect(isOurState(newState(pkce))).toBe(true);
    for (const state of ["", "cambio_st", "Cambio_st_x", "xcambio_st_x", "a-state-of-the-client"]) expect(isOurState(state)).toBe(false);
  });
});
