import { createHash } from "node:crypto";
import { type IncomingMessage, request } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { discordRateLimit, type FakeDiscord, startFakeDiscord, usualDiscordUser } from "./fake-discord.ts";

let fake: FakeDiscord;
let now = 1_800_000_000_000;

beforeAll(async () => {
  fake = await startFakeDiscord({ redirectUris: ["https://app.example/callback"], clock: () => now });
});

afterEach(() => fake.faults.clear());

afterAll(() => fake.close());

const redirectUri = "https://app.example/callback";

function authorizationUrl(changes: Record<string, string> = {}): string {
  const query = { response_type: "code", client_id: fake.client.id, redirect_uri: redirectUri, scope: "identify email", state: "st" };
  return `${fake.endpoints.authorization}?${new URLSearchParams({ ...query, ...changes }).toString()}`;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(url: string, form: Record<string, string> | string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { method: "POST", headers, body: typeof form === "string" ? form : new URLSearchParams(form) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const credentials = (): Record<string, string> => ({ client_id: fake.client.id, client_secret: fake.client.secret ?? "" });

const codeForm = async (changes: Record<string, string> = {}): Promise<Record<string, string>> => ({
  ...credentials(),
  grant_type: "authorization_code",
  code: (await fake.login(authorizationUrl())).code,
  redirect_uri: redirectUri,
  ...changes,
});

const refreshForm = (refreshToken: unknown): Record<string, string> => ({
  ...credentials(),
  grant_type: "refresh_token",
  refresh_token: String(refreshToken),
});

async function signedIn(): Promise<Record<string, unknown>> {
  return (await post(fake.endpoints.token, await codeForm())).body;
}

async function me(token: unknown): Promise<Answer> {
  const response = await fetch(fake.endpoints.user, { headers: { authorization: `Bearer ${String(token)}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("a sign-in at the fake Discord", () => {
  it("leads from the consent page to tokens and to the user", async () => {
    const { code, state } = await fake.login(authorizationUrl());
    expect(state).toBe("st");
    const { status, body } = await post(fake.endpoints.token, { ...(await codeForm()), code });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 604_800, scope: "identify email" });
    expect(await me(body["access_token"])).toMatchObject({ status: 200, body: { ...usualDiscordUser, discriminator: "0" } });
    expect(fake.issued).toEqual(expect.arrayContaining([code, body["access_token"], body["refresh_token"]]));
    expect(fake.violations).toEqual([]);
  });

  it("takes the client by Basic as well", async () => {
    const { client_id: _id, client_secret: _secret, ...form } = await codeForm();
    const encoded = [fake.client.id, fake.client.secret ?? ""].map(encodeURIComponent).join(":");
    const authorization = `Basic ${Buffer.from(encoded).toString("base64")}`;
    expect((await post(fake.endpoints.token, form, { authorization })).status).toBe(200);
  });

  it("shows no e-mail address to whom only identify was granted, nor in the scope", async () => {
    const { code } = await fake.login(authorizationUrl(), { scopes: ["identify"] });
    const { body } = await post(fake.endpoints.token, { ...(await codeForm()), code });
    expect(body["scope"]).toBe("identify");
    expect((await me(body["access_token"])).body).not.toHaveProperty("email");
  });

  it("sends a user who cancels back with access_denied", async () => {
    expect(await fake.login(authorizationUrl(), { decision: "cancel" })).toMatchObject({ code: "", state: "st", error: "access_denied" });
  });

  it("shows no page again to a user who agreed before, with prompt=none", async () => {
    await fake.login(authorizationUrl());
    const response = await fetch(authorizationUrl({ prompt: "none" }), { redirect: "manual" });
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toMatch(/^https:\/\/app\.example\/callback\?code=/);
  });

  it("is another user's where another one answers, or sits there", async () => {
    fake.signedIn("1");
    const { code } = await fake.login(authorizationUrl());
    const { code: usual } = await fake.login(authorizationUrl(), { user: usualDiscordUser.id });
    fake.signedIn(usualDiscordUser.id);
    const own = await post(fake.endpoints.token, { ...(await codeForm()), code: usual });
    expect((await me(own.body["access_token"])).body).toMatchObject({ id: usualDiscordUser.id });
    const { body } = await post(fake.endpoints.token, { ...(await codeForm()), code });
    expect((await me(body["access_token"])).body).toMatchObject({ id: "1", username: "user-1" });
  });
});

describe("at its authorization endpoint the fake Discord", () => {
  it.each([
    ["a redirect URI that differs in one byte", { redirect_uri: "https://app.example/callback/" }, "redirect_uri is not registered"],
    ["an unknown client", { client_id: "1" }, "unknown client"],
  ])("shows a page and sends nobody anywhere for %s", async (_name, changes, why) => {
    const before = fake.violations.length;
    await expect(fake.login(authorizationUrl(changes))).rejects.toThrow(why);
    expect(fake.violations.slice(before)).toEqual([`authorization: ${why}`]);
  });

  it.each([
    ["an unknown scope", { scope: "identify guilds" }, "invalid_scope", "scope guilds is unknown"],
    ["an unknown parameter", { nonce: "n" }, "invalid_request", "unknown parameter nonce"],
    ["half of a PKCE challenge", { code_challenge: "c".repeat(43) }, "invalid_request", "half of a PKCE challenge"],
    ["another response type", { response_type: "token" }, "invalid_request", "response_type is not code"],
  ])("sends the user back with an error for %s", async (_name, changes, error, violation) => {
    const before = fake.violations.length;
    expect(await fake.login(authorizationUrl(changes))).toMatchObject({ code: "", error });
    expect(fake.violations.slice(before)).toEqual([`authorization: ${violation}`]);
  });
});

describe("at its token endpoint the fake Discord", () => {
  it.each([
    [
      "JSON",
      () => [JSON.stringify({ grant_type: "refresh_token" }), { "content-type": "application/json" }],
      "content-type application/json",
    ],
    ["an unknown parameter", () => [{ ...refreshForm("x"), scope: "identify" }], "unknown parameter scope"],
    [
      "a repeated parameter",
      () => [`${new URLSearchParams(refreshForm("x")).toString()}&refresh_token=y`, urlencoded],
      "repeated parameter refresh_token",
    ],
    ["a missing parameter", () => [{ ...credentials(), grant_type: "refresh_token" }], "missing parameter refresh_token"],
    ["an answer in another format", () => [refreshForm("x"), { accept: "text/html" }], "does not accept JSON"],
    [
      "two client authentications",
      () => [refreshForm("x"), { authorization: `Basic ${Buffer.from("a:b").toString("base64")}` }],
      "two client authentications",
    ],
  ] as readonly [string, () => [Record<string, string> | string, Record<string, string>?], string][])(
    "objects to %s",
    async (_name, made, violation) => {
      const before = fake.violations.length;
      const [form, headers] = made();
      const { status, body } = await post(fake.endpoints.token, form, headers);
      expect([status, body["error"]]).toEqual([400, "invalid_request"]);
      expect(fake.violations.slice(before)).toContain(violation);
    },
  );

  it.each([
    ["a wrong secret", { client_secret: "wrong" }],
    ["another client", { client_id: "1" }],
  ])("refuses a client with %s, and its code stays good", async (_name, changes) => {
    const form = await codeForm();
    expect(await post(fake.endpoints.token, { ...form, ...changes })).toEqual({ status: 401, body: { error: "invalid_client" } });
    expect((await post(fake.endpoints.token, form)).status).toBe(200);
  });

  it("refuses a code the second time, and what it brought stays good", async () => {
    const form = await codeForm();
    const { body } = await post(fake.endpoints.token, form);
    expect(await post(fake.endpoints.token, form)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    expect((await me(body["access_token"])).status).toBe(200);
  });

  it("refuses a code after 100 seconds", async () => {
    const late = await codeForm();
    now += 100_000;
    expect(await post(fake.endpoints.token, late)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  it("refuses a code with the redirect URI of another request", async () => {
    const form = await codeForm({ redirect_uri: "https://app.example/other" });
    expect(await post(fake.endpoints.token, form)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  it("wants the verifier where a challenge was sent, and none where none was", async () => {
    const verifier = "v".repeat(43);
    const challenge = { code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" };
    const { code } = await fake.login(authorizationUrl(challenge));
    expect((await post(fake.endpoints.token, await codeForm({ code, code_verifier: verifier }))).status).toBe(200);
    const { code: second } = await fake.login(authorizationUrl(challenge));
    expect((await post(fake.endpoints.token, await codeForm({ code: second }))).status).toBe(400);
    expect((await post(fake.endpoints.token, await codeForm({ code_verifier: verifier }))).status).toBe(400);
  });

  it("rotates with every refresh: the old token is dead, and its second presentation is noted", async () => {
    const first = await signedIn();
    const before = fake.presentedTwice.length;
    const second = await post(fake.endpoints.token, refreshForm(first["refresh_token"]));
    expect(second.status).toBe(200);
    expect(second.body["refresh_token"]).not.toBe(first["refresh_token"]);
    expect(await post(fake.endpoints.token, refreshForm(first["refresh_token"]))).toEqual({
      status: 400,
      body: { error: "invalid_grant" },
    });
    expect(fake.presentedTwice.slice(before)).toEqual([first["refresh_token"]]);
    expect((await post(fake.endpoints.token, refreshForm(second.body["refresh_token"]))).status).toBe(200);
  });

  it("lets nobody pass who sends no user-agent", async () => {
    const before = fake.violations.length;
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
    request(fake.endpoints.user, { headers: { authorization: "Bearer x" } }, resolve).end();
    const response = await promise;
    expect([response.statusCode, response.headers["content-type"]]).toEqual([403, "text/html; charset=utf-8"]);
    expect(fake.violations.slice(before)).toEqual(["no user-agent"]);
    response.destroy();
  });

  it("says in its body how long a caller has to wait, in fractions of seconds", async () => {
    fake.faults.next("token", discordRateLimit(1.25, true));
    const response = await fetch(fake.endpoints.token, { method: "POST", body: new URLSearchParams(refreshForm("x")) });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "2"]);
    expect(await response.json()).toEqual({ message: "You are being rate limited.", retry_after: 1.25, global: true });
  });
});

const urlencoded = { "content-type": "application/x-www-form-urlencoded" };

describe("what was granted at the fake Discord", () => {
  it.each(["access_token", "refresh_token"])("ends as a whole when its %s is revoked", async (which) => {
    const tokens = await signedIn();
    const { body: renewed } = await post(fake.endpoints.token, refreshForm(tokens["refresh_token"]));
    const revocation = { ...credentials(), token: String(tokens[which]), token_type_hint: which };
    expect(await post(fake.endpoints.revocation, revocation)).toEqual({ status: 200, body: {} });
    expect(fake.revoked.at(-1)).toBe(tokens[which]);
    expect((await post(fake.endpoints.token, refreshForm(renewed["refresh_token"]))).status).toBe(400);
    expect(await me(renewed["access_token"])).toEqual({ status: 401, body: { message: "401: Unauthorized", code: 0 } });
  });

  it("ends when the user takes it back", async () => {
    const tokens = await fake.connect("2");
    fake.end("2");
    expect((await me(tokens["access_token"])).status).toBe(401);
  });

  it("is over for an access token after a week", async () => {
    const tokens = await signedIn();
    now += 604_800_000;
    expect((await me(tokens["access_token"])).status).toBe(401);
  });
});

describe("an address that draws refusals from the fake Discord", () => {
  it("is banned from the threshold on, gets a page instead of JSON, and is free again ten minutes later", async () => {
    let time = 0;
    const strict = await startFakeDiscord({ banAfter: 3, clock: () => time });
    const ask = (token: string): Promise<Response> => fetch(strict.endpoints.user, { headers: { authorization: `Bearer ${token}` } });
    const { access_token: good } = await strict.connect("1");
    await ask("wrong");
    await ask("wrong");
    strict.faults.next("user", discordRateLimit(0.5));
    expect(strict.banned()).toBe(false);
    expect((await ask(String(good))).status).toBe(429);
    expect(strict.banned()).toBe(true);
    const answer = await ask(String(good));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([429, "text/html; charset=utf-8"]);
    time += 600_000;
    expect([(await ask(String(good))).status, strict.badAnswers()]).toEqual([200, 0]);
    await strict.close();
  });
});
