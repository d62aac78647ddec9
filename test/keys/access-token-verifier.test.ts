import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { isCryptographicDenial } from "../../src/exchange/token/cryptographic-denial.ts";
import { type AccessTokenVerifierOptions, createAccessTokenVerifier } from "../../src/keys/access-token-verifier.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { failureOf, reasonOf } from "../exchange/token/failure-of.ts";
import { createIssuer, minute } from "./issuer.ts";
import { createSigningKey, signingInputOf } from "./signing.ts";

const rsa = createSigningKey("RS256", "rsa");
const curve = createSigningKey("ES256", "curve");
const stranger = createSigningKey("RS256", "rsa");
const now = 1_800_000_000;
const claims = { iss: "https://issuer.example", sub: "alice", aud: "orders", client_id: "shop", iat: now, exp: now + 600 };
const typ = "at+jwt";

const options: AccessTokenVerifierOptions = {
  provider: "one",
  issuer: "https://issuer.example",
  issuerCheck: true,
  algorithms: ["RS256", "ES256"],
  headerTypes: ["at+jwt"],
  payloadType: undefined,
  clientClaims: ["client_id"],
  expiryBufferMs: 60_000,
  clockToleranceMs: 30_000,
  maxLifetimeMs: 86_400_000,
  denyKeyIds: [],
  keySource: "https://issuer.example/jwks",
};

function createRig(changes: Partial<AccessTokenVerifierOptions> = {}) {
  const issuer = createIssuer(rsa.jwk, curve.jwk);
  const { fetchJwks, clock } = issuer;
  const verifier = createAccessTokenVerifier({ keySet: createKeySet({ fetchJwks, clock }), clock }, { ...options, ...changes });
  return { issuer, verifier, verify: (token: string) => verifier.verify(new Secret(token), AbortSignal.timeout(10_000)) };
}

const unsigned = (header: object, payload: object = claims): string => signingInputOf({ typ, ...header }, payload);
const publicPem = rsa.publicKey.export({ format: "pem", type: "spki" });
const hs256 = (key: string): string => {
  const text = unsigned({ alg: "HS256", kid: "rsa" });
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
};

describe("a good token", () => {
  it.each([
    ["RS256", rsa],
    ["ES256", curve],
  ] as const)("is verified: %s", async (_, key) => {
    const { verify, issuer } = createRig();
    const verification = await verify(key.token(claims, { typ }));
    expect(verification).toMatchObject({
      provider: "one",
      keyId: key.jwk["kid"],
      claims: { subject: "alice", clientId: "shop", expiresAt: now + 600 },
    });
    expect(verification.validUntilMs).toBe(now * 1_000 + 60_000);
    expect(issuer.fetches).toBe(1);
  });

  it("is believed no longer than until its expiry less the buffer", async () => {
    const { verify } = createRig();
    expect((await verify(rsa.token({ ...claims, exp: now + 90 }, { typ }))).validUntilMs).toBe((now + 30) * 1_000);
  });

  it("may name no key where one key fits, and the verification says which it was", async () => {
    const { verify } = createRig();
    expect((await verify(rsa.token(claims, { typ, kid: undefined }))).keyId).toBe("rsa");
  });

  it("that names another issuer passes where that is not compared, by this provider's keys, and speaks for this issuer only", async () => {
    const { verify } = createRig({ issuerCheck: false });
    const payload = { ...claims, iss: "https://old-name.example" };
    expect((await verify(rsa.token(payload, { typ }))).claims.issuer).toBe("https://issuer.example");
    expect(await reasonOf(() => verify(stranger.token(payload, { typ })))).toBe("TOKEN_INVALID");
  });
});

describe("a forged token is denied, with one reason for all", () => {
  it.each<[string, string]>([
    ["HS256 keyed with the public key (algorithm confusion)", hs256(publicPem)],
    ["HS256 keyed with the published modulus", hs256(String(rsa.jwk["n"]))],
    ["an algorithm that is not configured", rsa.token(claims, { typ, alg: "RS512" })],
    ["an unknown algorithm", rsa.token(claims, { typ, alg: "XS256" })],
    ["an algorithm by an inherited name", rsa.token(claims, { typ, alg: "constructor" })],
    ["ES256 under an RSA key's id", curve.token(claims, { typ, kid: "rsa" })],
    ["signed by another issuer's key of the same id", stranger.token(claims, { typ })],
    ["signed by another key of this issuer than it names", curve.token(claims, { typ, kid: "rsa", alg: "RS256" })],
    ["an embedded key (jwk)", stranger.token(claims, { typ, jwk: stranger.jwk })],
    ["an embedded key and no id", stranger.token(claims, { typ, jwk: stranger.jwk, kid: undefined })],
    ["an embedded certificate (x5c)", stranger.token(claims, { typ, x5c: ["MIIB"], x5t: "AA" })],
    ["an unknown key id", rsa.token(claims, { typ, kid: "other" })],
    [
      "a payload from another token",
      [unsigned({ alg: "RS256", kid: "rsa" }, { ...claims, sub: "root" }), rsa.token(claims, { typ }).split(".")[2]].join("."),
    ],
    [
      "a payload changed after signing, expired at that",
      [unsigned({ alg: "RS256", kid: "rsa" }, { ...claims, exp: 1 }), rsa.token(claims, { typ }).split(".")[2]].join("."),
    ],
  ])("whatever makes it one: %s", async (_, token) => {
    const { verify } = createRig();
    expect(await failureOf(() => verify(token))).toEqual({
      reason: "TOKEN_INVALID",
      field: "SUBJECT_TOKEN",
      expiredAt: undefined,
      retryAfterMs: undefined,
    });
  });

  it.each(["jku", "x5u"])("keys at an address that the token names (%s) are not fetched", async (member) => {
    const { verify, issuer } = createRig();
    await reasonOf(() => verify(stranger.token(claims, { typ, [member]: "http://127.0.0.1:1/jwks" })));
    // The key set's own source is all that was asked.
    expect(issuer.fetches).toBe(1);
  });

  it("may be remembered where the key that it names says so, and not where its key may yet appear", async () => {
    const { verify, issuer } = createRig();
    const denial = (token: string): Promise<unknown> => verify(token).catch((failure: unknown) => failure);
    expect(isCryptographicDenial(await denial(stranger.token(claims, { typ })))).toBe(true);
    for (const other of [
      rsa.token(claims, { typ, kid: "next" }),
      stranger.token(claims, { typ, kid: undefined }),
      rsa.token(claims, { typ, alg: "RS512" }),
      rsa.token({ ...claims, iat: now + 60 }, { typ }),
    ]) {
      expect(isCryptographicDenial(await denial(other))).toBe(false);
    }
    issuer.fail(new ExchangeError("UPSTREAM_UNAVAILABLE"));
    issuer.pass(10 * minute);
    expect(isCryptographicDenial(await denial(rsa.token(claims, { typ, kid: "next" })))).toBe(false);
  });
});

describe("what is decided without any key", () => {
  it.each<[string, string, string]>([
    ["an untrusted issuer", rsa.token({ ...claims, iss: "https://evil.example" }, { typ }), "ISSUER_NOT_TRUSTED"],
    ["an unsigned token (none)", `${unsigned({ alg: "none" })}.`, "TOKEN_MALFORMED"],
    ["an unsigned token with a signature", rsa.token(claims, { typ, alg: "none" }), "TOKEN_MALFORMED"],
    ["a critical extension", rsa.token(claims, { typ, crit: ["b64"], b64: false }), "TOKEN_MALFORMED"],
    ["an encrypted token", `${rsa.token(claims, { typ })}.AAAA.AAAA`, "TOKEN_MALFORMED"],
    ["a key id with control characters", rsa.token(claims, { typ, kid: "rsa\n" }), "TOKEN_MALFORMED"],
    ["an opaque token", "opaque", "TOKEN_MALFORMED"],
    ["an algorithm that is not configured", rsa.token(claims, { typ, alg: "PS256" }), "TOKEN_INVALID"],
  ])("%s causes no outbound call", async (_, token, reason) => {
    const { verify, issuer } = createRig();
    expect(await reasonOf(() => verify(token))).toBe(reason);
    expect(issuer.fetches).toBe(0);
  });
});

describe("a denied key id", () => {
  it("is refused whatever the issuer publishes, before it is asked", async () => {
    const { verify, issuer } = createRig({ denyKeyIds: ["rsa"] });
    expect(await reasonOf(() => verify(rsa.token(claims, { typ })))).toBe("TOKEN_INVALID");
    expect(issuer.fetches).toBe(0);
    expect((await verify(curve.token(claims, { typ }))).keyId).toBe("curve");
  });

  it("is refused for a token that names no key", async () => {
    const { verify } = createRig({ denyKeyIds: ["rsa"] });
    expect(await reasonOf(() => verify(rsa.token(claims, { typ, kid: undefined })))).toBe("TOKEN_INVALID");
  });
});

describe("keys that cannot be had", () => {
  it("decide nothing: the failure is the issuer's, not the token's", async () => {
    const { verify, issuer } = createRig();
    issuer.fail(new ExchangeError("UPSTREAM_TIMEOUT"));
    expect(await failureOf(() => verify(rsa.token(claims, { typ })))).toMatchObject({ reason: "UPSTREAM_TIMEOUT", field: undefined });
  });
});

describe("the signature comes first", () => {
  it("an expired token says so with its instant, if it is genuine, inside the buffer too", async () => {
    const { verify, issuer } = createRig();
    const token = rsa.token(claims, { typ });
    issuer.pass(9 * minute);
    expect(await failureOf(() => verify(token))).toMatchObject({ reason: "TOKEN_EXPIRED", expiredAt: now + 600 });
    issuer.pass(minute);
    expect(await failureOf(() => verify(token))).toMatchObject({ reason: "TOKEN_EXPIRED", expiredAt: now + 600 });
    expect(await failureOf(() => verify(stranger.token({ ...claims, exp: 1 }, { typ })))).toMatchObject({
      reason: "TOKEN_INVALID",
      expiredAt: undefined,
    });
  });

  it("and the clock is read once the keys are there, not before", async () => {
    const { verify, issuer } = createRig();
    const release = issuer.hold();
    const answer = reasonOf(() => verify(rsa.token(claims, { typ })));
    issuer.pass(10 * minute);
    release();
    expect(await answer).toBe("TOKEN_EXPIRED");
  });
});

const hashOf = (changes: Partial<AccessTokenVerifierOptions> = {}): string => createRig(changes).verifier.contentHash;

describe("the content hash", () => {
  it("is a SHA-256 that does not depend on the order in which options are written", () => {
    expect(hashOf()).toMatch(/^[0-9a-f]{64}$/);
    const reversed = Object.fromEntries(Object.entries(options).toReversed()) as unknown as AccessTokenVerifierOptions;
    const { clock, fetchJwks } = createIssuer();
    expect(createAccessTokenVerifier({ keySet: createKeySet({ fetchJwks, clock }), clock }, reversed).contentHash).toBe(hashOf());
  });

  it.each<[string, Partial<AccessTokenVerifierOptions>]>([
    ["provider", { provider: "two" }],
    ["issuer", { issuer: "https://other.example" }],
    ["issuerCheck", { issuerCheck: false }],
    ["algorithms", { algorithms: ["RS256"] }],
    ["headerTypes", { headerTypes: ["JWT"] }],
    ["payloadType", { payloadType: "Bearer" }],
    ["clientClaims", { clientClaims: ["azp"] }],
    ["expiryBufferMs", { expiryBufferMs: 0 }],
    ["clockToleranceMs", { clockToleranceMs: 0 }],
    ["maxLifetimeMs", { maxLifetimeMs: 60_000 }],
    ["denyKeyIds", { denyKeyIds: ["rsa"] }],
    ["keySource", { keySource: "https://other.example/jwks" }],
  ])("changes with %s", (_, changes) => {
    expect(hashOf(changes)).not.toBe(hashOf());
  });
});
