import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createAssertions } from "../../src/callers/assertion.ts";
import { maxTokenLength } from "../../src/exchange/token/compact.ts";
import type { SignatureAlgorithm } from "../../src/keys/algorithms.ts";
import { clientOf, refusal } from "../exchange/fixtures.ts";
import { createSigningKey, signingInputOf } from "../keys/signing.ts";
import { assertionOf, basic, bearer, billing, cambio, createRig, createUsed, keys, now, nowMs, orders, refusedFor } from "./rig.ts";

describe("a service proves itself by an assertion (RFC 7523)", () => {
  it.each<[string, string]>([
    ["signed by it, for this service", assertionOf()],
    ["whose audience is a list of one", assertionOf({ aud: [cambio] })],
    ["of the type that says what it is", assertionOf({}, { typ: "client-authentication+jwt" })],
    ["of the type in its long form", assertionOf({}, { typ: "application/Client-Authentication+JWT" })],
    ["of type JWT", assertionOf({}, { typ: "JWT" })],
    ["under the key that comes next", assertionOf({}, {}, keys.ordersNext)],
    ["that names no key, where one alone fits its algorithm", assertionOf({}, { kid: undefined })],
    ["that lives for five minutes", assertionOf({ iat: now, exp: now + 300 })],
    ["in its last second", assertionOf({ exp: now + 1 })],
    ["from a clock that is 30 s ahead", assertionOf({ iat: now + 30, nbf: now + 30 })],
    ["with the longest id", assertionOf({ jti: "x".repeat(256) })],
    ["and the scheme in another case", assertionOf().replace("Bearer ", "bEARER  ")],
  ])("%s", async (_name, authorization) => {
    expect(await createRig().prove(authorization)).toBe(orders);
  });

  it.each(["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"] as const satisfies readonly SignatureAlgorithm[])(
    "signed with %s, where its configuration lists that",
    async (algorithm) => {
      const key = createSigningKey(algorithm, "k");
      const shop = clientOf({ id: "shop", kind: "service" });
      const own = { client: shop, secrets: [], workloads: [], certificates: [], assertions: { jwks: [key.jwk], algorithms: [algorithm] } };
      const { prove } = createRig({}, [own]);
      expect(await prove(assertionOf({ iss: "shop", sub: "shop" }, {}, key))).toBe(shop);
    },
  );
});

const tampered = (): string => {
  const [header, , signature] = assertionOf().split(".");
  const payload = Buffer.from(JSON.stringify({ iss: "orders", sub: "orders", aud: cambio, iat: now, exp: now + 60, jti: "x" }));
  return `${header}.${payload.toString("base64url")}.${signature}`;
};
const unsigned = `${signingInputOf({ alg: "none" }, { iss: "orders", sub: "orders", aud: cambio, iat: now, exp: now + 60, jti: "x" })}.`;
const shared = (): string => {
  const input = signingInputOf(
    { alg: "HS256", kid: "orders-1" },
    { iss: "orders", sub: "orders", aud: cambio, iat: now, exp: now + 60, jti: "x" },
  );
  const publicKey = keys.orders.publicKey.export({ type: "spki", format: "pem" });
  return `${input}.${createHmac("sha256", publicKey).update(input).digest("base64url")}`;
};

describe("an attacker does not become a service by an assertion", () => {
  it.each<[string, string, string]>([
    ["signed by a stranger under a key id of the service", assertionOf({}, {}, keys.stranger), "signature"],
    ["whose key comes along in its header", assertionOf({}, { jwk: keys.stranger.jwk, kid: "mine" }, keys.stranger), "signature"],
    ["signed by another service, about this one", assertionOf({}, {}, keys.billing), "signature"],
    ["signed by another service, under the key id of this one", assertionOf({}, { kid: "orders-1" }, keys.billing), "signature"],
    ["whose key id belongs to another service", assertionOf({}, { kid: "billing-1" }), "signature"],
    ["whose content was changed", tampered(), "signature"],
    ["with an algorithm that the service's configuration does not list", assertionOf({}, { alg: "ES384" }), "signature"],
    ["with the public key taken for a shared secret", bearer(shared()), "signature"],
    ["without a signature", bearer(unsigned), "malformed"],
    ["that one service makes about another", assertionOf({ sub: "billing" }), "subject"],
    ["without a subject", assertionOf({ sub: undefined }), "subject"],
    ["of an issuer that nobody knows", assertionOf({ iss: "nobody", sub: "nobody" }), "unknown_issuer"],
    ["of an issuer that every object has", assertionOf({ iss: "__proto__", sub: "__proto__" }), "unknown_issuer"],
    ["of an issuer that is a list", assertionOf({ iss: ["orders"], sub: ["orders"] }), "unknown_issuer"],
    ["without an issuer", assertionOf({ iss: undefined }), "unknown_issuer"],
    ["meant for another service", assertionOf({ aud: "https://other.example.com" }), "audience"],
    ["meant for another service too, which could show it here", assertionOf({ aud: [cambio, "https://other.example.com"] }), "audience"],
    ["meant for this service's token endpoint", assertionOf({ aud: `${cambio}/token` }), "audience"],
    ["meant for this service, spelled another way", assertionOf({ aud: `${cambio}/` }), "audience"],
    ["meant for nobody", assertionOf({ aud: undefined }), "audience"],
    ["meant for an empty list", assertionOf({ aud: [] }), "audience"],
    ["that has expired", assertionOf({ exp: now }), "expired"],
    ["that expired within a clock's tolerance", assertionOf({ exp: now - 1 }), "expired"],
    ["without an end", assertionOf({ exp: undefined }), "times"],
    ["without a beginning", assertionOf({ iat: undefined }), "times"],
    ["whose end is a text", assertionOf({ exp: `${now + 60}` }), "times"],
    ["whose beginning is a fraction", assertionOf({ iat: now - 0.5 }), "times"],
    ["whose nbf is a text", assertionOf({ nbf: "now" }), "times"],
    ["that lives for longer than five minutes", assertionOf({ iat: now, exp: now + 301 }), "lifetime"],
    ["that was made long ago for a long time", assertionOf({ iat: now - 86_400, exp: now + 60 }), "lifetime"],
    ["that ends before it begins", assertionOf({ iat: now + 20, exp: now + 10 }), "lifetime"],
    ["from the future", assertionOf({ iat: now + 31 }), "not_yet_valid"],
    ["that is not valid yet", assertionOf({ nbf: now + 31 }), "not_yet_valid"],
    ["without an id, which could be shown for ever", assertionOf({ jti: undefined }), "id"],
    ["with an empty id", assertionOf({ jti: "" }), "id"],
    ["with a number for an id", assertionOf({ jti: 7 }), "id"],
    ["with an id beyond every bound", assertionOf({ jti: "x".repeat(257) }), "id"],
    ["that is an access token", assertionOf({}, { typ: "at+jwt" }), "type"],
    ["that is a logout token", assertionOf({}, { typ: "logout+jwt" }), "type"],
    ["bound to a key that is not shown", assertionOf({ cnf: { jkt: "x" } }), "bound"],
    ["with critical headers", assertionOf({}, { crit: ["exp"] }), "malformed"],
    ["with text behind it", `${assertionOf()} x`, "malformed"],
    ["twice in one header", `${assertionOf()}, ${assertionOf()}`, "malformed"],
    ["beyond every bound", assertionOf({ padding: "x".repeat(maxTokenLength) }), "malformed"],
    ["behind spaces beyond every bound", assertionOf().replace(" ", " ".repeat(maxTokenLength)), "malformed"],
    ["that is nothing but a word", "Bearer x", "malformed"],
    ["that is not there", "Bearer", "malformed"],
    ["with a line break behind it", `${assertionOf()}\n`, "malformed"],
  ])("%s", async (_name, authorization, problem) => {
    const { prove, used } = createRig();
    await expect(prove(authorization, { issues: true })).rejects.toThrow(refusedFor("assertion", problem));
    expect(used.claims).toEqual([]);
  });

  it("where the service that it names has no assertions", async () => {
    const { prove } = createRig({}, [{ client: orders, secrets: [], workloads: [], certificates: [] }]);
    await expect(prove(assertionOf())).rejects.toThrow(refusedFor("assertion", "unknown_issuer"));
  });

  it("that names no key, where several fit: which one is meant would be a guess", async () => {
    const other = createSigningKey("ES256", "orders-3");
    const assertions = { jwks: [keys.orders.jwk, other.jwk], algorithms: ["ES256"] as const };
    const { prove } = createRig({}, [{ client: orders, secrets: [], workloads: [], certificates: [], assertions }]);
    await expect(prove(assertionOf({}, { kid: undefined }))).rejects.toThrow(refusedFor("assertion", "signature"));
    expect(await prove(assertionOf())).toBe(orders);
  });
});

describe("an assertion that was caught on its way", () => {
  it("is refused by calls that issue or end something, once it was used", async () => {
    const { prove } = createRig();
    expect(await prove(assertionOf(), { issues: true })).toBe(orders);
    await expect(prove(assertionOf(), { issues: true })).rejects.toThrow(refusedFor("assertion", "replayed"));
  });

  it("is refused on every replica that shares the memory of used ids", async () => {
    const used = createUsed();
    const replicas = [createRig({ usedAssertions: used }), createRig({ usedAssertions: used }), createRig({ usedAssertions: used })];
    const outcomes = await Promise.allSettled(replicas.map(({ prove }) => prove(assertionOf(), { issues: true })));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected", "rejected"]);
  });

  it("serves its service for validation until it expires, before and after it was used up, and uses nothing up", async () => {
    const { prove, used, time } = createRig();
    expect(await prove(assertionOf())).toBe(orders);
    expect(used.claims).toEqual([]);
    expect(await prove(assertionOf(), { issues: true })).toBe(orders);
    expect(await prove(assertionOf())).toBe(orders);
    time.nowMs = (now + 60) * 1_000;
    await expect(prove(assertionOf())).rejects.toThrow(refusedFor("assertion", "expired"));
  });

  it("is not mixed up with the same id of another service", async () => {
    const { prove } = createRig();
    expect(await prove(assertionOf(), { issues: true })).toBe(orders);
    expect(await prove(assertionOf({ iss: "billing", sub: "billing" }, {}, keys.billing), { issues: true })).toBe(billing);
  });

  it("is remembered for longer than it lives on a replica whose clock is behind", async () => {
    const { prove, used } = createRig();
    await prove(assertionOf({ exp: now + 60 }), { issues: true });
    expect(used.claims).toEqual([["orders", "id-1", nowMs + 90_000]]);
  });

  it("is neither accepted nor refused where nobody can say whether it was used", async () => {
    const usedAssertions = { claim: () => Promise.reject(refusalOf()) };
    const { prove } = createRig({ usedAssertions });
    await expect(prove(assertionOf(), { issues: true })).rejects.toThrow("away");
    expect(await prove(assertionOf())).toBe(orders);
  });

  it("keeps no call waiting beyond its deadline", async () => {
    const { authenticate } = createRig({ usedAssertions: { claim: () => new Promise(() => undefined) } });
    const answer = authenticate({ authorization: assertionOf(), certificate: undefined, issues: true }, { signal: AbortSignal.abort() });
    await expect(answer).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
  });
});

function refusalOf(): Error {
  return new Error("away");
}

describe("at start", () => {
  const deps = { clock: () => nowMs, usedAssertions: createUsed() };
  const assertions = { jwks: [keys.orders.jwk], algorithms: ["ES256"] as const };

  it("assertions without an issuer that they could be meant for are a mistake", () => {
    expect(() => createAssertions({ ...deps, issuer: undefined }, [{ client: orders, assertions }])).toThrow(/issuer/);
    expect(() => createAssertions({ ...deps, issuer: undefined }, [{ client: orders }])).not.toThrow();
  });

  it("keys that can check nothing are a mistake", () => {
    const jwks = [{ ...keys.orders.jwk, use: "enc" }];
    expect(() => createAssertions({ ...deps, issuer: cambio }, [{ client: orders, assertions: { ...assertions, jwks } }])).toThrow(/keys/);
  });
});

it("a secret that is sent as a bearer token proves nothing", async () => {
  const { prove } = createRig();
  const wrong = basic("orders", "orders-secret-0123456789").replace("Basic", "Bearer");
  await expect(prove(wrong)).rejects.toThrow(refusedFor("assertion", "malformed"));
});
