// What docs/discord.md walks through, with its own file and a strict fake of Discord: three ways of signing in, and what each can do then.

import { beforeEach, describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeDiscord, startFakeDiscord } from "../support/fake-discord.ts";
import { type Answer, reasonOf } from "../support/fake-stack.ts";
import { asService, type Example, examplePath, tokensOf, useExamples } from "./provider-example.ts";

const run = useExamples();

function claimsOf(answer: Answer): Readonly<Record<string, unknown>> {
  const [, payload = ""] = (tokensOf(answer)["accessToken"] ?? "").split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Readonly<Record<string, unknown>>;
}

describe("examples/providers/discord.yaml", () => {
  let discord: FakeDiscord;
  let example: Example;
  const page = { origin: "http://localhost:5173" };
  beforeEach(async () => {
    discord = await startFakeDiscord({ clock: run.clock });
    const { id, secret = "" } = discord.client;
    example = await run.start("discord", discord, { DISCORD_CLIENT_ID: id, DISCORD_CLIENT_SECRET: secret });
  });

  it("turns a code into an account and a token of this service's own, with the documented claims", async () => {
    const signedIn = await example.signIn({ clientId: "web" }, { headers: page });
    const { id, avatarUrl } = signedIn.body["account"] as Readonly<Record<string, string>>;
    expect(signedIn).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_MINTED" } });
    expect(signedIn.body["account"]).toMatchObject({ providerUserId: "80351110224678912", username: "nelly", displayName: "Nelly" });
    expect(avatarUrl).toBe("https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png");
    expect(id).toMatch(/^discord:[0-9a-f-]{36}$/);
    expect(claimsOf(signedIn)).toMatchObject({
      iss: "http://localhost:8080",
      aud: "https://api.example.com",
      sub: id,
      name: "Nelly",
      preferred_username: "nelly",
      picture: avatarUrl,
      client_id: "web",
    });
    expect(discord.violations).toEqual([]);
  });

  it("gives the page the next token for its handle, and asks Discord nothing while its own token lasts", async () => {
    const signedIn = await example.signIn({ clientId: "web" }, { headers: page });
    const { refreshToken } = tokensOf(signedIn);
    const calls = discord.callsTo("token");
    const fresh = await example.rpc("Refresh", { clientId: "web", refreshToken }, page);
    expect(fresh).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_MINTED" } });
    expect(claimsOf(fresh)["sub"]).toBe(claimsOf(signedIn)["sub"]);
    expect(discord.callsTo("token")).toBe(calls);
    run.time.nowMs += 8 * 86_400_000;
    const weekLater = await example.rpc("Refresh", { clientId: "web", refreshToken: tokensOf(fresh)["refreshToken"] }, page);
    expect(weekLater.status).toBe(200);
    expect(discord.callsTo("token")).toBe(calls + 1);
  });

  it("reads the user as kept, or afresh by a connection or by the sign-in behind a handle", async () => {
    const ofSite = await example.signIn({}, { headers: asService("site") });
    const { connectionId } = ofSite.body;
    expect(connectionId).toMatch(/^\S+$/);
    const nelly = discord.users.get("80351110224678912");
    if (nelly === undefined) throw new Error("nobody");
    discord.users.set(nelly.id, { ...nelly, global_name: "Nelly the Second", avatar: null });

    const token = { value: tokensOf(ofSite)["accessToken"] };
    const kept = await example.rpc("GetAccount", { token }, asService("site"));
    expect(kept.body["account"]).toMatchObject({ displayName: "Nelly" });
    const fresh = await example.rpc("GetAccount", { token, fresh: true }, asService("site"));
    expect(fresh.body["account"]).toMatchObject({
      displayName: "Nelly the Second",
      avatarUrl: `https://cdn.discordapp.com/embed/avatars/${(80351110224678912n >> 22n) % 6n}.png`,
    });

    const ofPage = { value: tokensOf(await example.signIn({ clientId: "web" }, { headers: page }))["accessToken"] };
    const asked = await example.rpc("GetAccount", { clientId: "web", token: ofPage, fresh: true }, page);
    expect(asked.body["account"]).toMatchObject({ displayName: "Nelly the Second" });
  });

  it("refuses whose account is disabled, whatever they come with, and takes them back", async () => {
    const signedIn = await example.signIn({ clientId: "web" }, { headers: page });
    const { accessToken, refreshToken } = tokensOf(signedIn);
    // By its id: at the fake it is another issuer's than the one that the file knows.
    const accountId = String(claimsOf(signedIn)["sub"]).replace("discord:", "");
    const asked = () => {
      // On a clock that stands still a limit per second would never be over.
      run.time.nowMs += 100;
      return example.rpc("GetAccount", { clientId: "web", token: { value: accessToken } }, page);
    };
    const order = (word: "disable" | "enable") => {
      const words = ["accounts", word, accountId, examplePath("discord")];
      return startChild(["src/cli/cambio.mjs", ...words], example.environment).ended;
    };
    expect(await order("disable")).toBe(0);
    await eventually("the refusal", async () => reasonOf(await asked()) === "ACCOUNT_DISABLED");
    expect(reasonOf(await example.rpc("Refresh", { clientId: "web", refreshToken }, page))).toBe("ACCOUNT_DISABLED");
    expect(reasonOf(await example.signIn({ clientId: "web" }, { headers: page }))).toBe("ACCOUNT_DISABLED");

    expect(await order("enable")).toBe(0);
    await eventually("another sign-in", async () => {
      run.time.nowMs += 2_000;
      return (await example.signIn({ clientId: "web" }, { headers: page })).status === 200;
    });
    // What a replica has read of an enabling may be a moment old.
    await eventually("the refusal of before", async () => reasonOf(await asked()) === "TOKEN_REVOKED");
  });

  it("gives a shell Discord's own token", async () => {
    discord.registerRedirectUri("http://localhost:8976/callback");
    const signedIn = await example.signIn({ clientId: "cli" }, { redirectUri: "http://localhost:8976/callback" });
    expect(signedIn).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_PASSTHROUGH" } });
    const user = await fetch(discord.endpoints.user, { headers: { authorization: `Bearer ${tokensOf(signedIn)["accessToken"]}` } });
    expect(await user.json()).toMatchObject({ id: "80351110224678912", username: "nelly" });
  });

  it("says that its own secret is wrong, and that the code is spent where Discord does not say whose it is", async () => {
    discord.faults.always("user", { kind: "status", status: 503 });
    expect(reasonOf(await example.signIn({ clientId: "web" }, { headers: page }))).toBe("OUTCOME_UNKNOWN");
    discord.faults.clear();
    discord.faults.next("token", { kind: "status", status: 401, body: { error: "invalid_client" } });
    expect(reasonOf(await example.signIn({ clientId: "web" }, { headers: page }))).toBe("UPSTREAM_REJECTED_CLIENT");
  });
});
