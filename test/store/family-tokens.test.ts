import { describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { createAccessTokenVerifier } from "../../src/keys/access-token-verifier.ts";
import { createKeySet } from "../../src/keys/key-set.ts";
import { handedOut, msUntilRoom, withToken } from "../../src/store/family-tokens.ts";
import { createIssuer } from "../keys/issuer.ts";
import { createSigningKey } from "../keys/signing.ts";
import { accessToken } from "../exchange/one-time-upstream.ts";

const key = createSigningKey("ES256", "curve");
const now = 1_800_000_000;
const nowMs = now * 1_000;
const claims = { iss: "https://issuer.example", sub: "alice", aud: "orders", client_id: "web", iat: now, exp: now + 600 };

const issuer = createIssuer(key.jwk);
const verifier = createAccessTokenVerifier(
  { keySet: createKeySet(issuer), clock: issuer.clock },
  {
    provider: "main",
    issuer: "https://issuer.example",
    issuerCheck: true,
    algorithms: ["ES256"],
    headerTypes: ["at+jwt"],
    payloadType: undefined,
    clientClaims: ["client_id"],
    expiryBufferMs: 0,
    clockToleranceMs: 0,
    maxLifetimeMs: 86_400_000,
    denyKeyIds: [],
    keySource: "https://issuer.example/jwks",
  },
);

const part = (text: string) => Buffer.from(text).toString("base64url");
const ids = (column: string) => handedOut(column).map((one) => one.id);

describe("a token that was handed out", () => {
  it.each([
    ["with an id", { jti: "some-id" }],
    ["with the longest id", { jti: "x".repeat(128) }],
    ["with an id that is too long", { jti: "x".repeat(129) }],
    ["without one", {}],
  ])("is known by what its verification is revoked by: %s", async (_name, more) => {
    const token = new Secret(key.token({ ...claims, ...more }, { typ: "at+jwt" }));
    const { revocationId } = await verifier.verify(token, AbortSignal.timeout(10_000));
    expect(handedOut(withToken("[]", { accessToken: token }, nowMs))).toEqual([{ id: revocationId, expiresAt: now + 600 }]);
  });

  it.each([
    ["opaque", "some-opaque-token"],
    ["in two parts", `${part("{}")}.${part(`{"exp":${now + 600}}`)}`],
    ["in four parts", `${part("{}")}.${part(`{"exp":${now + 600}}`)}.a.b`],
    ["without an expiry", `${part("{}")}.${part('{"jti":"a"}')}.c2ln`],
    ["with an expiry that is no number", `${part("{}")}.${part('{"jti":"a","exp":"2000000000"}')}.c2ln`],
    ["no JSON", `${part("{}")}.${part("{")}.c2ln`],
    ["no object", `${part("{}")}.${part("null")}.c2ln`],
    ["expired", accessToken("a", now).reveal()],
  ])("and that validation never accepts is not remembered: %s", (_name, text) => {
    expect(withToken("[]", { accessToken: new Secret(text) }, nowMs)).toBe("[]");
  });
});

describe("what was handed out", () => {
  it("is forgotten once it has expired", () => {
    const column = withToken("[]", { accessToken: accessToken("a", now + 300) }, nowMs);
    expect(ids(withToken(column, { accessToken: accessToken("b", now + 600) }, nowMs + 299_000))).toEqual(["jti:b", "jti:a"]);
    expect(ids(withToken(column, { accessToken: accessToken("b", now + 600) }, nowMs + 300_000))).toEqual(["jti:b"]);
  });

  it("is at most 64 tokens that live, of which none is dropped: there is room when the first one expires", () => {
    let column = "[]";
    for (let index = 0; index < 64; index += 1) {
      expect(msUntilRoom(column, nowMs)).toBe(0);
      column = withToken(column, { accessToken: accessToken(`${index}`, now + 1_000 + index) }, nowMs);
    }
    expect(ids(column)).toEqual(Array.from({ length: 64 }, (_, index) => `jti:${63 - index}`));
    expect(msUntilRoom(column, nowMs)).toBe(60_000);
    expect(msUntilRoom(column, nowMs + 999_000)).toBe(1_000);
    expect(msUntilRoom(column, nowMs + 1_000_000)).toBe(0);
  });

  it.each(["", "{", "null", '[{"id":1}]', '{"id":"a","expiresAt":1}'])("is nothing where it cannot be read: %s", (column) => {
    expect(handedOut(column)).toEqual([]);
  });
});
