import { beforeEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { createMint, type MintQuestion, type MintSubject, noteIssued } from "../../src/exchange/mint.ts";
import { refusal } from "./fixtures.ts";
import { createMintRig, type MintRig, type MintRigOptions } from "./mint-rig.ts";
import { backendIdentifier, mainIssuer, ownIssuer, type Written } from "./mint-written.ts";
import { ownClaimsOf } from "./unsigned-tokens.ts";

let rig: MintRig;
const use = (change?: MintRigOptions["change"]) => {
  rig = createMintRig(change === undefined ? {} : { change });
};
beforeEach(() => use());

const seconds = () => rig.clock() / 1_000;
const robot = { provider: "main", clientId: "agent", subject: "robot" };

const subjectOf = (given: Partial<MintSubject> = {}): MintSubject => ({
  credential: "SUBJECT_TOKEN",
  provider: "main",
  subject: "alice",
  expiresAtMs: rig.clock() + 3_600_000,
  scopes: ["o.read", "o.write"],
  actors: [],
  mayAct: undefined,
  attributes: { name: "Alice", email: "alice@example.com" },
  ...given,
});
const plan = ({ subject, ...given }: Partial<Omit<MintQuestion, "subject">> & { subject?: Partial<MintSubject> } = {}) =>
  rig.mint.plan({
    client: rig.client("orders"),
    subject: subjectOf(subject),
    audience: "backend",
    scopes: [],
    actor: undefined,
    refreshToken: false,
    trail: rig.trail,
    ...given,
  });
const grantWith = (given: object) => (all: Written) => {
  all.clients.orders.providers["main"] = { ...all.clients.orders.providers["main"], ...given };
};

describe("a token that is issued here", () => {
  it("says who issued it, about whom, to whom, for whom, since when, until when, by which id; and no more", () => {
    expect(plan({ subject: { scopes: ["o.read"] } }).claims).toEqual({
      iss: ownIssuer,
      sub: "main:alice",
      aud: backendIdentifier,
      client_id: "orders",
      scope: "read",
      iat: seconds(),
      exp: seconds() + 900,
      jti: "id-1",
      name: "Alice",
    });
  });

  it("has an id of its own each time, which is on record once it is handed over", async () => {
    const planned = plan();
    expect(plan().claims["jti"]).not.toBe(planned.claims["jti"]);
    expect(rig.noted()).toMatchObject({ targets: ["backend"] });
    expect(rig.noted()).not.toHaveProperty("issued");
    noteIssued(rig.trail, await rig.mint.issue(planned));
    expect(rig.noted()).toMatchObject({ issued: planned.claims["jti"] });
  });

  it("says nothing of scopes where none are granted", () => {
    expect(plan({ subject: { scopes: ["unmapped"] } }).claims).not.toHaveProperty("scope");
  });

  it("names no audience under a shared secret, and is signed by that audience's alone", async () => {
    const planned = plan({ audience: "legacy" });
    expect(planned.claims).not.toHaveProperty("aud");
    await rig.mint.issue(planned);
    expect(rig.signed.map(({ by }) => by)).toEqual([{ kind: "shared", audience: "legacy" }]);
  });

  it("is signed as its audience wants it, else as most are", async () => {
    use(({ audiences }) => (audiences.backend.mint["algorithm"] = "EdDSA"));
    await rig.mint.issue(plan());
    await rig.mint.issue(plan({ audience: "stock" }));
    expect(rig.signed.map(({ by }) => by)).toEqual([
      { kind: "published", algorithm: "EdDSA" },
      { kind: "published", algorithm: "ES256" },
    ]);
  });

  it("is handed out with its scopes, its end and its subject, and without anything to refresh it by", async () => {
    expect(await rig.mint.issue(plan({ subject: { scopes: ["o.read"] } }))).toMatchObject({
      tokenType: "Bearer",
      expiresAtMs: (seconds() + 900) * 1_000,
      refreshToken: undefined,
      idToken: undefined,
      scopes: ["read"],
      issuer: ownIssuer,
      subject: "main:alice",
    });
  });

  it("is not there while no key may sign", async () => {
    rig.failing.sign = "STORE_UNAVAILABLE";
    await expect(rig.mint.issue(plan())).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
  });

  it("is not there where this service has no name", () => {
    const parts = { minting: rig.policy.minting, decide: () => ({ rule: "", refusal: undefined, reported: [] }), clock: rig.clock };
    const nameless = createMint({
      ...parts,
      signer: { sign: () => Promise.reject(new ExchangeError("INTERNAL")), check: () => undefined },
      issuer: undefined,
      freshId: () => "id",
    });
    const question = { client: rig.client("orders"), subject: subjectOf(), audience: "backend", scopes: [], actor: undefined };
    expect(() => nameless.plan({ ...question, refreshToken: false, trail: rig.trail })).toThrow(refusal("TARGET_NOT_ALLOWED"));
  });

  it("of a subject of our own keeps the name that it has here", () => {
    const subject = { provider: "cambio", subject: "site:u1", scopes: ["read"] };
    expect(plan({ subject, audience: "stock" }).claims).toMatchObject({ sub: "site:u1", scope: "read" });
  });

  it("is about a prefixed subject that no subject of another provider can be", () => {
    expect(plan({ subject: { subject: "site:u1" } }).claims["sub"]).toBe("main:site:u1");
  });
});

describe("its scope", () => {
  it.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ["all that the subject opens, where none is asked for", ["o.write", "o.read"], [], ["write", "read"]],
    ["what is asked for, each once", ["o.write"], ["read", "read"], ["read"]],
    ["nothing, where the subject opens nothing", [], [], []],
  ])("is %s", (_what, scopes, asked, expected) => {
    expect(plan({ subject: { scopes }, scopes: asked }).scopes).toEqual(expected);
  });

  it("is cut down to what the client may have where none is asked for", () => {
    use(grantWith({ scopes: ["write"] }));
    expect(plan().scopes).toEqual(["write"]);
  });

  it.each<[string, readonly string[], readonly string[], ((given: Written) => void) | undefined]>([
    ["a scope that the subject does not open", ["o.read"], ["write"], undefined],
    ["one such scope among others", ["o.read"], ["read", "write"], undefined],
    ["a scope that the client may not have", ["o.write"], ["write"], grantWith({ scopes: ["read"] })],
    ["the subject's scope by its name there", ["o.read"], ["o.read"], grantWith({ scopes: ["o.read"] })],
  ])("that is asked for as %s is refused, not cut", (_what, scopes, asked, change) => {
    if (change !== undefined) use(change);
    expect(() => plan({ subject: { scopes }, scopes: asked })).toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("stays within the grant that is renewed, though the subject opens more by now", () => {
    expect(plan({ within: ["read"] }).scopes).toEqual(["read"]);
    expect(() => plan({ within: ["read"], scopes: ["write"] })).toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("loses at a renewal what the subject does not open any more", () => {
    expect(plan({ within: ["read", "write"], subject: { scopes: ["o.read"] } }).scopes).toEqual(["read"]);
  });
});

describe("its life", () => {
  it.each<[string, object, Partial<MintSubject> | undefined, number]>([
    ["as long as its audience says", {}, undefined, 900],
    ["no longer than the client may have it", { max_lifetime: "2m" }, undefined, 120],
    ["no longer for a client that might have it for longer", { max_lifetime: "20m" }, undefined, 900],
  ])("is %s", (_what, grant, subject, life) => {
    use(grantWith(grant));
    expect(plan(subject === undefined ? {} : { subject }).claims["exp"]).toBe(seconds() + life);
  });

  it.each([
    [60_000, 60],
    [60_999, 60],
    [1_000, 1],
    [899_999, 899],
  ])("is no longer than the %i ms that are left of what it came from: %i s", (leftMs, life) => {
    expect(plan({ subject: { expiresAtMs: rig.clock() + leftMs } }).claims["exp"]).toBe(seconds() + life);
  });

  it("ends in the second in which it was to end, though it began within one", () => {
    rig.clock.advance(999);
    const begun = Math.floor(seconds());
    expect(plan().claims).toMatchObject({ iat: begun, exp: begun + 900 });
  });

  it.each([999, 0, -1, -60_000])("does not begin with %i ms left of what it came from", (leftMs) => {
    const expiresAtMs = rig.clock() + leftMs;
    expect(() => plan({ subject: { expiresAtMs } })).toThrow(
      refusal("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: Math.floor(expiresAtMs / 1_000) }),
    );
    const session = { credential: "SESSION", provider: "site", scopes: [], expiresAtMs } as const;
    expect(() => plan({ subject: session })).toThrow(refusal("SESSION_INVALID", { field: "SESSION" }));
  });
});

const actor = (name: string) => ({ issuer: mainIssuer, subject: name, clientId: "agent" });

describe("its actors", () => {
  it("stand in it outermost first, each inside the one that came after", () => {
    const { claims } = plan({ subject: { actors: [actor("c"), actor("b"), { ...actor("a"), clientId: "" }] }, actor: robot });
    expect(claims["act"]).toEqual({
      iss: mainIssuer,
      sub: "c",
      client_id: "agent",
      act: { iss: mainIssuer, sub: "b", client_id: "agent", act: { iss: mainIssuer, sub: "a" } },
    });
  });

  it("are read from it as they were put in", async () => {
    const actors = ["d", "c", "b", "a"].map(actor);
    const mayAct = { issuer: mainIssuer, subject: "robot", clientId: "" };
    const read = ownClaimsOf(await rig.mint.issue(plan({ subject: { actors, mayAct } })), rig.clock());
    expect(read).toMatchObject({ actors, mayAct });
  });

  it("are not mentioned where nobody acts", () => {
    expect(plan().claims).not.toHaveProperty("act");
    expect(plan().claims).not.toHaveProperty("may_act");
  });

  it("may be nobody ever after, where nobody may act for the subject", async () => {
    const nobody = { issuer: "", subject: "", clientId: "" };
    const tokens = await rig.mint.issue(plan({ subject: { mayAct: nobody } }));
    expect(ownClaimsOf(tokens, rig.clock()).mayAct).toEqual(nobody);
  });

  it("are policy's to let in: a listed one is, another is not", () => {
    expect(() => plan({ actor: robot })).not.toThrow();
    expect(() => plan({ actor: { ...robot, clientId: "web" } })).toThrow(refusal("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN" }));
  });
});

describe("what is known of a subject", () => {
  it("stands in its token by the map, and never over what this service itself says", () => {
    use(({ audiences }) => {
      (audiences.backend.mint["from"] as Record<string, unknown>)["main"] = { claims: { "urn:mail": "email" } };
    });
    const { claims } = plan({ subject: { scopes: [] } });
    expect(Object.keys(claims).toSorted()).toEqual(["aud", "client_id", "exp", "iat", "iss", "jti", "sub", "urn:mail"]);
    expect(claims["urn:mail"]).toBe("alice@example.com");
  });
});
