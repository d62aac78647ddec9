import { createSecretKey } from "node:crypto";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { signingAlgorithms } from "../../src/exchange/minting-ports.ts";
import { createKeyRing } from "../../src/keys/key-ring.ts";
import { createTokenSigner } from "../../src/keys/token-signer.ts";
import { frozenClock, nowMs } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { judged, ownKey } from "./own-keys.ts";

const claims = { iss: "https://cambio.example", sub: "user-1", aud: "https://api.example", exp: nowMs / 1_000 + 900, act: { sub: "ü" } };
const secret = createSecretKey(Buffer.alloc(32, 7));

async function ringOf(...keys: Parameters<ReturnType<typeof createKeyRing>["replace"]>[0]) {
  const clock = frozenClock();
  const ring = createKeyRing(clock, { trustMs: Infinity });
  ring.replace(keys, nowMs);
  return ring;
}

describe.each(signingAlgorithms)("a token signed by %s", (algorithm) => {
  it("verifies by jose under the published set, with its header and every claim", async () => {
    const key = await ownKey(algorithm);
    const ring = await ringOf(key);
    const token = await createTokenSigner(ring, new Map()).sign(claims, { kind: "published", algorithm });
    const set = createLocalJWKSet(JSON.parse(JSON.stringify(ring.publicKeys())) as JSONWebKeySet);
    const { payload, protectedHeader } = await jwtVerify(token.reveal(), set, { currentDate: new Date(nowMs), algorithms: [algorithm] });
    expect(payload).toEqual(claims);
    expect(protectedHeader).toEqual({ alg: algorithm, kid: key.kid, typ: "at+jwt" });
  });

  it("verifies by this service's own verifier", async () => {
    const ring = await ringOf(await ownKey(algorithm));
    const token = await createTokenSigner(ring, new Map()).sign(claims, { kind: "published", algorithm });
    expect((await judged(ring.keySet, token)).kind).toBe("good");
  });
});

describe("a token signed under a secret that one audience shares", () => {
  it("verifies by jose under that secret, and says JWT", async () => {
    const signer = createTokenSigner(await ringOf(), new Map([["backend", secret]]));
    const token = await signer.sign(claims, { kind: "shared", audience: "backend" });
    const { payload, protectedHeader } = await jwtVerify(token.reveal(), secret, { currentDate: new Date(nowMs), algorithms: ["HS256"] });
    expect(payload).toEqual(claims);
    expect(protectedHeader).toEqual({ alg: "HS256", typ: "JWT" });
  });

  it("is never accepted by this service itself", async () => {
    const ring = await ringOf(await ownKey("ES256"));
    const token = await createTokenSigner(ring, new Map([["backend", secret]])).sign(claims, { kind: "shared", audience: "backend" });
    expect((await judged(ring.keySet, token)).kind).toBe("refused");
  });

  it("is not made without the secret: a name that every object inherits finds none", async () => {
    const signer = createTokenSigner(await ringOf(), new Map([["backend", secret]]));
    await expect(signer.sign(claims, { kind: "shared", audience: "constructor" })).rejects.toThrow("no secret");
  });
});

describe("without a key that may sign now", () => {
  it.each([
    ["there is none at all", []],
    ["the only one is of another algorithm", [() => ownKey("EdDSA")]],
    ["the only one is announced", [() => ownKey("ES256", { activatesAtMs: nowMs + 1 })]],
    ["the only one was ended", [() => ownKey("ES256", { endedAtMs: nowMs, privateKey: undefined })]],
  ])("nothing is signed: %s", async (_name, makers) => {
    const ring = await ringOf(...(await Promise.all(makers.map((make) => make()))));
    const signer = createTokenSigner(ring, new Map());
    const by = { kind: "published", algorithm: "ES256" } as const;
    await expect(signer.sign(claims, by)).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
    expect(() => signer.check(by)).toThrow(refusal("STORE_UNAVAILABLE"));
  });

  it("what is signed under a shared secret needs none, and one of the wanted algorithm is enough", async () => {
    const signer = createTokenSigner(await ringOf(await ownKey("ES256")), new Map());
    expect(() => signer.check({ kind: "published", algorithm: "ES256" })).not.toThrow();
    expect(() => signer.check({ kind: "shared", audience: "backend" })).not.toThrow();
  });
});
