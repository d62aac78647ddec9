import { beforeEach, describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import type { RefreshSessionQuestion } from "../../src/exchange/refresh-session.ts";
import { refusal } from "./fixtures.ts";
import { createMintRig, type Held, type MintRig, type MintRigOptions, type Step } from "./mint-rig.ts";
import { siteIssuer, type Written } from "./mint-written.ts";
import { claimsOf } from "./unsigned-tokens.ts";

let rig: MintRig;
const use = (change?: MintRigOptions["change"]) => {
  rig = createMintRig(change === undefined ? {} : { change });
};
beforeEach(() => use());

const siteGrant = (given: object) => (all: Written) => {
  all.clients.shop.providers["site"] = { ...all.clients.shop.providers["site"], ...given };
};
/** Sessions open more than before, and the client may have it. */
function opensMore(given: Written): void {
  const scopes = ["read", "write"];
  siteGrant({ scopes })(given);
  (given.audiences.backend.mint["from"] as Record<string, Record<string, unknown>>)["site"] = { scopes };
}
const minted = (given: Partial<Held["minted"]>): Partial<Held> => ({
  minted: { audience: "backend", scopes: ["read"], from: "cookie", ...given },
});

describe("a refresh by a session", () => {
  it("goes on for the same user where subjects of the provider have another prefix by now", async () => {
    use(({ providers }) => (providers.site["subject_prefix"] = "app:"));
    await expect(rig.refreshSession()).resolves.toMatchObject({ subject: "app:u1" });
  });

  it("is on record before the handle is touched, and reads the session before it issues", async () => {
    const tokens = await rig.refreshSession();
    expect(rig.steps).toEqual<Step[]>(["budget", "place", "intent", "rotate", "read", "revocations", "sign"]);
    expect(rig.shown).toEqual(["kept"]);
    expect(tokens).toMatchObject({
      subject: "site:u1",
      scopes: ["read"],
      minted: { audience: "backend", scopes: ["read"], from: "cookie" },
    });
    expect(tokens.refreshToken?.reveal()).toBe("cambio_rt_2");
    expect(rig.noted()).toMatchObject({ provider: "site", issuer: siteIssuer, subject: "u1", targets: ["backend"], issued: "id-1" });
  });

  it("says who looks through the user's eyes by now", async () => {
    rig.session = { ...rig.session, impersonator: "admin" };
    expect(claimsOf(await rig.refreshSession())["act"]).toEqual({ iss: siteIssuer, sub: "admin" });
  });

  it("ends with the session, if that is earlier", async () => {
    rig.session = { ...rig.session, expiresAtMs: rig.clock() + 10_000 };
    const { exp, iat } = claimsOf(await rig.refreshSession()) as { exp: number; iat: number };
    expect(exp - iat).toBe(10);
  });

  it("is done once for all who ask the same at once, and not for who asks for something else", async () => {
    use(opensMore);
    const held = minted({ scopes: ["read", "write"] });
    const all = [[], [], ["read"]].map((scopes) => rig.refreshSession({ scopes }, held));
    const answers = await Promise.all(all);
    expect(answers.map(({ scopes }) => scopes)).toEqual([["read", "write"], ["read", "write"], ["read"]]);
    expect(rig.signed).toHaveLength(2);
  });

  it("stays within what was granted, though the session opens more and the client may have more by now", async () => {
    use(opensMore);
    const tokens = await rig.refreshSession();
    expect([tokens.scopes, tokens.minted?.scopes]).toEqual([["read"], ["read"]]);
    await expect(rig.refreshSession({ scopes: ["write"] })).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("loses what was taken from the client since, and gets it back with it", async () => {
    use(siteGrant({ scopes: [] }));
    const tokens = await rig.refreshSession();
    expect([tokens.scopes, tokens.minted?.scopes]).toEqual([[], ["read"]]);
  });
});

describe("is refused before anybody is asked, and the handle stays as good as it was:", () => {
  type Row = readonly [
    what: string,
    given: Partial<Omit<RefreshSessionQuestion, "grant">>,
    held: Partial<Held>,
    change: MintRigOptions["change"],
    reason: Reason,
  ];
  it.each<Row>([
    ["a provider that is gone", {}, { provider: "gone" }, undefined, "PROVIDER_UNKNOWN"],
    ["a client that was disabled", {}, {}, ({ clients }) => (clients.shop["disabled"] = true), "CALLER_NOT_ALLOWED"],
    ["a client that may not use the provider any more", {}, {}, ({ clients }) => (clients.shop.providers = {}), "CALLER_NOT_ALLOWED"],
    ["a client that may have no handles any more", {}, {}, siteGrant({ exchanged_refresh_tokens: false }), "CALLER_NOT_ALLOWED"],
    ["an audience that the client may not ask for any more", {}, {}, siteGrant({ audiences: ["legacy"] }), "TARGET_NOT_ALLOWED"],
    ["an audience that is gone", {}, minted({ audience: "gone" }), undefined, "TARGET_NOT_ALLOWED"],
    ["a scope that the client may not have", { scopes: ["write"] }, {}, undefined, "SCOPE_NOT_ALLOWED"],
    ["a scope that no session opens", { scopes: ["write"] }, {}, siteGrant({ scopes: ["write"] }), "SCOPE_NOT_ALLOWED"],
  ])("%s", async (_what, given, held, changing, reason) => {
    if (changing !== undefined) use(changing);
    await expect(rig.refreshSession(given, held)).rejects.toThrow(refusal(reason));
    expect(rig.steps).toEqual([]);
  });
});

describe("where a step fails, nothing after it happens:", () => {
  it.each<[Step, Reason, Reason]>([
    ["budget", "RATE_LIMITED", "RATE_LIMITED"],
    ["place", "UPSTREAM_UNAVAILABLE", "UPSTREAM_UNAVAILABLE"],
    ["intent", "AUDIT_UNAVAILABLE", "AUDIT_UNAVAILABLE"],
    ["rotate", "REAUTHENTICATION_REQUIRED", "REAUTHENTICATION_REQUIRED"],
    ["read", "SESSION_INVALID", "REAUTHENTICATION_REQUIRED"],
    ["read", "UPSTREAM_TIMEOUT", "UPSTREAM_TIMEOUT"],
    ["read", "UPSTREAM_INVALID_RESPONSE", "UPSTREAM_INVALID_RESPONSE"],
    ["revocations", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE"],
    ["sign", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE"],
  ])("%s, by %s, is told as %s", async (step, met, told) => {
    rig.failing[step] = met;
    await expect(rig.refreshSession()).rejects.toThrow(refusal(told));
    expect(rig.steps.at(-1)).toBe(step);
    expect(rig.signed).toEqual([]);
  });

  it("is not begun for a caller who has left", async () => {
    await expect(rig.refreshSession({}, {}, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(rig.steps).not.toContain("rotate");
  });
});

describe("the user must sign in again where", () => {
  it.each<[string, () => void]>([
    [
      "the session is somebody else's by now",
      () => (rig.session = { ...rig.session, account: { ...rig.session.account, providerUserId: "u2" } }),
    ],
    ["all that the user has was ended here", () => rig.revoked.add("site u1")],
    ["the session is as good as over", () => (rig.session = { ...rig.session, expiresAtMs: rig.clock() + 999 })],
    [
      "somebody looks through the user's eyes, and that is not let in any more",
      () => (rig.session = { ...rig.session, impersonator: "admin" }),
    ],
  ])("%s", async (_what, prepare) => {
    use(({ providers }) => (providers.site["impersonation"] = "refuse"));
    prepare();
    await expect(rig.refreshSession()).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.signed).toEqual([]);
  });

  it("nobody knows whose the handle was", async () => {
    await expect(rig.refreshSession({}, { subject: undefined })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  });
});
