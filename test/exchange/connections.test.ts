import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExchangeAnswer } from "../../src/exchange/exchange.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { unsigned } from "./unsigned-tokens.ts";
import { type AccountRig, claimsOf, mallory, nelly, patience, startAccountRig } from "./account-rig.ts";
import { refusal, silentTrail } from "./fixtures.ts";

let rig: AccountRig;
let web: ExchangeAnswer & { readonly id: string };
beforeEach(async () => {
  rig = await startAccountRig();
  web = await kept("web");
});
afterEach(() => rig.close());

async function kept(id: "web" | "other"): Promise<typeof web> {
  const answer = await rig.signIn(id, "discord");
  if (answer.connectionId === undefined) throw new Error("nothing was kept");
  return { ...answer, id: answer.connectionId };
}

async function malloryAt(id: "web" | "other"): Promise<typeof web> {
  rig.discord.signedIn(mallory.id);
  const answer = await kept(id);
  rig.discord.signedIn(nelly.id);
  return answer;
}

const missing = refusal("CONNECTION_NOT_FOUND");
const proof = () => web.tokens.accessToken;

describe("a connection, named by its id", () => {
  it("gives the client that made it one more token as it was made, and nothing of the provider's", async () => {
    const { tokens, issuance } = await rig.refreshConnection("web", web.id, proof());
    expect([issuance, claimsOf(tokens)["sub"], tokens.refreshToken, tokens.idToken]).toEqual([
      "MINTED",
      claimsOf(web.tokens)["sub"],
      undefined,
      undefined,
    ]);
    expect(rig.discord.issued).not.toContain(tokens.accessToken.reveal());
    expect(rig.discord.callsTo("token")).toBe(1);
  });

  it("gives a service that may use that client's connections the provider's access token and no more", async () => {
    const { tokens, issuance } = await rig.refreshConnection("worker", web.id);
    expect([issuance, tokens.refreshToken, tokens.idToken]).toEqual(["PASSTHROUGH", undefined, undefined]);
    expect(rig.discord.issued).toContain(tokens.accessToken.reveal());
  });

  it("asks the provider once its token has run out, once for all who ask then", async () => {
    await rig.later(3_600_000);
    const all = await Promise.all(Array.from({ length: 5 }, () => rig.refreshConnection("worker", web.id)));
    expect(new Set(all.map(({ tokens }) => tokens.accessToken.reveal())).size).toBe(1);
    expect([rig.discord.callsTo("token"), rig.discord.presentedTwice]).toEqual([2, []]);
  });

  it("of a stranger looks like one that is not there", async () => {
    await expect(rig.refreshConnection("loner", web.id)).rejects.toThrow(missing);
    await expect(rig.refreshConnection("loner", "x".repeat(22))).rejects.toThrow(missing);
    const other = await kept("other");
    await expect(rig.refreshConnection("other", web.id, other.tokens.accessToken)).rejects.toThrow(missing);
    // What other clients than the listed one made is not the service's to use.
    await expect(rig.refreshConnection("worker", other.id)).rejects.toThrow(missing);
  });

  it("of another provider than the named one looks like one that is not there", async () => {
    const asked = { client: rig.client("worker"), connectionId: web.id, proof: undefined, trail: silentTrail("worker") };
    await expect(rig.operations.refreshConnection({ ...asked, provider: "openai" }, patience())).rejects.toThrow(missing);
    await expect(rig.operations.refreshConnection({ ...asked, provider: "discord" }, patience())).resolves.toBeDefined();
  });

  it("is of no use to others once its client may keep none any more, or is disabled", async () => {
    rig.reconfigure({ web: { disabled: true } });
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(missing);
    rig.reconfigure({ web: { providers: {} } });
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(missing);
    rig.reconfigure({ worker: { providers: { discord: { scopes: ["identify", "email"] } } } });
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(missing);
    rig.reconfigure({});
    await expect(rig.refreshConnection("worker", web.id)).resolves.toBeDefined();
  });

  it("gives a service nothing beyond what that service may have", async () => {
    const discord = { scopes: ["identify"], connections_of: ["web"] };
    rig.reconfigure({ worker: { providers: { discord } } });
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    rig.reconfigure({ worker: { providers: { discord: { ...discord, scopes: ["identify", "email"], max_lifetime: "5m" } } } });
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
  });

  it("gives a service no token of unsaid scopes that its client may have asked more of than the service may have", async () => {
    const body = { access_token: "silent-access", token_type: "Bearer", expires_in: 3_600, refresh_token: "silent-refresh" };
    rig.discord.faults.next("token", { kind: "status", status: 200, body });
    rig.discord.faults.next("user", { kind: "status", status: 200, body: { ...nelly } });
    const silent = await kept("web");
    expect((await rig.refreshConnection("worker", silent.id)).tokens.accessToken.reveal()).toBe("silent-access");
    rig.reconfigure({ worker: { providers: { discord: { scopes: ["identify"], audiences: ["backend"], connections_of: ["web"] } } } });
    await expect(rig.refreshConnection("worker", silent.id)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("of a disabled account gives nobody anything", async () => {
    await rig.disable(nelly);
    await expect(rig.refreshConnection("web", web.id, proof())).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
  });

  it("is over once all that its user has was ended, and stays so", async () => {
    const until = Math.floor(rig.clock() / 1_000);
    const subject = { kind: "subject", provider: "discord", id: nelly.id, until, expiresAt: until + 86_400 } as const;
    await rig.core.storage.revocations.revoke(subject);
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(missing);
    expect(rig.discord.callsTo("token")).toBe(1);
  });

  it("whose user has taken back everything is over, for good", async () => {
    rig.discord.end(nelly.id);
    await rig.later(3_600_000);
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.discord.callsTo("token")).toBe(2);
  });
});

describe("the proof of a user", () => {
  it("is needed by a public client", async () => {
    await expect(rig.refreshConnection("web", web.id)).rejects.toThrow(refusal("MALFORMED_REQUEST"));
    await expect(rig.revokeConnection("web", web.id)).rejects.toThrow(refusal("MALFORMED_REQUEST"));
  });

  it("of another user opens nothing, and looks like a missing connection", async () => {
    const other = await malloryAt("web");
    await expect(rig.refreshConnection("web", web.id, other.tokens.accessToken)).rejects.toThrow(missing);
    // A service that sends one is held to it.
    await expect(rig.refreshConnection("worker", web.id, other.tokens.accessToken)).rejects.toThrow(missing);
  });

  it("that was issued to another client is none", async () => {
    const other = await kept("other");
    const refused = refusal("TARGET_NOT_ALLOWED");
    await expect(rig.refreshConnection("web", web.id, other.tokens.accessToken)).rejects.toThrow(refused);
  });

  it("that a service was shown by another client counts where it was meant for that service", async () => {
    await expect(rig.refreshConnection("worker", web.id, proof())).resolves.toBeDefined();
  });

  it("is refused for what it is, whatever connection is named beside it", async () => {
    const forged = new Secret(unsigned({ ...claimsOf(web.tokens) }));
    for (const id of [web.id, "x".repeat(22)]) {
      await expect(rig.refreshConnection("web", id, new Secret("x"))).rejects.toThrow(refusal("TOKEN_MALFORMED", { field: "USER_TOKEN" }));
      await expect(rig.refreshConnection("web", id, forged)).rejects.toThrow(refusal("TOKEN_INVALID", { field: "USER_TOKEN" }));
    }
    await rig.later(3_600_000);
    await expect(rig.refreshConnection("web", web.id, proof())).rejects.toThrow(refusal("TOKEN_EXPIRED", { field: "USER_TOKEN" }));
  });

  it("that is a session proves nothing of a connection", async () => {
    const asked = { client: rig.client("web"), provider: "", connectionId: web.id, trail: silentTrail("web") };
    const session = { ...asked, proof: { kind: "session" } } as const;
    await expect(rig.operations.refreshConnection(session, patience())).rejects.toThrow(refusal("SESSION_INVALID", { field: "SESSION" }));
  });
});

describe("revoking a connection", () => {
  it("ends it here at once, and tells its provider", async () => {
    await rig.revokeConnection("web", web.id, proof());
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(missing);
    expect(rig.discord.callsTo("revocation")).toBe(1);
    expect(rig.discord.violations).toEqual([]);
  });

  it.each(["loner", "worker"] as const)("succeeds for everybody, and ends what is the caller's to name: %s", async (id) => {
    await expect(rig.revokeConnection(id, web.id)).resolves.toEqual({ upstreamPending: false });
    await expect(rig.revokeConnection(id, "x".repeat(22))).resolves.toEqual({ upstreamPending: false });
    const stands = id === "loner";
    const after = await rig.refreshConnection("web", web.id, proof()).then(
      () => true,
      () => false,
    );
    expect(after).toBe(stands);
  });

  it("by another user ends nothing", async () => {
    const other = await malloryAt("web");
    await rig.revokeConnection("web", web.id, other.tokens.accessToken);
    await expect(rig.refreshConnection("web", web.id, proof())).resolves.toBeDefined();
    expect(rig.discord.callsTo("revocation")).toBe(0);
  });

  it("is never refused to whoever made it, whatever was taken from it since", async () => {
    rig.reconfigure({ web: { providers: {} } });
    await rig.revokeConnection("web", web.id, proof());
    rig.reconfigure({});
    await expect(rig.refreshConnection("worker", web.id)).rejects.toThrow(missing);
  });
});

describe("the account behind a token", () => {
  it("is told by a token of this service's own, to its client and to whom it is meant for", async () => {
    for (const id of ["web", "worker"] as const) {
      const { account, subject, provider } = await rig.getAccount(id, proof());
      expect([account.username, subject, provider]).toEqual(["nelly", claimsOf(web.tokens)["sub"], "discord"]);
    }
    expect(rig.discord.callsTo("user")).toBe(1);
  });

  it("is not told to whom the token is not meant for", async () => {
    await expect(rig.getAccount("plain", proof())).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
  });

  it("of a disabled account is not told", async () => {
    await rig.disable(nelly);
    for (const fresh of [false, true]) {
      await expect(rig.getAccount("web", proof(), fresh)).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
    }
  });

  it("is read anew where that is asked for, by the client's connection, and kept from then on", async () => {
    rig.discord.users.set(nelly.id, { ...nelly, global_name: "Nelly the Second" });
    expect((await rig.getAccount("web", proof())).account.displayName).toBe("Nelly");
    for (const id of ["web", "worker"] as const) {
      expect((await rig.getAccount(id, proof(), true)).account.displayName).toBe("Nelly the Second");
    }
    expect((await rig.getAccount("web", proof())).account.displayName).toBe("Nelly the Second");
  });

  it("is not read anew by a client that may use no connection of that account", async () => {
    await expect(rig.getAccount("loner", proof(), true)).rejects.toThrow(missing);
  });

  it("is refused where the provider tells of somebody else: accounts never mix", async () => {
    const answer = { ...nelly, id: mallory.id };
    rig.discord.faults.next("user", { kind: "status", status: 200, body: answer });
    await expect(rig.getAccount("web", proof(), true)).rejects.toThrow(refusal("UPSTREAM_INVALID_RESPONSE"));
    expect((await rig.account(mallory))?.user.username).toBeUndefined();
    expect((await rig.account(nelly))?.user.username).toBe("nelly");
  });

  it("is asked for once more with a fresh token where the provider takes the kept one no more", async () => {
    rig.discord.faults.next("user", { kind: "status", status: 401, body: {} });
    await expect(rig.getAccount("web", proof(), true)).resolves.toMatchObject({ account: { username: "nelly" } });
    expect([rig.discord.callsTo("token"), rig.discord.callsTo("user")]).toEqual([2, 3]);
  });

  it("ends the connection where the provider takes no token of it any more", async () => {
    for (let call = 0; call < 2; call += 1) rig.discord.faults.next("user", { kind: "status", status: 401, body: {} });
    await expect(rig.getAccount("web", proof(), true)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refreshConnection("web", web.id, proof())).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  });

  it("is not read anew at a provider without a user endpoint", async () => {
    const openai = { redirect_uris: ["https://web.example/openai"], scopes: ["openid", "profile", "email", "offline_access"] };
    rig.reconfigure({ web: { providers: { openai: { ...openai, audiences: ["backend"], connections: true } } } });
    const { tokens } = await rig.signIn("web", "openai");
    expect((await rig.getAccount("web", tokens.accessToken)).account.displayName).toBe("Ada");
    await expect(rig.getAccount("web", tokens.accessToken, true)).rejects.toThrow(refusal("MALFORMED_REQUEST"));
  });
});
