import { createHmac, createPublicKey } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { createKeyRing, type KeyRing, type OwnKey } from "../../src/keys/key-ring.ts";
import { lingerMs } from "../../src/keys/signing-schedule.ts";
import { createTokenSigner } from "../../src/keys/token-signer.ts";
import { type FrozenClock, frozenClock, nowMs } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { judged, ownKey } from "./own-keys.ts";
import { signingInputOf } from "./signing.ts";

const hour = 3_600_000;
const trustMs = 24 * hour;
const claims = { sub: "user-1" };
const es256 = { kind: "published", algorithm: "ES256" } as const;

let clock: FrozenClock;
let ring: KeyRing;
let first: OwnKey;
let next: OwnKey;
beforeEach(async () => {
  clock = frozenClock();
  ring = createKeyRing(clock, { trustMs });
  first = await ownKey("ES256");
  next = await ownKey("ES256", { seq: 2, activatesAtMs: nowMs + 2 * hour });
  ring.replace([first, next], nowMs);
});

const published = () => ring.publicKeys().keys.map(({ kid }) => kid);
const sign = () => createTokenSigner(ring, new Map()).sign(claims, es256);

describe("the published set", () => {
  it("has a key from its announcement on, and until its last token has expired", () => {
    expect(published()).toEqual([first.kid, next.kid]);
    clock.advance(2 * hour + lingerMs - 1);
    expect(published()).toEqual([first.kid, next.kid]);
    clock.advance(1);
    expect(published()).toEqual([next.kid]);
  });

  it.each(["ES256", "EdDSA", "RS256"] as const)("never has a private member: %s", async (algorithm) => {
    const key = await ownKey(algorithm);
    ring.replace([key], nowMs);
    const text = JSON.stringify(ring.publicKeys());
    const members = key.privateKey?.export({ format: "jwk" }) ?? {};
    const secret = Object.entries(members).filter(([name]) => ["d", "p", "q", "dp", "dq", "qi"].includes(name));
    expect(secret.length).toBeGreaterThan(0);
    for (const [name, value] of secret) {
      expect(ring.publicKeys().keys[0]).not.toHaveProperty(name);
      expect(text).not.toContain(String(value));
    }
  });
});

describe("a key that was ended", () => {
  it("stays ended, whoever puts its row back as it was", async () => {
    const signed = await sign();
    ring.replace([{ ...first, endedAtMs: nowMs, privateKey: undefined }, next], nowMs);
    ring.replace([first, next], nowMs);
    expect([published(), ring.isPublished(first.kid)]).toEqual([[next.kid], false]);
    await expect(judged(ring.keySet, signed)).resolves.not.toMatchObject({ kind: "good" });
  });
});

describe("a rotation", () => {
  it("happens at its instant, by the clock alone", async () => {
    expect(ring.active("ES256")?.kid).toBe(first.kid);
    clock.advance(2 * hour);
    expect(ring.active("ES256")?.kid).toBe(next.kid);
  });

  it("leaves a token of the old key good for as long as it may live", async () => {
    clock.advance(2 * hour - 1);
    const token = await sign();
    clock.advance(24 * hour);
    expect((await judged(ring.keySet, token)).kind).toBe("good");
    clock.advance(hour + 1);
    expect((await judged(ring.keySet, token)).kind).toBe("refused");
  });

  it("goes on where the store cannot be read, by what was stored ahead", async () => {
    clock.advance(2 * hour);
    expect((await judged(ring.keySet, await sign())).kind).toBe("good");
  });

  it("that may have happened elsewhere without being seen here stops the signing, and not the verifying", async () => {
    const token = await sign();
    clock.advance(trustMs + 1);
    await expect(sign()).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
    expect((await judged(ring.keySet, token)).kind).toBe("good");
    ring.replace([first, next], clock());
    expect((await judged(ring.keySet, await sign())).kind).toBe("good");
  });
});

describe("a key that was ended", () => {
  it("neither signs nor verifies nor is published, and the one before it does not come back", async () => {
    clock.advance(2 * hour);
    const token = await sign();
    ring.replace([first, { ...next, endedAtMs: clock(), privateKey: undefined }], clock());
    expect((await judged(ring.keySet, token)).kind).toBe("refused");
    expect(published()).toEqual([first.kid]);
    await expect(sign()).rejects.toEqual(refusal("STORE_UNAVAILABLE"));
  });
});

const publicHalves = (key: OwnKey): readonly (readonly [string, Buffer])[] => {
  const half = ring.publicKeys().keys.find(({ kid }) => kid === key.kid);
  return [
    ["the JWK", Buffer.from(JSON.stringify(half))],
    ["a coordinate", Buffer.from(half?.x ?? "", "base64url")],
    ["PEM", Buffer.from(createPublicKey(key.privateKey ?? "").export({ type: "spki", format: "pem" }))],
  ];
};

describe("an attacker's token", () => {
  it("that is an HMAC under the public key is refused, whatever form of the key it took for the secret", async () => {
    for (const [name, secret] of publicHalves(first)) {
      const input = signingInputOf({ alg: "HS256", kid: first.kid, typ: "at+jwt" }, claims);
      const token = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
      expect([name, (await judged(ring.keySet, token)).kind]).toEqual([name, "refused"]);
    }
  });

  it.each([
    ["names another algorithm for a published key", (kid: string) => ({ alg: "EdDSA", kid })],
    ["names no key", () => ({ alg: "ES256", kid: undefined })],
    ["names a key that is not there", () => ({ alg: "ES256", kid: "other" })],
    ["names what every object inherits", () => ({ alg: "ES256", kid: "constructor" })],
  ])("that %s is refused, also with a signature that is good", async (_name, header) => {
    const signed = (await sign()).reveal();
    const input = signingInputOf({ ...header(first.kid), typ: "at+jwt" }, claims);
    expect((await judged(ring.keySet, new Secret(`${input}.${signed.split(".")[2]}`))).kind).toBe("refused");
  });

  it("whose claims were changed is forged", async () => {
    const [header, , signature] = (await sign()).reveal().split(".");
    const payload = Buffer.from(JSON.stringify({ sub: "admin" })).toString("base64url");
    expect((await judged(ring.keySet, `${header}.${payload}.${signature}`)).kind).toBe("forged");
  });
});

it("a ring that was given nothing yet knows no key, and says so", async () => {
  const empty = createKeyRing(clock, { trustMs });
  expect(empty.publicKeys()).toEqual({ keys: [] });
  expect(empty.active("ES256")).toBeUndefined();
  expect(await empty.keySet.find({ kid: first.kid, alg: "ES256" }, AbortSignal.timeout(1_000))).toEqual({ kind: "unknown" });
});
