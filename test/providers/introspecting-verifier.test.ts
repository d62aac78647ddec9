import { beforeEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { AccessTokenVerifier } from "../../src/exchange/ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { JsonObject } from "../../src/exchange/token/strict-json.ts";
import { createIntrospectingVerifier } from "../../src/providers/introspecting-verifier.ts";
import { frozenClock, type FrozenClock, nowMs, verification } from "../cache/fixtures.ts";
import { refusal } from "../exchange/fixtures.ts";
import { rfc9068 } from "../exchange/token/access-token-rules-rig.ts";

const rules = { ...rfc9068, issuer: "https://issuer.example" };
const seconds = nowMs / 1_000;
const signed = new Secret("header.payload.signature");
const opaque = new Secret("opaque-0123456789");
const usual: JsonObject = {
  active: true,
  token_type: "Bearer",
  sub: "user-1",
  aud: "orders",
  client_id: "web",
  scope: "read",
  iat: seconds - 10,
  exp: seconds + 300,
  jti: "jti-9",
};

let clock: FrozenClock;
let asked: string[];
let local: AccessTokenVerifier;
let answer: JsonObject | undefined;
beforeEach(() => {
  clock = frozenClock();
  asked = [];
  answer = usual;
  const verify = async () => {
    asked.push("keys");
    return verification();
  };
  const named = {
    provider: "main",
    issuer: rules.issuer,
    contentHash: "hash",
    denyKeyIds: new Set<string>(),
    asksProvider: () => false,
    ours: false,
  };
  local = { ...named, verifyAtHand: () => undefined, verify, verifyIssued: verify };
});

const made = (introspection: "opaque" | "every") =>
  createIntrospectingVerifier(
    {
      local,
      clock,
      introspect: async () => {
        asked.push("provider");
        return answer;
      },
    },
    { introspection, rules },
  );
const patience = () => AbortSignal.timeout(1_000);
const verify = (token: Secret, introspection: "opaque" | "every" = "every") => made(introspection).verify(token, patience());

describe("a signed token", () => {
  it("whose signature is bad never becomes a question to the provider", async () => {
    local = { ...local, verify: () => Promise.reject(new ExchangeError("TOKEN_INVALID")) };
    for (const how of ["opaque", "every"] as const) await expect(verify(signed, how)).rejects.toThrow(refusal("TOKEN_INVALID"));
    expect(asked).toEqual([]);
  });

  it("is asked about after its signature was verified, where every token is", async () => {
    answer = { ...usual, scope: "write read" };
    expect(await verify(signed)).toEqual({ ...verification(), source: "INTROSPECTION" });
    expect(asked).toEqual(["keys", "provider"]);
  });

  it("is not asked about where only opaque ones are", async () => {
    expect(await verify(signed, "opaque")).toEqual(verification());
    expect(asked).toEqual(["keys"]);
  });

  it("keeps its own claims: what the provider says of it can only end it, or take scopes back", async () => {
    answer = { ...usual, scope: "admin write", aud: "payroll", exp: seconds + 9_999 };
    const { claims, ...rest } = verification();
    expect(await verify(signed)).toEqual({ ...rest, claims: { ...claims, scopes: ["write"] }, source: "INTROSPECTION" });
  });

  it("that its provider has bound to a key is of no use to who only carries it", async () => {
    answer = { ...usual, cnf: { jkt: "thumbprint" } };
    await expect(verify(signed)).rejects.toThrow(refusal("PROOF_REQUIRED", { field: "SUBJECT_TOKEN" }));
  });

  it.each([
    ["revoked before its time", 0, "TOKEN_REVOKED"],
    ["revoked a moment before it counts as expired", 239_999, "TOKEN_REVOKED"],
    ["expired from its buffer on", 240_000, "TOKEN_EXPIRED"],
  ] as const)("that its provider no longer takes counts as %s", async (_what, laterMs, reason) => {
    answer = undefined;
    clock.advance(laterMs);
    const facts =
      reason === "TOKEN_EXPIRED"
        ? { expiredAt: seconds + 300 }
        : { cause: { kind: "upstream", endpoint: "introspection", code: "inactive" } };
    await expect(verify(signed)).rejects.toThrow(refusal(reason, { field: "SUBJECT_TOKEN", ...facts }));
  });

  it.each<[string, JsonObject, string]>([
    ["another subject", { sub: "mallory" }, "sub:differs"],
    ["a subject of another shape", { sub: ["user-1"] }, "sub:differs"],
    ["another client", { client_id: "admin" }, "client_id:differs"],
    ["scopes of another shape", { scope: ["read"] }, "scope:differs"],
    ["an end that is no instant", { exp: "soon" }, "exp:differs"],
    ["an end with a fraction", { exp: seconds + 0.5 }, "exp:differs"],
    ["an end before all time", { exp: -1 }, "exp:differs"],
  ])("is not decided by an answer with %s", async (_what, given, code) => {
    answer = { ...usual, ...given };
    await expect(verify(signed)).rejects.toThrow(
      refusal("UPSTREAM_INVALID_RESPONSE", { cause: { kind: "upstream", endpoint: "introspection", code } }),
    );
  });

  it("that is bound to a key by the provider's word alone is not accepted from its bearer", async () => {
    answer = { ...usual, cnf: { jkt: "x" } };
    await expect(verify(signed)).rejects.toThrow(refusal("PROOF_REQUIRED", { field: "SUBJECT_TOKEN" }));
  });

  it("counts no longer than the provider says, and never longer than the token does", async () => {
    answer = { ...usual, exp: seconds + 90 };
    expect((await verify(signed)).validUntilMs).toBe(nowMs + 30_000);
    answer = { active: true };
    expect((await verify(signed)).validUntilMs).toBe(verification().validUntilMs);
  });

  it.each([60, 1, -1])("is expired where the provider says that it ends in %i s, active or not", async (left) => {
    answer = { ...usual, exp: seconds + left };
    await expect(verify(signed)).rejects.toThrow(refusal("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: seconds + left }));
  });

  it("that the provider has just issued is not asked about there again", async () => {
    expect(await made("every").verifyIssued(signed, patience())).toEqual(verification());
    expect(asked).toEqual(["keys"]);
  });
});

describe("an opaque token", () => {
  it.each(["opaque", "every"] as const)("is what the provider says, where %s tokens are asked about", async (how) => {
    const found = await verify(opaque, how);
    expect(found).toMatchObject({
      provider: "main",
      source: "INTROSPECTION",
      keyId: "",
      revocationId: "jti:jti-9",
      validUntilMs: nowMs + 60_000,
    });
    expect(found.claims).toMatchObject({ subject: "user-1", clientId: "web", audiences: ["orders"], scopes: ["read"] });
    expect(asked).toEqual(["provider"]);
  });

  it("counts for a minute at most, and not beyond its end", async () => {
    answer = { ...usual, exp: seconds + 90 };
    expect((await verify(opaque)).validUntilMs).toBe(nowMs + 30_000);
  });

  it("is known to revocation by its own bytes where the provider names no id", async () => {
    const { jti: _, ...unnamed } = usual;
    answer = unnamed;
    const [one, other] = [await verify(opaque), await verify(new Secret("opaque-another"))];
    expect(one.revocationId).toMatch(/^(?!jti:).{20,}/);
    expect(one.revocationId).not.toBe(other.revocationId);
    expect(one.revocationId).not.toContain("opaque-0123456789");
  });

  it("that is not active is invalid, for a reason that is the provider's own", async () => {
    answer = undefined;
    await expect(verify(opaque)).rejects.toThrow(
      refusal("TOKEN_INVALID", { field: "SUBJECT_TOKEN", cause: { kind: "upstream", endpoint: "introspection", code: "inactive" } }),
    );
  });

  it("that is active and is no access token is refused", async () => {
    answer = { ...usual, token_type: "refresh_token" };
    await expect(verify(opaque)).rejects.toThrow(refusal("TOKEN_TYPE_MISMATCH"));
  });

  it("that the provider has just issued is asked about: nothing else can read it", async () => {
    expect(await made("opaque").verifyIssued(opaque, patience())).toMatchObject({ source: "INTROSPECTION" });
    expect(asked).toEqual(["provider"]);
  });
});

describe("what is remembered", () => {
  it("under one way of asking is not found under another", () => {
    expect(new Set([local.contentHash, made("opaque").contentHash, made("every").contentHash]).size).toBe(3);
  });

  it("may have cost somebody something at the provider", () => {
    const asks = [local, made("opaque"), made("every")].map((one) => [one.asksProvider(signed), one.asksProvider(opaque)]);
    expect(asks).toEqual([
      [false, false],
      [false, true],
      [true, true],
    ]);
  });
});
