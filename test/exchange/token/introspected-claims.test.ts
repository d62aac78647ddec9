import { describe, expect, it } from "vitest";
import { readIntrospectedClaims } from "../../../src/exchange/token/introspected-claims.ts";
import type { JsonObject } from "../../../src/exchange/token/strict-json.ts";
import { refusal } from "../fixtures.ts";
import { issuer, keycloak, now, rfc9068 } from "./access-token-rules-rig.ts";

const usual: JsonObject = {
  active: true,
  token_type: "Bearer",
  iss: issuer,
  sub: "alice",
  aud: "orders",
  client_id: "shop",
  scope: "read write",
  iat: now - 10,
  exp: now + 600,
  jti: "id-1",
};
const read = (given: Readonly<Record<string, unknown>>, rules = rfc9068) => {
  const members = Object.entries({ ...usual, ...given }).filter(([, value]) => value !== undefined);
  return readIntrospectedClaims(rules, Object.fromEntries(members) as JsonObject, now * 1_000);
};

describe("what a provider says of an active token", () => {
  it("becomes the claims of an access token", () => {
    expect(read({ act: { sub: "gateway" }, username: "al", name: "Älice" })).toEqual({
      issuer,
      subject: "alice",
      clientId: "shop",
      audiences: ["orders"],
      scopes: ["read", "write"],
      issuedAt: now - 10,
      expiresAt: now + 600,
      tokenId: "id-1",
      actors: [{ issuer: "", subject: "gateway", clientId: "" }],
      name: "Älice",
      preferredUsername: "",
      email: "",
    });
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["no issuer: it was asked at its own address", { iss: undefined }],
    ["no id", { jti: undefined }],
    ["no scope", { scope: undefined }],
    ["no audience: which opens none", { aud: undefined }],
    ["the type in other letters", { token_type: "bearer" }],
    ["the type of a Keycloak access token", { typ: "Bearer" }],
    ["more than anybody reads", { realm_access: { roles: ["admin"] }, active: true }],
  ])("may have %s", (_what, given) => {
    expect(read(given).subject).toBe("alice");
  });

  it("names the client by client_id, also where tokens name it otherwise", () => {
    expect(read({ azp: "elsewhere" }, keycloak).clientId).toBe("shop");
    expect(() => read({ azp: "shop", client_id: undefined }, keycloak)).toThrow(refusal("TOKEN_INVALID"));
  });

  it.each<[string, Readonly<Record<string, unknown>>, string, string]>([
    ["no type: a refresh token is active, too", { token_type: undefined }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["a type that is none of use", { token_type: "refresh_token" }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["a type that needs a proof", { token_type: "DPoP" }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["a type of another shape", { token_type: ["Bearer"] }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["a type with more behind it", { token_type: "Bearer " }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["the kind of a refresh token", { typ: "Refresh" }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["the kind of an offline token", { typ: "Offline" }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["the kind of an ID token", { typ: "ID" }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["the kind of a logout token", { typ: "Logout" }, "TOKEN_TYPE_MISMATCH", "token_type"],
    ["another issuer", { iss: "https://evil.example" }, "ISSUER_NOT_TRUSTED", "iss"],
    ["an issuer and more", { iss: `${issuer}/` }, "ISSUER_NOT_TRUSTED", "iss"],
    ["an issuer of another shape", { iss: [issuer] }, "ISSUER_NOT_TRUSTED", "iss"],
    ["an empty issuer", { iss: "" }, "ISSUER_NOT_TRUSTED", "iss"],
    ["no issuer but null", { iss: null }, "ISSUER_NOT_TRUSTED", "iss"],
    ["no subject", { sub: undefined }, "TOKEN_INVALID", "sub"],
    ["an empty subject", { sub: "" }, "TOKEN_INVALID", "sub"],
    ["a subject that is a number", { sub: 7 }, "TOKEN_INVALID", "sub"],
    ["a subject that has no UTF-8 form", { sub: "\ud800" }, "TOKEN_INVALID", "sub"],
    ["no client", { client_id: undefined }, "TOKEN_INVALID", "client_claims"],
    ["a client of another shape", { client_id: ["shop"] }, "TOKEN_INVALID", "client_claims"],
    ["an audience of another shape", { aud: { orders: true } }, "TOKEN_INVALID", "aud"],
    ["an audience with a number in it", { aud: ["orders", 1] }, "TOKEN_INVALID", "aud"],
    ["a scope of another shape", { scope: ["read"] }, "TOKEN_INVALID", "scope"],
    ["no end", { exp: undefined }, "TOKEN_INVALID", "exp"],
    ["an end as text", { exp: String(now + 600) }, "TOKEN_INVALID", "exp"],
    ["an end in milliseconds", { exp: (now + 600) * 1_000 }, "TOKEN_INVALID", "exp"],
    ["an end with a fraction", { exp: now + 600.5 }, "TOKEN_INVALID", "exp"],
    ["no beginning", { iat: undefined }, "TOKEN_INVALID", "iat"],
    ["an absurd life", { exp: now + 90_000 }, "TOKEN_INVALID", "max_lifetime"],
    ["an end before its beginning", { iat: now + 20, exp: now + 10 }, "TOKEN_INVALID", "max_lifetime"],
    ["an end that is here, by the buffer", { exp: now + 60 }, "TOKEN_EXPIRED", "exp"],
    ["an end that is past", { iat: now - 600, exp: now - 1 }, "TOKEN_EXPIRED", "exp"],
    ["a beginning ahead", { iat: now + 31 }, "TOKEN_NOT_YET_VALID", "iat"],
    ["a use that begins ahead", { nbf: now + 31 }, "TOKEN_NOT_YET_VALID", "nbf"],
    ["a use that begins at no instant", { nbf: "soon" }, "TOKEN_INVALID", "nbf"],
    ["an id of another shape", { jti: 7 }, "TOKEN_INVALID", "jti"],
    ["actors of another shape", { act: "gateway" }, "TOKEN_INVALID", "act"],
    ["a key that its sender would have to prove", { cnf: { jkt: "x" } }, "PROOF_REQUIRED", "cnf"],
    ["a binding that says nothing", { cnf: null }, "PROOF_REQUIRED", "cnf"],
  ])("is refused with %s", (_what, given, reason, field) => {
    expect(() => read(given)).toThrow(refusal(reason as "TOKEN_INVALID", { field: "SUBJECT_TOKEN", cause: { kind: "rule", field } }));
  });

  it("may name any issuer where that is not compared, and the configured one is repeated", () => {
    expect(read({ iss: "https://old.example" }, { ...rfc9068, issuerCheck: false }).issuer).toBe(issuer);
  });
});
