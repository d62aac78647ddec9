import { describe, expect, it } from "vitest";
import { apply, type Case, issuer, keycloak, now, rfc9068 } from "./access-token-rules-rig.ts";
import { failureOf, reasonOf } from "./failure-of.ts";

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

  describe("where it is not compared", () => {
    const unchecked = { rules: { ...rfc9068, issuerCheck: false }, typ: "at+jwt" };

    it.each<[string, unknown]>([
      ["another issuer, whose users it would then name", "https://victim.example"],
      ["none", undefined],
      ["one of another shape", ["https://victim.example"]],
    ])("is still the configured one, so that its key holder cannot speak as another issuer: %s", (_, iss) => {
      expect(apply({ ...unchecked, payload: { iss } })).toMatchObject({ issuer, subject: "alice" });
    });

    it("is the configured one for actors that name none, and stays what it is for those that do", () => {
      const act = { sub: "gateway", act: { sub: "batch", iss: "https://other.example" } };
      expect(apply({ ...unchecked, payload: { iss: "https://victim.example", act } }).actors).toEqual([
        { issuer, subject: "gateway", clientId: "" },
        { issuer: "https://other.example", subject: "batch", clientId: "" },
      ]);
    });

    it("lets nothing else off", async () => {
      const payload = { iss: "https://elsewhere.example", client_id: undefined };
      expect(await reasonOf(() => apply({ ...unchecked, payload }))).toBe("TOKEN_INVALID");
    });
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
