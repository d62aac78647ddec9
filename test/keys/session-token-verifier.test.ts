import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { createSessionTokenVerifier } from "../../src/keys/session-token-verifier.ts";
import { sessionTokenRulesOf } from "../../src/policy/token-rules.ts";
import { failureOf, reasonOf } from "../exchange/token/failure-of.ts";
import { createIssuer } from "./issuer.ts";
import { createSigningKey, signingInputOf } from "./signing.ts";

const edwards = createSigningKey("EdDSA", "edwards");
const curve = createSigningKey("ES256", "curve");
const rsa = createSigningKey("RS256", "rsa");
const stranger = createSigningKey("EdDSA", "edwards");
const issuer = "https://app.example";
const now = 1_800_000_000;
/** As Better Auth's JWT plugin makes them: the whole user, unless it is told otherwise. */
const claims = {
  iat: now,
  name: "Ann",
  email: "ann@example.com",
  emailVerified: true,
  role: "user",
  banned: false,
  id: "u1",
  sub: "u1",
  exp: now + 900,
  iss: issuer,
  aud: issuer,
};

function createRig(changes: { readonly issuer?: string } = {}) {
  const at = createIssuer(edwards.jwk, curve.jwk, rsa.jwk);
  const { fetchJwks, clock } = at;
  const rules = sessionTokenRulesOf({ issuer, ...changes });
  const keySet = createKeySet({ fetchJwks, clock });
  const verifier = createSessionTokenVerifier({ keySet, clock }, { provider: "site", rules, keySource: `${issuer}/api/auth/jwks` });
  return { at, verifier, verify: (token: string) => verifier.verify(new Secret(token), AbortSignal.timeout(10_000)) };
}

describe("a JWT by which an application vouches for its user", () => {
  it.each([
    ["EdDSA", edwards],
    ["ES256", curve],
    ["RS256", rsa],
  ] as const)("is verified by the application's keys: %s", async (_algorithm, key) => {
    const { verify } = createRig();
    expect(await verify(key.token(claims))).toMatchObject({
      provider: "site",
      source: "LOCAL_KEYS",
      keyId: key.jwk["kid"],
      validUntilMs: now * 1_000 + 60_000,
      claims: {
        issuer,
        subject: "u1",
        clientId: issuer,
        audiences: [issuer],
        scopes: [],
        actors: [],
        name: "Ann",
        email: "ann@example.com",
      },
    });
  });

  it.each([undefined, "JWT", "jwt", "application/jwt"])("may have no type, or the one that says nothing: %s", async (typ) => {
    const { verify } = createRig();
    expect((await verify(edwards.token(claims, { typ }))).claims.subject).toBe("u1");
  });

  it("is believed no longer than until its expiry less the buffer, and not at all within it", async () => {
    const { verify, at } = createRig();
    expect((await verify(edwards.token({ ...claims, exp: now + 90 }))).validUntilMs).toBe((now + 30) * 1_000);
    at.pass(840_000);
    expect(await failureOf(() => verify(edwards.token(claims)))).toMatchObject({ reason: "TOKEN_EXPIRED", expiredAt: now + 900 });
  });

  it("says in `act` who looks through the user's eyes, where the application puts that there", async () => {
    const { verify } = createRig();
    const { claims: read } = await verify(edwards.token({ ...claims, act: { sub: "root" } }));
    expect(read.actors).toMatchObject([{ subject: "root" }]);
  });
});

describe("what is signed by the same keys and is no such JWT is refused", () => {
  it.each<[string, object, object, string]>([
    [
      "its cached session (cookie)",
      { ...claims, aud: "better-auth", sid: "s" },
      { typ: "better-auth.session-cache+jwt" },
      "TOKEN_TYPE_MISMATCH",
    ],
    ["an empty type, which is not the same as none", claims, { typ: "" }, "TOKEN_TYPE_MISMATCH"],
    ["an access token of its authorization server", claims, { typ: "at+jwt" }, "TOKEN_TYPE_MISMATCH"],
    ["a logout token", { ...claims, events: {} }, { typ: "logout+jwt" }, "TOKEN_TYPE_MISMATCH"],
    ["a logout token without a type", { ...claims, events: {} }, {}, "TOKEN_TYPE_MISMATCH"],
    ["an ID token with a nonce", { ...claims, aud: "client", nonce: "n" }, {}, "TOKEN_TYPE_MISMATCH"],
    ["an ID token with a hash of an access token", { ...claims, at_hash: "h" }, { typ: "JWT" }, "TOKEN_TYPE_MISMATCH"],
    ["an ID token that says so", { ...claims, typ: "ID" }, {}, "TOKEN_TYPE_MISMATCH"],
    ["a refresh token that says so", { ...claims, typ: "Refresh" }, {}, "TOKEN_TYPE_MISMATCH"],
    ["a token that was issued to a client (azp)", { ...claims, azp: "client" }, {}, "TOKEN_INVALID"],
    ["a token that was issued to a client (client_id)", { ...claims, client_id: issuer }, {}, "TOKEN_INVALID"],
    ["a token that is bound to a key", { ...claims, cnf: { jkt: "x" } }, {}, "PROOF_REQUIRED"],
  ])("%s", async (_what, payload, header, reason) => {
    const { verify } = createRig();
    expect(await reasonOf(() => verify(edwards.token(payload, header)))).toBe(reason);
  });
});

describe("a JWT that is not the application's is refused", () => {
  const unsigned = (header: object) => signingInputOf(header, claims);
  const hs256 = (key: string) => {
    const text = unsigned({ alg: "HS256", kid: "edwards" });
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const [, , genuine = ""] = edwards.token(claims).split(".");

  it.each<[string, string, string, number]>([
    ["unsigned (none)", `${unsigned({ alg: "none" })}.`, "TOKEN_MALFORMED", 0],
    ["none, with a signature", edwards.token(claims, { alg: "none" }), "TOKEN_MALFORMED", 0],
    ["HS256 keyed with the public key", hs256(String(edwards.jwk["x"])), "TOKEN_INVALID", 0],
    ["an algorithm beyond the three", rsa.token(claims, { alg: "PS256" }), "TOKEN_INVALID", 0],
    ["another issuer's", edwards.token({ ...claims, iss: "https://evil.example" }), "ISSUER_NOT_TRUSTED", 0],
    ["an issuer with a slash more", edwards.token({ ...claims, iss: `${issuer}/` }), "ISSUER_NOT_TRUSTED", 0],
    ["no issuer", edwards.token({ ...claims, iss: undefined }), "ISSUER_NOT_TRUSTED", 0],
    ["signed by another key of the same id", stranger.token(claims), "TOKEN_INVALID", 1],
    [
      "a payload from another token",
      `${signingInputOf({ alg: "EdDSA", kid: "edwards" }, { ...claims, sub: "root" })}.${genuine}`,
      "TOKEN_INVALID",
      1,
    ],
    ["an embedded key", stranger.token(claims, { jwk: stranger.jwk }), "TOKEN_INVALID", 1],
    ["a key that it brings along by address", stranger.token(claims, { jku: "http://127.0.0.1:1/jwks", kid: "other" }), "TOKEN_INVALID", 1],
    ["ES256 under the Edwards key's id", curve.token(claims, { kid: "edwards" }), "TOKEN_INVALID", 1],
    ["expired", edwards.token({ ...claims, iat: now - 900, exp: now - 1 }), "TOKEN_EXPIRED", 1],
    ["without an end", edwards.token({ ...claims, exp: undefined }), "TOKEN_INVALID", 1],
    ["without a beginning", edwards.token({ ...claims, iat: undefined }), "TOKEN_INVALID", 1],
    ["of a life beyond a day", edwards.token({ ...claims, exp: now + 86_401 }), "TOKEN_INVALID", 1],
    ["from the future", edwards.token({ ...claims, iat: now + 60 }), "TOKEN_NOT_YET_VALID", 1],
    ["without a subject", edwards.token({ ...claims, sub: undefined }), "TOKEN_INVALID", 1],
    ["with an empty subject", edwards.token({ ...claims, sub: "" }), "TOKEN_INVALID", 1],
    ["opaque", "x".repeat(32), "TOKEN_MALFORMED", 0],
  ])("%s", async (_what, token, reason, fetches) => {
    const { verify, at } = createRig();
    expect(await reasonOf(() => verify(token))).toBe(reason);
    expect(at.fetches).toBe(fetches);
  });

  it("with keys that only look like the application's: a shared secret in its set is no key", async () => {
    const { verify, at } = createRig();
    at.publish({ kty: "oct", kid: "edwards", k: Buffer.from("secret").toString("base64url"), alg: "HS256" });
    expect(await reasonOf(() => verify(edwards.token(claims)))).toBe("UPSTREAM_INVALID_RESPONSE");
  });
});

it("other settings of the application, or another place of its keys, are another verification", () => {
  const hashes = [createRig(), createRig(), createRig({ issuer: "https://other.example" })].map(({ verifier }) => verifier.contentHash);
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});
