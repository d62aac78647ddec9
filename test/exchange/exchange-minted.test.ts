import { beforeEach, describe, expect, it } from "vitest";
import type { CredentialField, Reason } from "../../src/exchange/errors.ts";
import type { ExchangeTokenQuestion } from "../../src/exchange/exchange-token.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { TrailNotes } from "../../src/exchange/trail.ts";
import { refusal } from "./fixtures.ts";
import { createMintRig, type MintRig, type MintRigOptions, type Step } from "./mint-rig.ts";
import { backendIdentifier, mainIssuer, type Written } from "./mint-written.ts";
import { claimsOf, ownClaimsOf } from "./unsigned-tokens.ts";

let rig: MintRig;
const use = (change?: MintRigOptions["change"]) => {
  rig = createMintRig(change === undefined ? {} : { change });
};
beforeEach(() => use());

const seconds = () => rig.clock() / 1_000;
const robotAct = { iss: mainIssuer, sub: "robot", client_id: "agent" };
const acting = (given: Readonly<Record<string, unknown>> = {}): Partial<ExchangeTokenQuestion> => ({ actorToken: rig.agent(given) });
const chain = (length: number) =>
  Array.from({ length }, (_, index) => index).reduce<object | undefined>(
    (act, index) => ({ sub: `a${index}`, ...(act === undefined ? {} : { act }) }),
    undefined,
  );
const claimsAfter = async (claims: Readonly<Record<string, unknown>>, given: Partial<ExchangeTokenQuestion> = {}) =>
  claimsOf((await rig.exchangeToken(rig.token(claims), given)).tokens);

/** Tokens for the audience by which the client is known at `main` are issued here as well. */
function ordersMint(all: Written): void {
  all.audiences["orders"]["mint"] = { lifetime: "1m", from: { main: { scope_map: { "o.read": ["o.read"] } } } };
  (all.audiences["orders"]["accepts"] as Record<string, unknown>)["cambio"] = { identifiers: ["urn:own-orders"], clients: ["orders"] };
  all.clients.orders.providers["main"] = { audiences: ["orders", "backend"], scopes: ["o.read", "read"] };
}

describe("an exchange of a token for one that is issued here", () => {
  it("verifies, decides, puts on record, looks once more and issues, in that order", async () => {
    const { issuance, tokens } = await rig.exchangeToken(rig.token());
    expect(rig.steps).toEqual<Step[]>(["verify", "revocations", "intent", "revocations", "sign"]);
    expect(issuance).toBe("MINTED");
    expect(claimsOf(tokens)).toMatchObject({ sub: "main:alice", aud: backendIdentifier, client_id: "orders", scope: "read" });
    expect(rig.noted()).toMatchObject({
      provider: "main",
      issuer: mainIssuer,
      subject: "alice",
      originClient: "web",
      audience: "orders",
      targets: ["backend"],
      issued: "id-1",
    });
  });

  it("verifies the actor's token before it decides, and looks at both once more", async () => {
    await rig.exchangeToken(rig.token(), acting());
    expect(rig.steps.slice(0, 4)).toEqual<Step[]>(["verify", "revocations", "verify actor", "revocations"]);
    expect(rig.steps.slice(4)).toEqual<Step[]>(["intent", "revocations", "revocations", "sign"]);
    expect(rig.noted()).toMatchObject({ subject: "alice", actor: "robot", actorIssuer: mainIssuer });
  });

  it("keeps who acts for the subject, by the issuer whose word that is, and puts the actor in front", async () => {
    const act = { sub: "gateway", act: { sub: "batch", iss: "https://b.example" } };
    const kept = { iss: mainIssuer, sub: "gateway", act: { iss: "https://b.example", sub: "batch" } };
    expect((await claimsAfter({ act }))["act"]).toEqual(kept);
    expect((await claimsAfter({ act }, acting()))["act"]).toEqual({ ...robotAct, act: kept });
  });

  it("keeps who alone may act, with an actor and without", async () => {
    const may_act = { sub: "robot" };
    expect((await claimsAfter({ may_act }))["may_act"]).toEqual({ iss: mainIssuer, sub: "robot" });
    expect((await claimsAfter({ may_act }, acting()))["may_act"]).toEqual({ iss: mainIssuer, sub: "robot" });
  });

  it.each([0, 1, 2, 3])("lets an actor join a chain of %i", async (length) => {
    const { tokens } = await rig.exchangeToken(rig.token(length === 0 ? {} : { act: chain(length) }), acting());
    expect(ownClaimsOf(tokens, rig.clock()).actors).toHaveLength(length + 1);
  });

  it("keeps a chain of four where nobody joins it", async () => {
    const { tokens } = await rig.exchangeToken(rig.token({ act: chain(4) }));
    expect(ownClaimsOf(tokens, rig.clock()).actors.map(({ subject }) => subject)).toEqual(["a3", "a2", "a1", "a0"]);
  });

  it.each([
    [{ exp: 1_800_000_120 }, {}, 1_800_000_120],
    [{}, { exp: 1_800_000_300 }, 1_800_000_300],
    [{}, {}, 1_800_000_900],
  ])("ends when the first of the two tokens does, and no later than its audience says: %j %j", async (subject, actor, exp) => {
    expect((await claimsAfter(subject, acting(actor)))["exp"]).toBe(exp);
  });

  it("is for the first audience that the client may ask for, where none is named", async () => {
    expect((await claimsAfter({}, { audiences: [] }))["aud"]).toBe(backendIdentifier);
  });

  it("of a token of our own keeps its subject, its chain and who may act, and opens no more", async () => {
    const { tokens } = await rig.exchangeToken(rig.token({ may_act: { sub: "robot" } }), acting());
    const again = await rig.exchangeToken(tokens.accessToken.reveal(), {
      audiences: ["stock"],
      ...acting({ sub: "robot", jti: "second" }),
    });
    expect(claimsOf(again.tokens)).toMatchObject({
      sub: "main:alice",
      scope: "read",
      act: { ...robotAct, act: robotAct },
      may_act: { iss: mainIssuer, sub: "robot" },
      exp: seconds() + 300,
    });
  });

  it("of a token of our own asks nobody for the scopes of another issuer's map", async () => {
    const { tokens } = await rig.exchangeToken(rig.token());
    await expect(rig.exchangeToken(tokens.accessToken.reveal(), { audiences: ["stock"], scopes: ["write"] })).rejects.toThrow(
      refusal("SCOPE_NOT_ALLOWED"),
    );
  });
});

const mainGrant = (given: object) => (all: Written) => {
  all.clients.orders.providers["main"] = { ...all.clients.orders.providers["main"], ...given };
};

describe("is refused, and nothing is on record or issued:", () => {
  type Row = readonly [
    what: string,
    given: { token?: Readonly<Record<string, unknown>>; asked?: () => Partial<ExchangeTokenQuestion>; change?: (written: Written) => void },
    reason: Reason,
    field: CredentialField | undefined,
  ];
  it.each<Row>([
    ["a token that was meant for somebody else", { token: { aud: "urn:payroll" } }, "AUDIENCE_MISMATCH", "SUBJECT_TOKEN"],
    ["a token of a client that is not trusted", { token: { client_id: "games" } }, "CLIENT_NOT_TRUSTED", "SUBJECT_TOKEN"],
    ["a token in whose chain there are five", { token: { act: chain(5) } }, "TOKEN_INVALID", "SUBJECT_TOKEN"],
    ["two audiences in one token", { asked: () => ({ audiences: ["backend", "stock"] }) }, "TARGET_NOT_ALLOWED", undefined],
    ["the same audience twice", { asked: () => ({ audiences: ["backend", "backend"] }) }, "TARGET_NOT_ALLOWED", undefined],
    ["an audience beyond the client's", { change: mainGrant({ audiences: ["stock"] }) }, "TARGET_NOT_ALLOWED", undefined],
    ["a scope that the token does not open", { asked: () => ({ scopes: ["write"] }) }, "SCOPE_NOT_ALLOWED", undefined],
    ["a refresh token, which would outlive what it came from", { asked: () => ({ refreshToken: true }) }, "CALLER_NOT_ALLOWED", "CALLER"],
    [
      "a refresh token for a client that may have some elsewhere",
      { asked: () => ({ refreshToken: true }), change: mainGrant({ exchanged_refresh_tokens: true }) },
      "CALLER_NOT_ALLOWED",
      "CALLER",
    ],
    ["a client that was disabled", { change: ({ clients }) => (clients.orders["disabled"] = true) }, "CALLER_NOT_ALLOWED", "CALLER"],
    ["an actor that is not listed", { asked: () => acting({ client_id: "web" }) }, "DELEGATION_NOT_ALLOWED", "ACTOR_TOKEN"],
    ["an actor whose token has ended", { asked: () => acting({ iat: 1_799_999_000, exp: 1_800_000_060 }) }, "TOKEN_EXPIRED", "ACTOR_TOKEN"],
    [
      "an actor whose token was meant for somebody else",
      { asked: () => acting({ aud: "urn:payroll" }) },
      "AUDIENCE_MISMATCH",
      "ACTOR_TOKEN",
    ],
    ["an actor for whom somebody acts", { asked: () => acting({ act: { sub: "puppeteer" } }) }, "DELEGATION_NOT_ALLOWED", "ACTOR_TOKEN"],
    ["a fifth in the chain", { token: { act: chain(4) }, asked: () => acting() }, "DELEGATION_NOT_ALLOWED", "ACTOR_TOKEN"],
    [
      "an actor whom the subject's issuer does not let act",
      { token: { may_act: { sub: "somebody" } }, asked: () => acting() },
      "DELEGATION_NOT_ALLOWED",
      "ACTOR_TOKEN",
    ],
    [
      "any actor where the subject's issuer lets nobody act",
      { token: { may_act: {} }, asked: () => acting() },
      "DELEGATION_NOT_ALLOWED",
      "ACTOR_TOKEN",
    ],
    [
      "the subject's own token as its actor's",
      { asked: () => ({ actorToken: rig.agent({ client_id: "web" }) }) },
      "DELEGATION_NOT_ALLOWED",
      "ACTOR_TOKEN",
    ],
  ])("%s", async (_what, { token = {}, asked = () => ({}), change }, reason, field) => {
    if (change !== undefined) use(change);
    const exchanging = rig.exchangeToken(rig.token(token), asked());
    await expect(exchanging).rejects.toThrow(refusal(reason, field === undefined ? {} : { field }));
    expect(rig.steps).not.toContain("intent");
    expect(rig.signed).toEqual([]);
  });

  it.each<[string, Partial<ExchangeTokenQuestion>]>([
    ["a scope that the subject does not open", { scopes: ["write"] }],
    ["an audience that there is not", { audiences: ["nowhere"] }],
    ["two audiences in one token", { audiences: ["stock", "backend"] }],
  ])("%s, without a look at the actor's token", async (_what, asked) => {
    await expect(rig.exchangeToken(rig.token(), { ...acting(), ...asked })).rejects.toThrow(/_NOT_ALLOWED$/);
    expect(rig.steps).not.toContain("verify actor");
  });

  it("an actor that nobody lets act any more, as that is carried on into what was issued", async () => {
    const { tokens } = await rig.exchangeToken(rig.token({ may_act: { sub: "somebody" } }));
    const again = rig.exchangeToken(tokens.accessToken.reveal(), { audiences: ["stock"], ...acting() });
    await expect(again).rejects.toThrow(refusal("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN" }));
  });

  it("an actor for an audience that its provider exchanges for: there nobody acts for anybody", async () => {
    const asked = { audiences: ["orders"], ...acting() };
    await expect(rig.exchangeToken(rig.token(), asked)).rejects.toThrow(refusal("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN" }));
    expect(rig.steps).not.toContain("verify actor");
  });

  it("what a shared secret signed, which nobody could tell from the backend's own", async () => {
    const { tokens } = await rig.exchangeToken(rig.token(), { audiences: ["legacy"] });
    const again = rig.exchangeToken(tokens.accessToken.reveal(), { audiences: ["stock"] });
    await expect(again).rejects.toThrow(refusal("AUDIENCE_MISMATCH", { field: "SUBJECT_TOKEN" }));
  });
});

describe("nothing is issued", () => {
  it.each<[string, Partial<Record<Step, Reason>>, Reason]>([
    ["without a record of it", { intent: "AUDIT_UNAVAILABLE" }, "AUDIT_UNAVAILABLE"],
    ["while nobody knows what was ended", { revocations: "STORE_UNAVAILABLE" }, "STORE_UNAVAILABLE"],
    ["while no key may sign", { sign: "STORE_UNAVAILABLE" }, "STORE_UNAVAILABLE"],
  ])("%s", async (_what, failing, reason) => {
    for (const act of [() => rig.exchangeToken(rig.token(), acting()), () => rig.validate(rig.token())]) {
      use(ordersMint);
      Object.assign(rig.failing, failing);
      await expect(act()).rejects.toThrow(refusal(reason));
      expect(rig.signed).toEqual([]);
    }
  });

  it.each([
    ["subject", "SUBJECT_TOKEN"],
    ["actor", "ACTOR_TOKEN"],
  ])("where the %s's token ends while it is put on record", async (ended, field) => {
    const trail = { ...rig.trail, intent: async () => void rig.revoked.add(ended) };
    await expect(rig.exchangeToken(rig.token(), { ...acting(), trail })).rejects.toThrow(refusal("TOKEN_REVOKED", { field }));
    expect(rig.signed).toEqual([]);
  });

  it("to a caller who has left meanwhile", async () => {
    const leaving = new AbortController();
    const trail = { ...rig.trail, intent: async () => leaving.abort() };
    await expect(rig.exchangeToken(rig.token(), { trail }, leaving.signal)).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(rig.signed).toEqual([]);
  });
});

describe("a validation that asks for a token in the place of the one that was shown", () => {
  beforeEach(() => use(ordersMint));

  it("gets one that is issued here, for the audience that was validated, with the scopes that were required", async () => {
    const { tokens, issuance, verification, validUntilMs } = await rig.validate(rig.token(), { requiredScopes: ["o.read"] });
    expect(claimsOf(tokens as TokenSet)).toMatchObject({ sub: "main:alice", aud: "urn:own-orders", scope: "o.read", exp: seconds() + 60 });
    expect([issuance, verification.source, validUntilMs]).toEqual(["MINTED", "LOCAL_KEYS", rig.clock() + 60_000]);
    expect(rig.steps).toEqual<Step[]>(["verify", "revocations", "intent", "revocations", "sign"]);
  });

  it("keeps the chain, and who may act", async () => {
    const { tokens } = await rig.validate(rig.token({ act: chain(2), may_act: { client_id: "agent" } }));
    expect(claimsOf(tokens as TokenSet)).toMatchObject({
      act: { iss: mainIssuer, sub: "a1", act: { iss: mainIssuer, sub: "a0" } },
      may_act: { iss: mainIssuer, client_id: "agent" },
    });
  });

  it("gets none where none is asked for, and nothing is on record", async () => {
    const { tokens, issuance } = await rig.validate(rig.token(), { exchange: false });
    expect([tokens, issuance, rig.steps.includes("intent")]).toEqual([undefined, undefined, false]);
  });

  it("gets none where a scope is required that would have to be another one here", async () => {
    use((all) => {
      ordersMint(all);
      all.audiences["orders"]["mint"] = { from: { main: {} } };
    });
    await expect(rig.validate(rig.token(), { requiredScopes: ["o.read"] })).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });
});

describe("the audit trail's word on a refused actor", () => {
  it("names nobody whose token was not verified", async () => {
    await rig.exchangeToken(rig.token(), acting({ iss: "https://evil.example" })).catch(() => undefined);
    const noted: TrailNotes = rig.noted();
    expect([noted.actor, noted.subject]).toEqual([undefined, "alice"]);
  });
});
