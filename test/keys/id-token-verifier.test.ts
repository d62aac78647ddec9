import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { createIdTokenVerifier } from "../../src/keys/id-token-verifier.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { failureOf, reasonOf } from "../exchange/token/failure-of.ts";
import { createIssuer } from "./issuer.ts";
import { createSigningKey } from "./signing.ts";

const key = createSigningKey("RS256", "one");
const stranger = createSigningKey("RS256", "one");
const now = 1_800_000_000;
const claims = { iss: "https://issuer.example", sub: "alice", aud: "cambio", iat: now, exp: now + 300, nonce: "n-1" };

function createRig(denyKeyIds: readonly string[] = []) {
  const issuer = createIssuer(key.jwk);
  const { fetchJwks, clock } = issuer;
  const verifyIdToken = createIdTokenVerifier(
    { keySet: createKeySet({ fetchJwks, clock }), clock },
    { issuer: "https://issuer.example", clientId: "cambio", algorithms: ["RS256"], denyKeyIds },
  );
  const verify = (token: string, expected: { nonce?: string } = {}) =>
    verifyIdToken(new Secret(token), expected, AbortSignal.timeout(10_000));
  return { issuer, verify };
}

describe("an ID token", () => {
  it.each<[string, object, object]>([
    ["as the specification has it", {}, {}],
    ["typed JWT", {}, { typ: "JWT" }],
    ["typed ID in the payload, as Keycloak does", { typ: "ID" }, {}],
    ["that names us as the authorized party", { azp: "cambio" }, {}],
    ["for several audiences, with us as the authorized party", { aud: ["cambio", "other"], azp: "cambio" }, {}],
    ["issued half a minute ahead of our clock", { iat: now + 30 }, {}],
    ["expired half a minute ago by our clock", { iat: now - 300, exp: now - 29 }, {}],
  ])("says who signed in: %s", async (_, payload, header) => {
    const { verify } = createRig();
    expect(await verify(key.token({ ...claims, ...payload }, header), { nonce: "n-1" })).toMatchObject({ subject: "alice" });
  });

  it("says what is known of them, and nothing that is not written as it must be", async () => {
    const { verify } = createRig();
    const nobody = { providerUserId: "alice", username: "", displayName: "", email: "", emailVerified: false, avatarUrl: "" };
    expect((await verify(key.token(claims))).user).toEqual(nobody);
    const said = {
      preferred_username: "al",
      name: "Alice",
      email: "a@b.example",
      email_verified: true,
      picture: "https://p.example/a.png",
    };
    expect((await verify(key.token({ ...claims, ...said }))).user).toEqual({
      providerUserId: "alice",
      username: "al",
      displayName: "Alice",
      email: "a@b.example",
      emailVerified: true,
      avatarUrl: "https://p.example/a.png",
    });
    const hostile = {
      preferred_username: 7,
      name: "x".repeat(2_049),
      email: ["a"],
      email_verified: "true",
      picture: "javascript:alert(1)",
    };
    expect((await verify(key.token({ ...claims, ...hostile }))).user).toEqual(nobody);
  });

  it("is not compared with a nonce where the client does that itself", async () => {
    const { verify } = createRig();
    expect(await verify(key.token(claims))).toMatchObject({ subject: "alice" });
    expect(await verify(key.token({ ...claims, nonce: undefined }))).toMatchObject({ subject: "alice" });
  });

  it.each<[string, unknown]>([
    ["another", "n-2"],
    ["none", undefined],
    ["a list with the right one", ["n-1"]],
  ])("of another sign-in (an injected code) is told by its nonce: %s", async (_, nonce) => {
    const { verify } = createRig();
    expect(await reasonOf(() => verify(key.token({ ...claims, nonce }), { nonce: "n-1" }))).toBe("GRANT_INVALID");
  });

  it("is compared with an empty nonce too, if that was sent", async () => {
    const { verify } = createRig();
    expect(await reasonOf(() => verify(key.token(claims), { nonce: "" }))).toBe("GRANT_INVALID");
  });

  it.each<[string, string]>([
    ["not a token", "opaque"],
    ["encrypted", `${key.token(claims)}.AA.AA`],
    ["unsigned", key.token(claims, { alg: "none" })],
    ["signed by somebody else under our issuer's key id", stranger.token(claims)],
    ["signed by a key that the issuer does not publish", key.token(claims, { kid: "two" })],
    ["an algorithm that is not configured", key.token(claims, { alg: "PS256" })],
    ["another issuer", key.token({ ...claims, iss: "https://evil.example" })],
    ["no issuer", key.token({ ...claims, iss: undefined })],
    ["another client's", key.token({ ...claims, aud: "other" })],
    ["no audience", key.token({ ...claims, aud: undefined })],
    ["an audience of another shape", key.token({ ...claims, aud: { cambio: true } })],
    ["another authorized party", key.token({ ...claims, azp: "other" })],
    ["an empty authorized party", key.token({ ...claims, azp: "" })],
    ["several audiences without an authorized party", key.token({ ...claims, aud: ["cambio", "other"] })],
    ["expired", key.token({ ...claims, exp: now - 30 })],
    ["no expiry", key.token({ ...claims, exp: undefined })],
    ["an expiry that is a string", key.token({ ...claims, exp: String(now + 300) })],
    ["from the future", key.token({ ...claims, iat: now + 31 })],
    ["no time of issue", key.token({ ...claims, iat: undefined })],
    ["no subject", key.token({ ...claims, sub: undefined })],
    ["an empty subject", key.token({ ...claims, sub: "" })],
    ["an access token by its header", key.token(claims, { typ: "at+jwt" })],
    ["a logout token by its header", key.token(claims, { typ: "logout+jwt" })],
    ["an access token by its payload", key.token({ ...claims, typ: "Bearer" })],
    ["a refresh token by its payload", key.token({ ...claims, typ: "Refresh" })],
  ])("that does not hold is a broken answer, whatever its nonce: %s", async (_, token) => {
    const { verify } = createRig();
    for (const expected of [{ nonce: "n-1" }, { nonce: "n-2" }, {}]) {
      expect(await failureOf(() => verify(token, expected))).toMatchObject({ reason: "UPSTREAM_INVALID_RESPONSE", field: undefined });
    }
  });

  it("under a denied key id is a broken answer", async () => {
    const { verify } = createRig(["one"]);
    expect(await reasonOf(() => verify(key.token(claims)))).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it("cannot be judged without keys, and that is said as it is", async () => {
    const { issuer, verify } = createRig();
    issuer.fail(new ExchangeError("UPSTREAM_TIMEOUT"));
    expect(await reasonOf(() => verify(key.token(claims)))).toBe("UPSTREAM_TIMEOUT");
  });
});
