import { beforeEach, describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import type { ExchangeSessionQuestion } from "../../src/exchange/exchange-session.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Session } from "../../src/exchange/session-ports.ts";
import type { TrailNotes } from "../../src/exchange/trail.ts";
import { refusal } from "./fixtures.ts";
import { createMintRig, type MintRig, type MintRigOptions, type Step } from "./mint-rig.ts";
import { mainIssuer, siteIssuer, type Written } from "./mint-written.ts";
import { claimsOf } from "./unsigned-tokens.ts";

let rig: MintRig;
const use = (change?: MintRigOptions["change"]) => {
  rig = createMintRig(change === undefined ? {} : { change });
};
beforeEach(() => use());

const change = (session: Partial<Session>) => {
  rig.session = { ...rig.session, ...session };
};
const siteGrant = (given: object) => (all: Written) => {
  all.clients.shop.providers["site"] = { ...all.clients.shop.providers["site"], ...given };
};
const robotAct = { iss: mainIssuer, sub: "robot", client_id: "agent" };

describe("an exchange of a session", () => {
  it("is on record before the session is read, and issued after it was read", async () => {
    await rig.exchangeSession();
    expect(rig.steps).toEqual<Step[]>(["budget", "place", "intent", "read", "revocations", "revocations", "sign"]);
  });

  it("looks at the actor after the session, and once more before it issues", async () => {
    await rig.exchangeSession({ actorToken: rig.agent() });
    expect(rig.steps.slice(4)).toEqual<Step[]>(["revocations", "verify actor", "revocations", "revocations", "revocations", "sign"]);
  });

  it("keeps the session under a handle last of all, where one was asked for", async () => {
    const { tokens } = await rig.exchangeSession({ refreshToken: true });
    expect(rig.steps.at(-1)).toBe("keep");
    expect(tokens.refreshToken?.reveal()).toBe("cambio_rt_1");
    expect(tokens.minted).toEqual({ audience: "backend", scopes: ["read"], from: "cookie" });
  });

  it("gives no handle that nobody asked for", async () => {
    const { tokens } = await rig.exchangeSession();
    expect([tokens.refreshToken, rig.steps.includes("keep")]).toEqual([undefined, false]);
  });

  it("answers whose session it is, by the name that the token says", async () => {
    const { tokens, ...answer } = await rig.exchangeSession();
    expect(answer).toEqual({ subject: "site:u1", provider: "site", account: rig.session.account });
    expect(claimsOf(tokens)).toMatchObject({ sub: "site:u1", name: "Alice", mail: "alice@example.com", seen: false, scope: "read" });
    expect(claimsOf(tokens)).not.toHaveProperty("act");
  });

  it("notes before the intent what is asked for whom, and after it whose it was", async () => {
    rig.failing.read = "UPSTREAM_UNAVAILABLE";
    await expect(rig.exchangeSession({ scopes: ["read"] })).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
    expect(rig.noted()).toMatchObject({ provider: "site", targets: ["backend"], scopes: ["read"], credential: new Secret("shown") });
    expect(rig.noted()).not.toHaveProperty("subject");
    await rig.exchangeSession();
    expect(rig.noted()).toMatchObject({ issuer: siteIssuer, subject: "u1", issued: "id-1" });
  });

  it("ends with the session, if that is earlier", async () => {
    change({ expiresAtMs: rig.clock() + 30_500 });
    const { exp, iat } = claimsOf((await rig.exchangeSession()).tokens) as { exp: number; iat: number };
    expect(exp - iat).toBe(30);
  });

  it("ends with the actor's token, if that is earlier", async () => {
    const exp = rig.clock() / 1_000 + 90;
    const { tokens } = await rig.exchangeSession({ actorToken: rig.agent({ exp }) });
    expect(claimsOf(tokens)).toMatchObject({ exp, act: robotAct });
  });

  it("puts the actor in front of whoever looks through the user's eyes", async () => {
    change({ impersonator: "admin" });
    const { tokens } = await rig.exchangeSession({ actorToken: rig.agent() });
    expect(claimsOf(tokens)["act"]).toEqual({ ...robotAct, act: { iss: siteIssuer, sub: "admin" } });
  });

  it("reads the session anew each time", async () => {
    await Promise.all([rig.exchangeSession(), rig.exchangeSession()]);
    await rig.exchangeSession();
    expect(rig.shown).toEqual(["shown", "shown", "shown"]);
  });
});

describe("is refused before anybody is asked, and is on record as nothing that was begun:", () => {
  type Row = readonly [what: string, given: Partial<ExchangeSessionQuestion>, change: MintRigOptions["change"], reason: Reason];
  it.each<Row>([
    ["a provider that keeps no sessions", { provider: "main" }, undefined, "PROVIDER_UNKNOWN"],
    ["a client that was disabled", {}, ({ clients }) => (clients.shop["disabled"] = true), "CALLER_NOT_ALLOWED"],
    ["a client that may not use the provider", { provider: "site" }, ({ clients }) => (clients.shop.providers = {}), "CALLER_NOT_ALLOWED"],
    ["a client that may ask for nobody", {}, siteGrant({ audiences: [] }), "TARGET_NOT_ALLOWED"],
    ["two audiences in one token", { audiences: ["backend", "legacy"] }, undefined, "TARGET_NOT_ALLOWED"],
    ["an audience that the client may not ask for", { audiences: ["stock"] }, undefined, "TARGET_NOT_ALLOWED"],
    [
      "an audience that issues nothing to users of sessions",
      { audiences: ["stock"] },
      siteGrant({ audiences: ["stock"] }),
      "TARGET_NOT_ALLOWED",
    ],
    ["an audience that there is not", { audiences: ["nowhere"] }, undefined, "TARGET_NOT_ALLOWED"],
    ["a scope that the client may not have", { scopes: ["write"] }, undefined, "SCOPE_NOT_ALLOWED"],
    ["a scope that no session opens", { scopes: ["write"] }, siteGrant({ scopes: ["write"] }), "SCOPE_NOT_ALLOWED"],
    ["a handle for whoever may not have one", { refreshToken: true }, siteGrant({ exchanged_refresh_tokens: false }), "CALLER_NOT_ALLOWED"],
    ["nobody's session", { session: () => undefined }, undefined, "SESSION_INVALID"],
    [
      "a handle by which an actor would act on for ever",
      { refreshToken: true, actorToken: new Secret("any") },
      undefined,
      "DELEGATION_NOT_ALLOWED",
    ],
  ])("%s", async (_what, given, changing, reason) => {
    if (changing !== undefined) use(changing);
    await expect(rig.exchangeSession(given)).rejects.toThrow(refusal(reason));
    expect(rig.steps).toEqual([]);
  });
});

describe("where a step fails, nothing after it happens:", () => {
  it.each<[Step, Reason]>([
    ["budget", "RATE_LIMITED"],
    ["place", "UPSTREAM_UNAVAILABLE"],
    ["intent", "AUDIT_UNAVAILABLE"],
    ["read", "SESSION_INVALID"],
    ["read", "UPSTREAM_TIMEOUT"],
    ["revocations", "STORE_UNAVAILABLE"],
    ["sign", "STORE_UNAVAILABLE"],
  ])("%s, by %s", async (step, reason) => {
    rig.failing[step] = reason;
    await expect(rig.exchangeSession({ refreshToken: true })).rejects.toThrow(refusal(reason));
    expect(rig.steps.at(-1)).toBe(step);
    expect(rig.signed).toEqual([]);
  });

  it.each<[string, () => void]>([
    ["the user was ended here", () => rig.revoked.add("site u1")],
    ["somebody looks through the user's eyes, and that is not let in", () => change({ impersonator: "admin" })],
    ["less than a second of it is left", () => change({ expiresAtMs: rig.clock() + 999 })],
  ])("a session is none where %s", async (_what, prepare) => {
    use(({ providers }) => (providers.site["impersonation"] = "refuse"));
    prepare();
    await expect(rig.exchangeSession()).rejects.toThrow(refusal("SESSION_INVALID", { field: "SESSION" }));
    expect(rig.signed).toEqual([]);
  });

  it.each<[string, () => Secret, Reason]>([
    ["an actor's token that has ended", () => rig.agent({ iat: 1_799_999_000, exp: 1_800_000_060 }), "TOKEN_EXPIRED"],
    ["an actor that is not listed", () => rig.agent({ client_id: "web" }), "DELEGATION_NOT_ALLOWED"],
    ["an actor for whom somebody acts", () => rig.agent({ act: { sub: "puppeteer" } }), "DELEGATION_NOT_ALLOWED"],
  ])("nothing is issued for %s", async (_what, actorToken, reason) => {
    await expect(rig.exchangeSession({ actorToken: actorToken() })).rejects.toThrow(refusal(reason, { field: "ACTOR_TOKEN" }));
    expect(rig.signed).toEqual([]);
  });

  it("nothing is issued for an actor that ended meanwhile", async () => {
    const trail = { ...rig.trail, note: ({ actor }: TrailNotes) => void (actor === undefined || rig.revoked.add("actor")) };
    const exchanging = rig.exchangeSession({ actorToken: rig.agent(), trail });
    await expect(exchanging).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "ACTOR_TOKEN" }));
    expect(rig.signed).toEqual([]);
  });

  it("nothing is issued to a caller who has left meanwhile", async () => {
    const leaving = new AbortController();
    const trail = { ...rig.trail, intent: async () => leaving.abort() };
    await expect(rig.exchangeSession({ trail }, leaving.signal)).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(rig.signed).toEqual([]);
  });
});
