import { describe, expect, it } from "vitest";
import { byTheBook, readTokenAnswer } from "../../src/providers/token-answer.ts";

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
