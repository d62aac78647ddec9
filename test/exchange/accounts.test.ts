import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { type AccountRig, claimsOf, mallory, nelly, ownIssuer, patience, startAccountRig } from "./account-rig.ts";
import { refusal } from "./fixtures.ts";

let rig: AccountRig;
beforeEach(async () => {
  rig = await startAccountRig();
});
afterEach(() => rig.close());

const avatar = `https://cdn.discordapp.com/avatars/${nelly.id}/${nelly.avatar}.png`;

describe("a code of a provider whose users have accounts", () => {
  it("becomes a token of this service's own, with the account's id as its subject", async () => {
    const { tokens, issuance, account, connectionId } = await rig.signIn("web", "discord");
    const kept = await rig.account(nelly);
    const subject = `discord:${kept?.id}`;
    expect(issuance).toBe("MINTED");
    expect(account).toMatchObject({ subject, provider: "discord", account: { providerUserId: nelly.id, username: "nelly" } });
    expect(claimsOf(tokens)).toMatchObject({
      iss: ownIssuer,
      sub: subject,
      aud: "urn:backend",
      client_id: "web",
      name: "Nelly",
      preferred_username: "nelly",
      picture: avatar,
      email: nelly.email,
      scope: "identify",
    });
    expect(connectionId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(rig.discord.violations).toEqual([]);
  });

  it("hands out nothing of the provider's where the answer is minted", async () => {
    for (const client of ["web", "plain"] as const) {
      const { tokens } = await rig.signIn(client, "discord");
      const shown = [tokens.accessToken, tokens.refreshToken, tokens.idToken].map((token) => token?.reveal() ?? "");
      for (const issued of rig.discord.issued) expect(shown.join(" ")).not.toContain(issued);
    }
  });

  it("is the same account the next time, by the provider's id and never by the address", async () => {
    const [first, again] = [await rig.signIn("web", "discord"), await rig.signIn("web", "discord")];
    expect(again.account?.subject).toBe(first.account?.subject);
    expect(again.connectionId).toBe(first.connectionId);
    rig.discord.signedIn(mallory.id);
    const other = await rig.signIn("web", "discord");
    expect(mallory.email).toBe(nelly.email);
    expect(other.account?.subject).not.toBe(first.account?.subject);
    expect(other.connectionId).not.toBe(first.connectionId);
  });

  it("brings the account up to date", async () => {
    await rig.signIn("web", "discord");
    rig.discord.users.set(nelly.id, { ...nelly, global_name: "Nelly the Second" });
    await rig.signIn("web", "discord");
    expect((await rig.account(nelly))?.user.displayName).toBe("Nelly the Second");
  });

  it("gives its provider's tokens where no audience of the client's is minted, and a connection in place of the refresh token", async () => {
    const { tokens, issuance, account, connectionId } = await rig.signIn("web", "openai");
    expect([issuance, tokens.refreshToken, connectionId]).toEqual(["PASSTHROUGH", undefined, expect.any(String)]);
    expect(rig.openai.issued).toContain(tokens.accessToken.reveal());
    expect(account?.account.displayName).toBe("Ada");
  });

  it("of a disabled account gives nothing, and the code is spent", async () => {
    await rig.signIn("web", "discord");
    await rig.disable(nelly);
    await expect(rig.signIn("web", "discord")).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
    await expect(rig.signIn("plain", "discord")).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
  });

  it.each([
    ["web", "discord"],
    ["plain", "discord"],
    ["web", "openai"],
    ["plain", "openai"],
  ] as const)("of an account that is disabled while the code is exchanged hands nothing out: %s at %s", async (client, provider) => {
    await rig.disableWhenKept();
    await expect(rig.signIn(client, provider)).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
  });

  it("that an attacker signs in by, who put a victim's row under his own name, gives nothing of the victim's", async () => {
    const { tokens } = await rig.signIn("web", "discord");
    await rig.tamper(nelly, { provider_user_id: mallory.id });
    rig.discord.signedIn(mallory.id);
    await expect(rig.signIn("web", "discord")).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    await expect(rig.account(mallory)).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
    await expect(rig.getAccount("web", tokens.accessToken)).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
  });

  it.each([500, 401, 429])("whose user endpoint answers %i is never called safe to redeem again", async (status) => {
    // Once more, where it is asked once more.
    for (let call = 0; call < 2; call += 1) rig.discord.faults.next("user", { kind: "status", status, body: {} });
    const question = await rig.code("web", "discord");
    await expect(rig.operations.exchange(question, AbortSignal.timeout(10_000))).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    await expect(rig.operations.exchange(question, AbortSignal.timeout(10_000))).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(rig.discord.callsTo("token")).toBe(1);
  });

  it("is not spent for audiences of which some are minted and some the provider's own", async () => {
    rig.reconfigure({ web: { providers: { discord: { ...writtenGrant(), audiences: ["backend", "elsewhere"] } } } });
    const before = rig.discord.callsTo("token");
    const wish = { audiences: ["backend", "elsewhere"] };
    await expect(rig.signIn("web", "discord", wish)).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    expect(rig.discord.callsTo("token")).toBe(before);
  });

  it("is not spent where no key may sign what it becomes, and is good for it once one may", async () => {
    const question = await rig.code("web", "discord");
    // Longer than keys are trusted that nobody has read anew.
    const longMs = 48 * 3_600_000;
    rig.clock.advance(longMs);
    await expect(rig.operations.exchange(question, patience())).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
    expect(rig.discord.callsTo("token")).toBe(0);
    rig.clock.advance(-longMs);
    await expect(rig.operations.exchange(question, patience())).resolves.toMatchObject({ issuance: "MINTED" });
  });

  it("is not spent for an audience that the client may not have tokens for", async () => {
    rig.reconfigure({ web: { providers: { discord: { ...writtenGrant(), audiences: [] } } } });
    await expect(rig.signIn("web", "discord", { audiences: ["backend"] })).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    expect(rig.discord.callsTo("token")).toBe(0);
  });

  it("is refused where the provider granted more than the client may have, minted or not", async () => {
    const question = await rig.code("web", "discord");
    rig.reconfigure({ web: { providers: { discord: { ...writtenGrant(), scopes: ["identify"] } } } });
    const now = { ...question, client: rig.client("web") };
    await expect(rig.operations.exchange(now, AbortSignal.timeout(10_000))).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("is minted for a client whose tokens of the provider would live too long for it: nobody hands those out", async () => {
    rig.reconfigure({ web: { providers: { discord: { ...writtenGrant(), max_lifetime: "5m" } } } });
    const { tokens } = await rig.signIn("web", "discord");
    expect(tokens.expiresAtMs).toBe(rig.clock() + 300_000);
  });
});

function writtenGrant() {
  return { redirect_uris: ["https://web.example/discord"], scopes: ["identify", "email"], audiences: ["backend"], connections: true };
}

describe("a provider's name that became another issuer's", () => {
  const another = "https://another.example";

  it("makes nobody there the user who had the same id at the former one", async () => {
    const first = await rig.signIn("web", "discord");
    rig.reissue(another);
    expect(await rig.account(nelly)).toBeUndefined();
    const later = await rig.signIn("web", "discord");
    expect(later.account?.subject).not.toBe(first.account?.subject);
    expect(later.connectionId).not.toBe(first.connectionId);
    expect(claimsOf(later.tokens)["sub"]).toBe(later.account?.subject);
  });

  it("leads no token of before to an account, nor to a connection, until it is given back", async () => {
    const { tokens, connectionId = "" } = await rig.signIn("web", "discord");
    rig.reissue(another);
    await expect(rig.getAccount("web", tokens.accessToken)).rejects.toThrow(refusal("ACCOUNT_NOT_FOUND"));
    await expect(rig.refreshConnection("web", connectionId, tokens.accessToken)).rejects.toThrow(refusal("CONNECTION_NOT_FOUND"));
    rig.reissue("https://discord.com");
    await expect(rig.getAccount("web", tokens.accessToken)).resolves.toMatchObject({ account: { providerUserId: nelly.id } });
  });
});

describe("a handle of a minted sign-in", () => {
  it("gives one more token of this service's own, and asks the provider only once its token has run out", async () => {
    const first = await rig.signIn("plain", "discord");
    const second = await rig.refresh("plain", first.tokens.refreshToken);
    expect(second.issuance).toBe("MINTED");
    expect(claimsOf(second.tokens)["sub"]).toBe(claimsOf(first.tokens)["sub"]);
    expect(claimsOf(second.tokens)["jti"]).not.toBe(claimsOf(first.tokens)["jti"]);
    expect(rig.discord.callsTo("token")).toBe(1);
    await rig.later(3_600_000);
    const third = await rig.refresh("plain", second.tokens.refreshToken);
    expect([third.issuance, rig.discord.callsTo("token")]).toEqual(["MINTED", 2]);
    expect([rig.discord.violations, rig.discord.presentedTwice]).toEqual([[], []]);
  });

  it("ends when the user has taken back what was granted, once the provider's token has run out", async () => {
    const { tokens } = await rig.signIn("plain", "discord");
    rig.discord.end(nelly.id);
    await rig.later(3_600_000);
    await expect(rig.refresh("plain", tokens.refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refresh("plain", tokens.refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.discord.callsTo("token")).toBe(2);
  });

  it("gives nothing to a disabled account, nor under a policy that is narrower by now", async () => {
    const { tokens } = await rig.signIn("plain", "discord");
    rig.reconfigure({ plain: { providers: { discord: { ...plainGrant(), audiences: [] } } } });
    await expect(rig.refresh("plain", tokens.refreshToken)).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    rig.reconfigure({});
    await rig.disable(nelly);
    await expect(rig.refresh("plain", tokens.refreshToken)).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
  });

  it("is bounded by the scopes of the first token", async () => {
    const { tokens } = await rig.signIn("plain", "discord");
    await expect(rig.refresh("plain", tokens.refreshToken, ["admin"])).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("is nothing in another client's hands", async () => {
    const { tokens } = await rig.signIn("plain", "discord");
    await expect(rig.refresh("web", tokens.refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  });

  it("that was replaced answers with the same token until its successor is used, and then is a thief's", async () => {
    const { tokens } = await rig.signIn("plain", "discord");
    const [one, again] = [await rig.refresh("plain", tokens.refreshToken), await rig.refresh("plain", tokens.refreshToken)];
    expect(again.tokens.accessToken.reveal()).toBe(one.tokens.accessToken.reveal());
    expect(again.tokens.refreshToken?.reveal()).toBe(one.tokens.refreshToken?.reveal());
    const next = await rig.refresh("plain", one.tokens.refreshToken);
    await expect(rig.refresh("plain", tokens.refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refresh("plain", next.tokens.refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    // What came out of it is known, and ended with it.
    await expect(rig.getAccount("plain", next.tokens.accessToken)).rejects.toThrow(refusal("TOKEN_REVOKED"));
  });
});

function plainGrant() {
  return { redirect_uris: ["https://plain.example/discord"], scopes: ["identify", "email"], audiences: ["backend"] };
}

describe("a handle of a provider's own tokens", () => {
  it("is refreshed once for everybody who asks at once, and never shows the provider's refresh token", async () => {
    const { tokens } = await rig.signIn("plain", "openai");
    await rig.later(60_000);
    const all = await Promise.all(Array.from({ length: 5 }, () => rig.refresh("plain", tokens.refreshToken)));
    expect(new Set(all.map((one) => one.tokens.accessToken.reveal())).size).toBe(1);
    expect(all[0]?.tokens.refreshToken?.reveal()).toMatch(/^cambio_rt_/);
    expect([rig.openai.callsTo("token"), rig.openai.presentedTwice]).toEqual([2, []]);
  });

  it("ends with the connection behind it, here and at the provider, by whoever revokes it", async () => {
    const { tokens } = await rig.signIn("plain", "openai");
    const handle = tokens.refreshToken ?? new Secret("none came");
    const about = { client: rig.client("plain"), provider: "", token: handle, isRefreshToken: true };
    const trail = (await rig.code("plain", "openai")).trail;
    await rig.operations.revoke({ ...about, trail }, AbortSignal.timeout(10_000));
    await expect(rig.refresh("plain", handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.openai.revoked.length).toBe(1);
  });
});
