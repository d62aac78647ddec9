import { describe, expect, it } from "vitest";
import { byTheBook, readRefreshAnswer, readTokenAnswer } from "../../src/providers/token-answer.ts";

const issuer = "https://id.example";
const askedAtMs = 1_800_000_000_000;
const at = { issuer, askedAtMs };
const least = { access_token: "at", token_type: "Bearer" };

describe("a token answer", () => {
  it("needs an access token and its type, and nothing else", () => {
    expect(readTokenAnswer(least, at, byTheBook)).toMatchObject({
      tokenType: "Bearer",
      expiresAtMs: undefined,
      refreshToken: undefined,
      idToken: undefined,
      scopes: undefined,
      issuer,
    });
  });

  it("is read as the provider spells it", () => {
    const tokens = readTokenAnswer(
      { ...least, token_type: "N_A", expires_in: 3599.5, refresh_token: "rt", id_token: "it", scope: "b a  c", session_state: 7 },
      at,
      byTheBook,
    );
    expect(tokens).toMatchObject({ tokenType: "N_A", expiresAtMs: askedAtMs + 3_599_000, scopes: ["b", "a", "c"] });
    expect([tokens?.accessToken.reveal(), tokens?.refreshToken?.reveal(), tokens?.idToken?.reveal()]).toEqual(["at", "rt", "it"]);
  });

  it("tells an empty grant from silence", () => {
    expect(readTokenAnswer({ ...least, scope: "" }, at, byTheBook)?.scopes).toEqual([]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["no access token", { access_token: undefined }],
    ["an empty one", { access_token: "" }],
    ["one that is a number", { access_token: 1 }],
    ["one of more than 16 KiB", { access_token: "x".repeat(16 * 1024 + 1) }],
    ["one that ends a header line", { access_token: "a\r\nx-injected: 1" }],
    ["one beyond ASCII", { access_token: "tök" }],
    ["no type", { token_type: undefined }],
    ["an empty type", { token_type: "" }],
    ["a type that is a list", { token_type: ["Bearer"] }],
    ["a lifetime in a string", { expires_in: "3600" }],
    ["a negative lifetime", { expires_in: -1 }],
    ["a lifetime beyond ten years", { expires_in: 1e12 }],
    ["a lifetime beyond numbers", { expires_in: Number.POSITIVE_INFINITY }],
    ["a null lifetime", { expires_in: null }],
    ["an empty refresh token", { refresh_token: "" }],
    ["a refresh token that is a boolean", { refresh_token: true }],
    ["an ID token that is an object", { id_token: {} }],
    ["scopes in a list", { scope: ["a"] }],
    ["a scope with a quote", { scope: 'a "b"' }],
    ["scopes of more than 8 KiB", { scope: "a ".repeat(4097) }],
  ])("is refused with %s", (_name, changes) => {
    expect(readTokenAnswer({ ...least, ...changes }, at, byTheBook)).toBeUndefined();
  });
});

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const read = (answer: Record<string, unknown>, reading: object) => readTokenAnswer(answer, at, { ...byTheBook, ...reading });

describe("an answer of a provider with ways of its own", () => {
  it("may leave token_type out only where there is a default, which never wins over what it says", () => {
    expect(read({ access_token: "at" }, { tokenTypeDefault: "Bearer" })?.tokenType).toBe("Bearer");
    expect(read({ access_token: "at", token_type: "DPoP" }, { tokenTypeDefault: "Bearer" })?.tokenType).toBe("DPoP");
    expect(read({ access_token: "at", token_type: 7 }, { tokenTypeDefault: "Bearer" })).toBeUndefined();
  });

  it("has commas between its scopes only where they are known to stand there", () => {
    const answer = { ...least, scope: "repo,gist read:user" };
    expect(read(answer, { commaScopes: true })?.scopes).toEqual(["repo", "gist", "read:user"]);
    expect(read(answer, {})?.scopes).toEqual(["repo,gist", "read:user"]);
  });

  it.each<[string, string, number | undefined]>([
    ["its exp", jwt({ exp: 1_800_000_600 }), 1_800_000_600_000],
    ["an exp in a text", jwt({ exp: "1800000600" }), undefined],
    ["an exp beyond all time", jwt({ exp: 1e300 }), undefined],
    ["no exp", jwt({}), undefined],
    ["nothing that can be read", "opaque", undefined],
  ])("without expires_in ends by the access token where that is known to say it: %s", (_name, accessToken, ms) => {
    const answer = { access_token: accessToken, token_type: "Bearer" };
    expect(read(answer, { expiryInToken: true })?.expiresAtMs).toBe(ms);
    expect(read(answer, {})?.expiresAtMs).toBeUndefined();
    expect(read({ ...answer, expires_in: 5 }, { expiryInToken: true })?.expiresAtMs).toBe(askedAtMs + 5_000);
  });

  it("to a refresh may lack the access token only where the provider names what changed; to a code it never may", () => {
    const partial = { ...byTheBook, partialRefresh: true, tokenTypeDefault: "Bearer" };
    expect(readRefreshAnswer({ refresh_token: "rt" }, at, partial)).toMatchObject({ accessToken: undefined, tokenType: "Bearer" });
    expect(readRefreshAnswer({ token_type: "Bearer", refresh_token: "rt" }, at, byTheBook)).toBeUndefined();
    expect(readTokenAnswer({ refresh_token: "rt" }, at, partial)).toBeUndefined();
    expect(readRefreshAnswer({ access_token: "", refresh_token: "rt" }, at, partial)).toBeUndefined();
    expect(readRefreshAnswer({ access_token: "at", refresh_token: 7 }, at, partial)).toBeUndefined();
  });
});
