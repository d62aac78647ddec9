import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TokenClaims } from "../../../src/exchange/claims.ts";
import { type AccessTokenRules, applyAccessTokenRules } from "../../../src/exchange/token/access-token-rules.ts";
import { parseCompact } from "../../../src/exchange/token/compact.ts";
import { failureOf, reasonOf } from "./failure-of.ts";

const now = 1_800_000_000;
const issuer = "https://issuer.example/realms/one";

const rfc9068: AccessTokenRules = {
  issuer,
  issuerCheck: true,
  headerTypes: ["at+jwt"],
  payloadType: undefined,
  clientClaims: ["client_id"],
  expiryBufferMs: 60_000,
  clockToleranceMs: 30_000,
  maxLifetimeMs: 86_400_000,
};
const keycloak: AccessTokenRules = { ...rfc9068, headerTypes: ["JWT"], payloadType: "Bearer", clientClaims: ["azp"] };
const untyped: AccessTokenRules = { ...rfc9068, headerTypes: ["JWT"] };

const claims = { iss: issuer, sub: "alice", aud: "orders", exp: now + 600, iat: now - 10, client_id: "shop" };
const keycloakClaims = { ...claims, client_id: undefined, azp: "shop", typ: "Bearer" };

interface Case {
  readonly rules?: AccessTokenRules;
  readonly typ?: string | undefined;
  readonly payload?: object;
  readonly nowMs?: number;
}

function apply({ rules = rfc9068, payload = {}, nowMs = now * 1_000, ...header }: Case): TokenClaims {
  const typ = "typ" in header ? header.typ : rules === rfc9068 ? "at+jwt" : "JWT";
  const base = rules === keycloak ? keycloakClaims : claims;
  const parts = [
    { alg: "RS256", typ },
    { ...base, ...payload },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return applyAccessTokenRules(rules, parseCompact(`${parts.join(".")}.AAAA`), nowMs);
}

describe("claims that hold", () => {
  it("become verified claims, byte for byte", () => {
    const payload = {
      aud: ["orders", "https://Billing.example/"],
      scope: "orders:read orders:write",
      jti: "id-1",
      nbf: now - 10,
      act: { sub: "gateway", iss: "https://other.example", client_id: "gw", act: { sub: "batch" } },
      name: "Älice",
      preferred_username: "alice",
      email: "alice@example.com",
    };
    expect(apply({ payload })).toEqual({
      issuer,
      subject: "alice",
      clientId: "shop",
      audiences: ["orders", "https://Billing.example/"],
      scopes: ["orders:read", "orders:write"],
      issuedAt: now - 10,
      expiresAt: now + 600,
      tokenId: "id-1",
      actors: [
        { issuer: "https://other.example", subject: "gateway", clientId: "gw" },
        { issuer: "", subject: "batch", clientId: "" },
      ],
      name: "Älice",
      preferredUsername: "alice",
      email: "alice@example.com",
    });
  });

  it("are empty where the token says nothing", () => {
    const { audiences, scopes, tokenId, actors, name, preferredUsername, email } = apply({ payload: { aud: undefined } });
    expect({ audiences, scopes, tokenId, actors, name, preferredUsername, email }).toEqual({
      audiences: [],
      scopes: [],
      tokenId: "",
      actors: [],
      name: "",
      preferredUsername: "",
      email: "",
    });
  });

  it("come out of a Keycloak access token the same way", () => {
    expect(apply({ rules: keycloak })).toMatchObject({ clientId: "shop", audiences: ["orders"], subject: "alice" });
  });

  it.each(["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])("are typed %s, whatever the case", (typ) => {
    expect(apply({ typ }).subject).toBe("alice");
  });

  it.each<[string, string[]]>([
    ["", []],
    ["a", ["a"]],
    ["a b", ["a", "b"]],
    [" a  b ", ["a", "b"]],
  ])("split the scope %j at its spaces, and no empty name is a scope", (scope, scopes) => {
    expect(apply({ payload: { scope } }).scopes).toEqual(scopes);
  });

  it("take no scope from `scp`", () => {
    expect(apply({ payload: { scp: ["admin"] } }).scopes).toEqual([]);
  });

  it("ignore a display name of another shape", () => {
    expect(apply({ payload: { name: { first: "A" }, email: 7 } })).toMatchObject({ name: "", email: "" });
  });
});

describe("the issuer", () => {
  it.each<[string, unknown]>([
    ["another", "https://evil.example"],
    ["a longer one", `${issuer}/`],
    ["another spelling", issuer.toUpperCase()],
    ["a list", [issuer]],
    ["none", undefined],
  ])("is compared byte for byte: %s", async (_, iss) => {
    expect(await failureOf(() => apply({ payload: { iss } }))).toMatchObject({ reason: "ISSUER_NOT_TRUSTED", field: "SUBJECT_TOKEN" });
  });

  it("is not compared where the check is off, and nothing else is let off", async () => {
    const rules = { ...rfc9068, issuerCheck: false };
    expect(apply({ rules, typ: "at+jwt", payload: { iss: "https://elsewhere.example" } }).issuer).toBe("https://elsewhere.example");
    expect(await reasonOf(() => apply({ rules, typ: "at+jwt", payload: { iss: "https://elsewhere.example", client_id: undefined } }))).toBe(
      "TOKEN_INVALID",
    );
  });
});

describe("another kind of token is not an access token", () => {
  it.each<[string, Case]>([
    ["an ID token (no type)", { typ: undefined }],
    ["an ID token typed JWT where at+jwt is pinned", { typ: "JWT" }],
    ["a logout token", { typ: "logout+jwt" }],
    ["a security event", { typ: "secevent+jwt" }],
    ["a client's assertion", { typ: "client-authentication+jwt" }],
    ["an empty type", { typ: "" }],
    ["a type that only begins right", { typ: "at+jwt;x" }],
    ["a Keycloak ID token", { rules: keycloak, payload: { typ: "ID" } }],
    ["a Keycloak refresh token", { rules: keycloak, payload: { typ: "Refresh" } }],
    ["a Keycloak offline token", { rules: keycloak, payload: { typ: "Offline" } }],
    ["a Keycloak logout token", { rules: keycloak, payload: { typ: "Logout" } }],
    ["a Keycloak token without its payload type", { rules: keycloak, payload: { typ: undefined } }],
    ["a payload type that is no string", { rules: keycloak, payload: { typ: ["Bearer"] } }],
    ["an ID token by its payload where no payload type is pinned", { rules: untyped, payload: { typ: "ID" } }],
    ["a refresh token in another case", { rules: untyped, payload: { typ: "REFRESH" } }],
    ["an ID token by its nonce where types say nothing", { rules: untyped, payload: { nonce: "n" } }],
    ["an ID token by its at_hash", { rules: untyped, payload: { at_hash: "h" } }],
    ["an ID token by its c_hash", { rules: untyped, payload: { c_hash: "h" } }],
    ["a logout token by its events", { rules: untyped, payload: { events: {} } }],
  ])("%s", async (_, given) => {
    expect(await reasonOf(() => apply(given))).toBe("TOKEN_TYPE_MISMATCH");
  });

  it("but a typed one may carry a nonce", () => {
    expect(apply({ payload: { nonce: "n" } }).subject).toBe("alice");
    expect(apply({ rules: keycloak, payload: { nonce: "n" } }).subject).toBe("alice");
  });
});

describe("times", () => {
  it.each<[string, object]>([
    ["no exp", { exp: undefined }],
    ["no iat", { iat: undefined }],
    ["exp as a string", { exp: String(now + 600) }],
    ["exp with a fraction", { exp: now + 600.5 }],
    ["exp beyond every calendar", { exp: 1e300 }],
    ["negative exp", { exp: -1 }],
    ["null exp", { exp: null }],
    ["iat as a string", { iat: String(now) }],
    ["iat with a fraction", { iat: now - 0.5 }],
    ["iat in milliseconds", { iat: now * 1_000 }],
    ["nbf as a string", { nbf: String(now) }],
    ["nbf of null", { nbf: null }],
    ["nbf before the epoch", { nbf: -1 }],
    ["nbf beyond every calendar", { nbf: 1e300 }],
    ["an absurd lifetime", { exp: now - 10 + 86_401 }],
    ["no lifetime at all", { iat: now + 600 }],
    ["a negative lifetime", { iat: now + 601 }],
  ])("are refused: %s", async (_, payload) => {
    expect(await failureOf(() => apply({ payload }))).toMatchObject({
      reason: "TOKEN_INVALID",
      field: "SUBJECT_TOKEN",
      expiredAt: undefined,
    });
  });

  it("may lie exactly the longest lifetime apart", () => {
    expect(apply({ payload: { exp: now - 10 + 86_400 } }).expiresAt).toBe(now - 10 + 86_400);
  });

  it("count as over from `exp` minus the buffer on, and say the true `exp`, which then still lies ahead", async () => {
    const edgeMs = (now + 600) * 1_000 - 60_000;
    expect(apply({ nowMs: edgeMs - 1 }).expiresAt).toBe(now + 600);
    for (const nowMs of [edgeMs, edgeMs + 59_999, edgeMs + 60_000, edgeMs + 86_400_000]) {
      expect(await failureOf(() => apply({ nowMs }))).toEqual({
        reason: "TOKEN_EXPIRED",
        field: "SUBJECT_TOKEN",
        expiredAt: now + 600,
        retryAfterMs: undefined,
      });
    }
  });

  it("get no tolerance at `exp`, however wide that of the clocks", async () => {
    const rules = { ...rfc9068, expiryBufferMs: 0, clockToleranceMs: 300_000 };
    expect(apply({ rules, typ: "at+jwt", nowMs: (now + 600) * 1_000 - 1 }).subject).toBe("alice");
    expect(await reasonOf(() => apply({ rules, typ: "at+jwt", nowMs: (now + 600) * 1_000 }))).toBe("TOKEN_EXPIRED");
  });

  it.each(["iat", "nbf"])("may have %s ahead by the tolerance, not by a second more", async (claim) => {
    expect(apply({ payload: { [claim]: now + 30 } }).subject).toBe("alice");
    expect(await reasonOf(() => apply({ payload: { [claim]: now + 31 } }))).toBe("TOKEN_NOT_YET_VALID");
  });

  it("never allow a token at or after exp − buffer", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 90_000 }),
        fc.integer({ min: -2_000, max: 2_000 }),
        fc.integer({ min: 0, max: 600_000 }),
        (lifetime, shift, expiryBufferMs) => {
          const payload = { iat: now - 1_000, exp: now - 1_000 + lifetime };
          const nowMs = now * 1_000 + shift * 997;
          try {
            apply({ rules: { ...rfc9068, expiryBufferMs }, typ: "at+jwt", payload, nowMs });
          } catch {
            return;
          }
          expect(nowMs).toBeLessThan(payload.exp * 1_000 - expiryBufferMs);
        },
      ),
    );
  });
});

describe("what a token must and must not carry", () => {
  it.each([{ jkt: "x" }, {}, null])("a token bound to a key is not taken without the proof: cnf %j", async (cnf) => {
    expect(await reasonOf(() => apply({ payload: { cnf } }))).toBe("PROOF_REQUIRED");
  });

  it.each<[string, Case]>([
    ["no subject", { payload: { sub: undefined } }],
    ["an empty subject", { payload: { sub: "" } }],
    ["a subject that is no string", { payload: { sub: 42 } }],
    ["a subject with half a surrogate pair", { payload: { sub: "a\ud800" } }],
    ["no client", { payload: { client_id: undefined } }],
    ["an empty client", { payload: { client_id: "" } }],
    ["a client that is no string", { payload: { client_id: ["shop"] } }],
    ["one of two client claims missing", { rules: { ...rfc9068, clientClaims: ["client_id", "azp"] }, typ: "at+jwt" }],
    [
      "two client claims that disagree",
      { rules: { ...rfc9068, clientClaims: ["client_id", "azp"] }, typ: "at+jwt", payload: { azp: "other" } },
    ],
    ["no client claim configured", { rules: { ...rfc9068, clientClaims: [] }, typ: "at+jwt" }],
    ["an audience that is no string", { payload: { aud: { orders: true } } }],
    ["a null audience", { payload: { aud: null } }],
    ["an audience list with a number", { payload: { aud: ["orders", 1] } }],
    ["an audience list with an empty name", { payload: { aud: ["orders", ""] } }],
    ["a list inside the audience list", { payload: { aud: [["orders"]] } }],
    ["a scope list", { payload: { scope: ["orders:read"] } }],
    ["a null scope", { payload: { scope: null } }],
    ["a token id that is no string", { payload: { jti: 1 } }],
    ["a null actor", { payload: { act: null } }],
    ["an actor that is a string", { payload: { act: "gateway" } }],
    ["an actor without subject", { payload: { act: { client_id: "gw" } } }],
    ["an actor whose subject is no string", { payload: { act: { sub: { a: 1 } } } }],
    ["an actor whose issuer is no string", { payload: { act: { sub: "a", iss: 1 } } }],
    ["a bad actor further inside", { payload: { act: { sub: "a", act: {} } } }],
  ])("is refused: %s", async (_, given) => {
    expect(await reasonOf(() => apply(given))).toBe("TOKEN_INVALID");
  });

  it("two client claims that agree name the client", () => {
    const rules = { ...rfc9068, clientClaims: ["client_id", "azp"] };
    expect(apply({ rules, typ: "at+jwt", payload: { azp: "shop" } }).clientId).toBe("shop");
  });

  it("a claim by the name of an inherited member is not there", async () => {
    const rules = { ...rfc9068, clientClaims: ["constructor"] };
    expect(await reasonOf(() => apply({ rules, typ: "at+jwt" }))).toBe("TOKEN_INVALID");
  });

  it("takes four actors, and refuses five rather than cut the chain", async () => {
    const chain = (length: number): object => (length === 1 ? { sub: "actor1" } : { sub: `actor${length}`, act: chain(length - 1) });
    expect(apply({ payload: { act: chain(4) } }).actors.map((actor) => actor.subject)).toEqual(["actor4", "actor3", "actor2", "actor1"]);
    expect(await reasonOf(() => apply({ payload: { act: chain(5) } }))).toBe("TOKEN_INVALID");
  });
});

describe("the order of decisions, when several things are wrong", () => {
  const wrong = { iss: "https://evil.example", typ: "ID", exp: now - 1, iat: now - 100, cnf: {}, sub: "" };
  const mended = { iss: issuer, typ: "Bearer", exp: now + 600, cnf: undefined, sub: "alice" };

  it.each([
    ["ISSUER_NOT_TRUSTED", []],
    ["TOKEN_TYPE_MISMATCH", ["iss"]],
    ["TOKEN_EXPIRED", ["iss", "typ"]],
    ["PROOF_REQUIRED", ["iss", "typ", "exp"]],
    ["TOKEN_INVALID", ["iss", "typ", "exp", "cnf"]],
  ] as const)("is %s once %j is right", async (reason, right) => {
    const fixed = Object.fromEntries(right.map((claim) => [claim, mended[claim]]));
    expect(await reasonOf(() => apply({ rules: keycloak, payload: { ...wrong, ...fixed } }))).toBe(reason);
  });
});
