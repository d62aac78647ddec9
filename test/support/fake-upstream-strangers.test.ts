import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeDiscord, startFakeDiscord } from "./fake-discord.ts";

const redirectUri = "https://app.example/callback";
const own = { id: "1", secret: "one", redirectUris: [redirectUri] };
const stranger = { id: "2", secret: "two", redirectUris: [redirectUri] };

let fake: FakeDiscord;

beforeAll(async () => {
  fake = await startFakeDiscord({ clients: [own, stranger] });
});

afterAll(() => fake.close());

const authorizationUrl = (): string => {
  const query = { response_type: "code", client_id: own.id, redirect_uri: redirectUri, scope: "identify" };
  return `${fake.endpoints.authorization}?${new URLSearchParams(query).toString()}`;
};

async function post(url: string, client: typeof own, form: Record<string, string>, headers: Record<string, string> = {}): Promise<number> {
  const body = new URLSearchParams({ client_id: client.id, client_secret: client.secret, ...form });
  const response = await fetch(url, { method: "POST", body, headers });
  await response.text();
  return response.status;
}

describe("a stranger who is a client too", () => {
  it("gets nothing for a code that was another's, which is spent then", async () => {
    const { code } = await fake.login(authorizationUrl());
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri };
    expect(await post(fake.endpoints.token, stranger, form)).toBe(400);
    expect(fake.violations).toContain("another client's code");
    expect(await post(fake.endpoints.token, own, form)).toBe(400);
  });

  it("gets nothing for another's refresh token, which stays good", async () => {
    const form = { grant_type: "refresh_token", refresh_token: String((await fake.connect("7"))["refresh_token"]) };
    expect(await post(fake.endpoints.token, stranger, form)).toBe(400);
    expect(await post(fake.endpoints.token, own, form)).toBe(200);
  });

  it("cannot end what was granted to another, and is not told so", async () => {
    const { access_token: token, refresh_token: refreshToken } = await fake.connect("7");
    expect(await post(fake.endpoints.revocation, stranger, { token: String(token) })).toBe(200);
    expect(await post(fake.endpoints.token, own, { grant_type: "refresh_token", refresh_token: String(refreshToken) })).toBe(200);
  });

  it("cannot name another in the form than in the header", async () => {
    const form = { client_id: stranger.id, grant_type: "refresh_token", refresh_token: "x" };
    const response = await fetch(fake.endpoints.token, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { authorization: `Basic ${Buffer.from("1:one").toString("base64")}` },
    });
    expect([response.status, await response.json()]).toEqual([401, { error: "invalid_client" }]);
  });
});

/** What sends the consent page's form, with these fields over what it shows. */
async function answerOf(changes: Record<string, string>): Promise<() => Promise<Response>> {
  const html = await (await fetch(authorizationUrl())).text();
  const shown = (name: string): string => new RegExp(`name="${name}" value="([^"]+)"`).exec(html)?.[1] ?? "";
  const form = { request: shown("request"), user: shown("user"), scope: shown("scope"), decision: "authorize", ...changes };
  return () => fetch(fake.endpoints.authorization, { method: "POST", body: new URLSearchParams(form), redirect: "manual" });
}

describe("an answer to the consent page", () => {
  it("is taken once", async () => {
    const send = await answerOf({});
    expect([(await send()).status, (await send()).status]).toEqual([302, 400]);
  });

  it("is refused from a user whom the provider does not know", async () => {
    const send = await answerOf({ user: "nobody" });
    expect((await send()).status).toBe(400);
  });

  it("grants nothing that was not asked for", async () => {
    const send = await answerOf({ scope: "email" });
    const code = new URL((await send()).headers.get("location") ?? "").searchParams.get("code") ?? "";
    const form = { client_id: own.id, client_secret: own.secret, grant_type: "authorization_code", code, redirect_uri: redirectUri };
    const response = await fetch(fake.endpoints.token, { method: "POST", body: new URLSearchParams(form) });
    expect(await response.json()).toMatchObject({ scope: "" });
  });
});

it.each([
  ["parameters in the address", { method: "POST" }, "?grant_type=refresh_token", "parameters in the address"],
  ["another method", { method: "PUT" }, "", "method PUT"],
])("a token endpoint objects to %s", async (_name, sent, query, violation) => {
  const form = { client_id: own.id, client_secret: own.secret, grant_type: "refresh_token", refresh_token: "x" };
  const response = await fetch(fake.endpoints.token + query, { body: new URLSearchParams(form), ...sent });
  expect([response.status, await response.json()]).toMatchObject([400, { error: "invalid_request" }]);
  expect(fake.violations).toContain(violation);
});
