import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { decodeFamilyAnswer, encodeFamilyAnswer } from "../../src/store/family-answer.ts";

const secret = fc.string({ minLength: 1 }).map((text) => new Secret(text));
const answers: fc.Arbitrary<TokenSet> = fc
  .record({
    accessToken: secret,
    tokenType: fc.string(),
    expiresAtMs: fc.option(fc.nat(), { nil: undefined }),
    refreshToken: fc.option(secret, { nil: undefined }),
    idToken: fc.option(secret, { nil: undefined }),
    scopes: fc.option(fc.array(fc.string()), { nil: undefined }),
    issuer: fc.string(),
    subject: fc.option(fc.string(), { nil: undefined }),
  })
  .map(({ subject, ...tokens }) => ({ ...tokens, ...(subject === undefined ? {} : { subject }) }));

const shownOf = (tokens: TokenSet | undefined) =>
  tokens && { ...tokens, accessToken: tokens.accessToken.reveal(), idToken: tokens.idToken?.reveal(), refreshToken: tokens.refreshToken };

describe("an answer", () => {
  it("comes back as it was, all but its refresh token", () => {
    fc.assert(
      fc.property(answers, (tokens) => {
        expect(shownOf(decodeFamilyAnswer(encodeFamilyAnswer(tokens)))).toStrictEqual(shownOf({ ...tokens, refreshToken: undefined }));
      }),
    );
  });

  it("does not carry the provider's refresh token", () => {
    fc.assert(
      fc.property(answers, (tokens) => {
        const bytes = encodeFamilyAnswer({ ...tokens, refreshToken: new Secret("upstream-refresh-token") });
        expect(Buffer.from(bytes).includes("upstream-refresh-token")).toBe(false);
      }),
    );
  });

  it("tells nothing granted from not said", () => {
    const tokens = {
      accessToken: new Secret("a"),
      tokenType: "Bearer",
      expiresAtMs: undefined,
      refreshToken: undefined,
      idToken: undefined,
    };
    const back = (scopes: readonly string[] | undefined) =>
      decodeFamilyAnswer(encodeFamilyAnswer({ ...tokens, scopes, issuer: "https://issuer.example" }))?.scopes;
    expect([back([]), back(undefined)]).toEqual([[], undefined]);
  });
});

describe("bytes of another shape", () => {
  it.each([
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"accessToken":1,"tokenType":"Bearer","issuer":"i"}',
    '{"accessToken":"a","tokenType":"Bearer"}',
    '{"accessToken":"a","tokenType":"Bearer","issuer":"i","more":1}',
  ])("are none: %s", (text) => {
    expect(decodeFamilyAnswer(Buffer.from(text))).toBeUndefined();
  });
});
