import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeJsonProvider, jsonRateLimit, startFakeJsonProvider } from "./fake-json-provider.ts";

let fake: FakeJsonProvider;

beforeAll(async () => {
  fake = await startFakeJsonProvider();
});

afterEach(() => fake.faults.clear());

afterAll(() => fake.close());

const verifier = "v".repeat(43);
const redirectUri = "https://app.example/callback";

async function newCode(state = "st"): Promise<string> {
  const query = new URLSearchParams({
    response_type: "code",
    client_id: fake.client.id,
    redirect_uri: redirectUri,
    scope: "user:profile",
    state,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  return (await fake.login(`${fake.endpoints.authorization}?${query.toString()}`)).code;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const codeBody = async (changes: Record<string, unknown> = {}): Promise<string> =>
  JSON.stringify({
    grant_type: "authorization_code",
    client_id: "json-client",
    code: await newCode(),
    redirect_uri: redirectUri,
    code_verifier: verifier,
    state: "st",
    ...changes,
  });

const refreshBody = (token: unknown): string =>
  JSON.stringify({ grant_type: "refresh_token", client_id: "json-client", refresh_token: token });

describe("the fake provider that takes JSON only", () => {
  it("leads from the consent page to opaque tokens and to the user", async () => {
    const { status, body } = await post(fake.endpoints.token, await codeBody());
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 28_800, scope: "user:profile" });
    const response = await fetch(fake.endpoints.user, { headers: { authorization: `Bearer ${String(body["access_token"])}` } });
    expect(await response.json()).toMatchObject({ account: { id: "user_01", display: { name: "Grace" } }, contact: { verified: true } });
    expect(fake.violations).toEqual([]);
  });

  it("refuses a form", async () => {
    const before = fake.violations.length;
    const body = new URLSearchParams(JSON.parse(await codeBody()) as Record<string, string>).toString();
    expect((await post(fake.endpoints.token, body, { "content-type": "application/x-www-form-urlencoded" })).status).toBe(400);
    expect(fake.violations.slice(before)).toEqual(["content-type application/x-www-form-urlencoded"]);
  });

  it.each([
    ["without state", { state: undefined }, "missing parameter state"],
    ["with the state of another authorization", { state: "other" }, "state of another authorization"],
    ["with a member that is no string", { state: 1 }, "parameter state is no string"],
    ["with an empty member", { code_verifier: "" }, "empty parameter code_verifier"],
    ["with a secret, being public", { client_secret: "x" }, "unknown parameter client_secret"],
  ])("refuses a code %s", async (_name, changes, violation) => {
    const before = fake.violations.length;
    expect((await post(fake.endpoints.token, await codeBody(changes))).status).toBe(400);
    expect(fake.violations.slice(before)).toContain(violation);
  });

  it.each(["[]", '"text"', "{", ""])("refuses a body that is no JSON object: %s", async (body) => {
    expect((await post(fake.endpoints.token, body)).status).toBe(400);
  });

  it("takes a refresh token once", async () => {
    const { refresh_token: token } = await fake.connect("user_01");
    expect((await post(fake.endpoints.token, refreshBody(token))).status).toBe(200);
    expect(await post(fake.endpoints.token, refreshBody(token))).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    expect(fake.presentedTwice).toEqual([token]);
  });

  it("says at the token endpoint how long to wait, and the token that came stays good and unpresented", async () => {
    const { refresh_token: token } = await fake.connect("user_01");
    const before = fake.presentedTwice.length;
    fake.faults.next("token", jsonRateLimit(7));
    const response = await fetch(fake.endpoints.token, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: refreshBody(token),
    });
    await response.text();
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect((await post(fake.endpoints.token, refreshBody(token))).status).toBe(200);
    expect(fake.presentedTwice.slice(before)).toEqual([]);
  });

  it("wants the secret in the body where it has one, leaves token_type out where it is told to, and needs no PKCE then", async () => {
    const other = await startFakeJsonProvider({ secret: "s3cret", tokenType: false, pkce: "optional" });
    const query = { response_type: "code", client_id: "json-client", redirect_uri: redirectUri, scope: "user:profile", state: "st" };
    const newBody = async (secret: string): Promise<string> => {
      const { code } = await other.login(`${other.endpoints.authorization}?${new URLSearchParams(query).toString()}`);
      return codeBody({ code, client_secret: secret, code_verifier: undefined });
    };
    const { status, body } = await post(other.endpoints.token, await newBody("s3cret"));
    expect([status, "token_type" in body]).toEqual([200, false]);
    expect(await post(other.endpoints.token, await newBody("wrong"))).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    await other.close();
  });

  it("answers a bad bearer token at the user endpoint with 401", async () => {
    expect((await fetch(fake.endpoints.user, { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
  });
});
