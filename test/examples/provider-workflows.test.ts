// What docs/openai.md, docs/discord.md and docs/custom-provider.md walk through, walked with their own files and a strict fake of the
// provider: signing in, renewing, and how it ends.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeDiscord, startFakeDiscord } from "../support/fake-discord.ts";
import { type FakeJsonProvider, jsonRateLimit, startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { type FakeOpenAi, openAiError, startFakeOpenAi, without } from "../support/fake-openai.ts";
import { type Answer, reasonOf } from "../support/fake-stack.ts";
import {
  asService,
  type Example,
  type ExampleFake,
  type ExampleName,
  type ExampleOptions,
  environments,
  startExample,
} from "./provider-example.ts";

let closing: AsyncDisposableStack;
let time: { nowMs: number };
beforeEach(() => {
  closing = new AsyncDisposableStack();
  time = { nowMs: Date.now() };
});
afterEach(() => closing.disposeAsync());

const clock = () => time.nowMs;

async function running<Fake extends ExampleFake & { close(): Promise<void> }>(
  name: ExampleName,
  fake: Fake,
  env: ExampleOptions["env"] = {},
): Promise<Example> {
  closing.defer(() => fake.close());
  const example = await startExample(name, { fake, time, env });
  closing.defer(() => example.close());
  return example;
}

const tokensOf = ({ body }: Answer) => (body["tokens"] ?? {}) as Readonly<Record<string, string | undefined>>;

function claimsOf(answer: Answer): Readonly<Record<string, unknown>> {
  const [, payload = ""] = (tokensOf(answer)["accessToken"] ?? "").split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Readonly<Record<string, unknown>>;
}

describe("examples/providers/openai.yaml", () => {
  let openai: FakeOpenAi;
  let example: Example;
  beforeEach(async () => {
    openai = await startFakeOpenAi({ clock, expiresIn: 3_600 });
    example = await running("openai", openai);
  });

  const refreshed = (connectionId: unknown) => example.rpc("Refresh", { connectionId }, asService("worker"));

  it("sends the user to OpenAI with exactly what is documented", async () => {
    const begun = await example.rpc("CreateAuthorizationUrl", { clientId: "cli", codeChallenge: "c".repeat(43) });
    const url = new URL(String(begun.body["authorizationUrl"]));
    expect(`${url.origin}${url.pathname}`).toBe(openai.endpoints.authorization);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: "code",
      client_id: "app_EMoamEEZ73f0CkXaXp7hrann",
      redirect_uri: "http://localhost:1455/auth/callback",
      scope: "openid profile email offline_access",
      code_challenge: "c".repeat(43),
      code_challenge_method: "S256",
      state: begun.body["state"],
    });
  });

  it("gives the shell a connection and no refresh token, and the service the access token whenever it asks", async () => {
    const signedIn = await example.signIn({ clientId: "cli" });
    expect(signedIn).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_PASSTHROUGH", account: { providerUserId: "auth0|ada" } } });
    const { accessToken, refreshToken } = tokensOf(signedIn);
    expect(refreshToken).toBeUndefined();
    const { connectionId } = signedIn.body;

    const kept = await refreshed(connectionId);
    expect(tokensOf(kept)).toMatchObject({ accessToken });
    expect(openai.callsTo("token")).toBe(1);

    time.nowMs += 3_600_000;
    openai.faults.next("token", without("id_token", "refresh_token"));
    const fresh = await refreshed(connectionId);
    expect(fresh.status).toBe(200);
    expect(tokensOf(fresh)["accessToken"]).not.toBe(accessToken);
    time.nowMs += 3_600_000;
    expect((await refreshed(connectionId)).status).toBe(200);
    expect(openai.violations).toEqual([]);
    expect(openai.presentedTwice).toEqual([]);
  });

  it.each(["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"])(
    "ends the connection at %s, for good",
    async (word) => {
      const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
      time.nowMs += 3_600_000;
      openai.faults.next("token", openAiError(word, "object", 400));
      expect(reasonOf(await refreshed(connectionId))).toBe("REAUTHENTICATION_REQUIRED");
      expect(example.logLines()).toContainEqual(
        expect.objectContaining({ level: "warn", msg: "a connection has ended: its user must sign in again", connection: connectionId }),
      );
      const calls = openai.callsTo("token");
      expect(reasonOf(await refreshed(connectionId))).toBe("CONNECTION_NOT_FOUND");
      expect(openai.callsTo("token")).toBe(calls);
    },
  );

  it("never shows a refresh token again whose answer was lost", async () => {
    const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
    time.nowMs += 3_600_000;
    openai.faults.next("token", { kind: "after-work", answer: { kind: "reset" } });
    expect((await refreshed(connectionId)).status).not.toBe(200);
    expect(["REAUTHENTICATION_REQUIRED", "CONNECTION_NOT_FOUND"]).toContain(reasonOf(await refreshed(connectionId)));
    expect(openai.presentedTwice).toEqual([]);
  });

  it("ends a connection here and there where the service revokes it", async () => {
    const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
    expect(await example.rpc("Revoke", { connectionId }, asService("worker"))).toMatchObject({ status: 200 });
    expect(openai.revoked).toHaveLength(1);
    expect(reasonOf(await refreshed(connectionId))).toBe("CONNECTION_NOT_FOUND");
  });
});

describe("examples/providers/discord.yaml", () => {
  let discord: FakeDiscord;
  let example: Example;
  const page = { origin: "http://localhost:5173" };
  beforeEach(async () => {
    discord = await startFakeDiscord({ clock });
    const { id, secret = "" } = discord.client;
    example = await running("discord", discord, { DISCORD_CLIENT_ID: id, DISCORD_CLIENT_SECRET: secret });
  });

  it("turns a code into an account and a token of this service's own, with the documented claims", async () => {
    const signedIn = await example.signIn({ clientId: "web" }, page);
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
    const signedIn = await example.signIn({ clientId: "web" }, page);
    const { refreshToken } = tokensOf(signedIn);
    const calls = discord.callsTo("token");
    const fresh = await example.rpc("Refresh", { clientId: "web", refreshToken }, page);
    expect(fresh).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_MINTED" } });
    expect(claimsOf(fresh)["sub"]).toBe(claimsOf(signedIn)["sub"]);
    expect(discord.callsTo("token")).toBe(calls);
    time.nowMs += 8 * 86_400_000;
    const weekLater = await example.rpc("Refresh", { clientId: "web", refreshToken: tokensOf(fresh)["refreshToken"] }, page);
    expect(weekLater.status).toBe(200);
    expect(discord.callsTo("token")).toBe(calls + 1);
  });

  it("reads the user as kept, or afresh for who has a connection", async () => {
    const ofSite = await example.signIn({}, asService("site"));
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

    const ofPage = { value: tokensOf(await example.signIn({ clientId: "web" }, page))["accessToken"] };
    const asked = await example.rpc("GetAccount", { clientId: "web", token: ofPage, fresh: true }, page);
    // The page has none; there is one of the site's, which is not the page's to use.
    expect(reasonOf(asked)).toBe("CONNECTION_NOT_FOUND");
  });

  it("gives a shell Discord's own token", async () => {
    discord.registerRedirectUri("http://localhost:8976/callback");
    const signedIn = await example.signIn({ clientId: "cli", redirectUri: "http://localhost:8976/callback" });
    expect(signedIn).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_PASSTHROUGH" } });
    const user = await fetch(discord.endpoints.user, { headers: { authorization: `Bearer ${tokensOf(signedIn)["accessToken"]}` } });
    expect(await user.json()).toMatchObject({ id: "80351110224678912", username: "nelly" });
  });

  it("says that its own secret is wrong, and that the code is spent where Discord does not say whose it is", async () => {
    discord.faults.next("user", { kind: "status", status: 503 });
    expect(reasonOf(await example.signIn({ clientId: "web" }, page))).toBe("OUTCOME_UNKNOWN");
    discord.faults.next("token", { kind: "status", status: 401, body: { error: "invalid_client" } });
    expect(reasonOf(await example.signIn({ clientId: "web" }, page))).toBe("UPSTREAM_REJECTED_CLIENT");
  });
});

describe("examples/providers/custom-form.yaml", () => {
  it("signs in, reads the user by the claims that are configured, and renews by a handle", async () => {
    const redirectUris = ["http://localhost:5173/callback"];
    const community = await startFakeDiscord({ clock, redirectUris });
    const { id, secret = "" } = community.client;
    const example = await running("custom-form", community, { COMMUNITY_CLIENT_ID: id, COMMUNITY_CLIENT_SECRET: secret });
    const page = { origin: "http://localhost:5173" };
    const signedIn = await example.signIn({ clientId: "web" }, page);
    expect(signedIn.body["account"]).toMatchObject({ providerUserId: "80351110224678912", displayName: "Nelly", emailVerified: true });
    time.nowMs += 8 * 86_400_000;
    const fresh = await example.rpc("Refresh", { clientId: "web", refreshToken: tokensOf(signedIn)["refreshToken"] }, page);
    expect(fresh).toMatchObject({ status: 200, body: { issuance: "ISSUANCE_PASSTHROUGH" } });
    expect(tokensOf(fresh)["accessToken"]).not.toBe(tokensOf(signedIn)["accessToken"]);
    expect(community.violations).toEqual([]);
  });
});

describe("examples/providers/custom-json.yaml", () => {
  let models: FakeJsonProvider;
  let example: Example;
  beforeEach(async () => {
    models = await startFakeJsonProvider({ clock, redirectUris: ["http://localhost:8976/callback"] });
    example = await running("custom-json", models, { MODELS_CLIENT_ID: environments["custom-json"]["MODELS_CLIENT_ID"] ?? "" });
  });

  it("speaks JSON with the state in the body, and refreshes each single-use token once however many ask", async () => {
    const signedIn = await example.signIn({ clientId: "cli" });
    expect(signedIn.body["account"]).toMatchObject({
      providerUserId: "user_01",
      username: "grace",
      displayName: "Grace",
      emailVerified: true,
    });
    const { connectionId } = signedIn.body;
    time.nowMs += 28_800_000;
    const answers = await Promise.all(Array.from({ length: 8 }, () => example.rpc("Refresh", { connectionId }, asService("worker"))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map((answer) => tokensOf(answer)["accessToken"])).size).toBe(1);
    expect(models.callsTo("token")).toBe(2);
    expect(models.presentedTwice).toEqual([]);
    expect(models.violations).toEqual([]);
  });

  it("hands on the pause that the token endpoint asks for, and has lost nothing by it", async () => {
    const { connectionId } = (await example.signIn({ clientId: "cli" })).body;
    time.nowMs += 28_800_000;
    models.faults.next("token", jsonRateLimit(7));
    const paused = await example.rpc("Refresh", { connectionId }, asService("worker"));
    expect(reasonOf(paused)).toBe("UPSTREAM_RATE_LIMITED");
    time.nowMs += 7_000;
    expect((await example.rpc("Refresh", { connectionId }, asService("worker"))).status).toBe(200);
  });
});
