import { createHash } from "node:crypto";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FakeOpenAi, openAiClientId, openAiError, startFakeOpenAi, usualOpenAiUser, without } from "./fake-openai.ts";

let fake: FakeOpenAi;

beforeAll(async () => {
  fake = await startFakeOpenAi({ redirectUris: ["http://localhost:1/callback"] });
});

afterEach(() => fake.faults.clear());

afterAll(() => fake.close());

const verifier = "v".repeat(64);
const redirectUri = "http://localhost:1455/auth/callback";

function authorizationUrl(changes: Record<string, string | undefined> = {}): string {
  const all = {
    response_type: "code",
    client_id: openAiClientId,
    redirect_uri: redirectUri,
    scope: "openid profile email offline_access",
    state: "st",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    id_token_add_organizations: "true",
    ...changes,
  };
  const query = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${fake.endpoints.authorization}?${new URLSearchParams(query).toString()}`;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(
  url: string,
  body: Record<string, unknown>,
  format: "form" | "json",
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent =
    format === "form"
      ? { headers, body: new URLSearchParams(body as Record<string, string>) }
      : { headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
  const response = await fetch(url, { method: "POST", ...sent });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const codeBody = async (changes: Record<string, string> = {}): Promise<Record<string, string>> => ({
  grant_type: "authorization_code",
  client_id: openAiClientId,
  code: (await fake.login(authorizationUrl())).code,
  redirect_uri: redirectUri,
  code_verifier: verifier,
  ...changes,
});

const refresh = (token: unknown): Promise<Answer> =>
  post(fake.endpoints.token, { grant_type: "refresh_token", client_id: openAiClientId, refresh_token: token }, "json");

const codeOf = ({ body }: Answer): unknown => (body["error"] as Record<string, unknown>)["code"];

describe("a sign-in at the fake OpenAI", () => {
  it.each([redirectUri, "http://localhost:1457/auth/callback", "http://localhost:1/callback"])("comes back to %s", async (uri) => {
    const result = await fake.login(authorizationUrl({ redirect_uri: uri }));
    expect(result).toMatchObject({ redirectUri: uri, state: "st", error: undefined });
    expect((await post(fake.endpoints.token, await codeBody({ code: result.code, redirect_uri: uri }), "form")).status).toBe(200);
  });

  it("brings an access token and an ID token that its published keys verify", async () => {
    const { status, body } = await post(fake.endpoints.token, await codeBody(), "form");
    expect(status).toBe(200);
    const keys = createLocalJWKSet((await (await fetch(fake.endpoints.jwks)).json()) as JSONWebKeySet);
    const idToken = await jwtVerify(String(body["id_token"]), keys, {
      issuer: fake.issuer,
      audience: openAiClientId,
      algorithms: ["RS256"],
    });
    const { id, email, name, accountId } = usualOpenAiUser;
    expect(idToken.payload).toMatchObject({ sub: id, email, email_verified: true, name });
    expect(idToken.payload["https://api.openai.com/auth"]).toMatchObject({ chatgpt_account_id: accountId });
    const access = await jwtVerify(String(body["access_token"]), keys, { issuer: fake.issuer, audience: "https://api.openai.com/v1" });
    expect(access.payload).toMatchObject({ sub: id, client_id: openAiClientId });
    expect(fake.issued).toEqual(expect.arrayContaining([body["id_token"], body["access_token"], body["refresh_token"]]));
    expect(fake.violations).toEqual([]);
  });

  it("brings no refresh token without offline_access, and no ID token without openid", async () => {
    const { code } = await fake.login(authorizationUrl({ scope: "email" }));
    const { body } = await post(fake.endpoints.token, await codeBody({ code }), "form");
    expect(body).not.toHaveProperty("refresh_token");
    expect(body).not.toHaveProperty("id_token");
  });
});

describe("at its authorization endpoint the fake OpenAI", () => {
  it.each([
    ["a port that is not registered", "http://localhost:1456/auth/callback"],
    ["another spelling of loopback", "http://127.0.0.1:1455/auth/callback"],
  ])("sends nobody to %s", async (_name, uri) => {
    await expect(fake.login(authorizationUrl({ redirect_uri: uri }))).rejects.toThrow("redirect_uri is not registered");
  });

  it("sends users to one more address once that is registered", async () => {
    const uri = "http://127.0.0.1:54321/callback";
    await expect(fake.login(authorizationUrl({ redirect_uri: uri }))).rejects.toThrow("redirect_uri is not registered");
    fake.registerRedirectUri(uri);
    expect((await fake.login(authorizationUrl({ redirect_uri: uri }))).code).not.toBe("");
  });

  it.each([
    ["no challenge", { code_challenge: undefined, code_challenge_method: undefined }, "missing parameter code_challenge"],
    ["the challenge method plain", { code_challenge_method: "plain" }, "code_challenge_method is not S256"],
    ["no state", { state: undefined }, "missing parameter state"],
    ["an unknown extra", { audience: "x" }, "unknown parameter audience"],
  ])("refuses a request with %s", async (_name, changes, violation) => {
    const before = fake.violations.length;
    expect(await fake.login(authorizationUrl(changes))).toMatchObject({ code: "", error: "invalid_request" });
    expect(fake.violations.slice(before)).toContain(`authorization: ${violation}`);
  });
});

describe("at its token endpoint the fake OpenAI", () => {
  it("refuses a code that comes as JSON, and it stays good", async () => {
    const body = await codeBody();
    const before = fake.violations.length;
    expect((await post(fake.endpoints.token, body, "json")).status).toBe(400);
    expect(fake.violations.slice(before)).toEqual(["content-type application/json"]);
    expect((await post(fake.endpoints.token, body, "form")).status).toBe(200);
  });

  it("refuses a refresh that comes as a form, and its token stays good", async () => {
    const { refresh_token: token } = await fake.connect("auth0|ada");
    const body = { grant_type: "refresh_token", client_id: openAiClientId, refresh_token: token };
    expect((await post(fake.endpoints.token, body, "form")).status).toBe(400);
    expect((await refresh(token)).status).toBe(200);
    expect(fake.presentedTwice).toEqual([]);
  });

  it.each([
    ["a client secret", { client_secret: "x" }, {}, "unknown parameter client_secret"],
    ["an authorization header", {}, { authorization: "Basic eDp5" }, "an authorization header"],
    ["state", { state: "st" }, {}, "unknown parameter state"],
  ])("objects to %s", async (_name, changes, headers, violation) => {
    const before = fake.violations.length;
    expect((await post(fake.endpoints.token, await codeBody(changes), "form", headers)).status).toBe(400);
    expect(fake.violations.slice(before)).toContain(violation);
  });

  it("objects to a member that is written twice", async () => {
    const before = fake.violations.length;
    const body = `{"grant_type":"refresh_token","client_id":"${openAiClientId}","refresh_token":"a","refresh_token":"b"}`;
    const response = await fetch(fake.endpoints.token, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect(response.status).toBe(400);
    expect(fake.violations.slice(before)).toEqual(["repeated parameter refresh_token"]);
  });

  it("refuses a verifier that does not fit, and the code is spent", async () => {
    const body = await codeBody();
    expect((await post(fake.endpoints.token, { ...body, code_verifier: "w".repeat(64) }, "form")).status).toBe(400);
    expect((await post(fake.endpoints.token, body, "form")).status).toBe(400);
  });
});

describe("a refresh token of the fake OpenAI", () => {
  it("is good once, and its reuse is told apart from an unknown, an expired and a revoked one", async () => {
    const { refresh_token: token } = await fake.connect("auth0|ada");
    expect((await refresh(token)).status).toBe(200);
    expect(codeOf(await refresh(token))).toBe("refresh_token_reused");
    expect(codeOf(await refresh("never-made"))).toBe("token_expired");
    const { refresh_token: other } = await fake.connect("auth0|ada");
    const revocation = { client_id: openAiClientId, token: other, token_type_hint: "refresh_token" };
    expect((await post(fake.endpoints.revocation, revocation, "form")).status).toBe(400);
    expect((await post(fake.endpoints.revocation, revocation, "json")).status).toBe(200);
    expect(codeOf(await refresh(other))).toBe("refresh_token_invalidated");
  });

  it("expires where a lifetime was given", async () => {
    let now = 0;
    const short = await startFakeOpenAi({ times: { refreshMs: 1_000 }, clock: () => now });
    const { refresh_token: token } = await short.connect("auth0|ada");
    now = 1_000;
    const body = { grant_type: "refresh_token", client_id: openAiClientId, refresh_token: token };
    const answer = await post(short.endpoints.token, body, "json");
    expect([answer.status, codeOf(answer)]).toEqual([401, "refresh_token_expired"]);
    await short.close();
  });

  it.each(["access_token", "id_token"] as const)("is renewed by an answer without %s", async (left) => {
    const { refresh_token: token } = await fake.connect("auth0|ada");
    fake.faults.next("token", without(left));
    const { status, body } = await refresh(token);
    expect(status).toBe(200);
    expect(Object.keys(body)).not.toContain(left);
    expect((await refresh(body["refresh_token"])).status).toBe(200);
  });

  it("stays good where the answer brings no successor", async () => {
    const { refresh_token: token } = await fake.connect("auth0|ada");
    const before = fake.presentedTwice.length;
    fake.faults.next("token", without("refresh_token"));
    expect((await refresh(token)).body).not.toHaveProperty("refresh_token");
    expect((await refresh(token)).status).toBe(200);
    expect(fake.presentedTwice.slice(before)).toEqual([]);
  });

  it.each([
    ["object", { error: { code: "refresh_token_expired", type: "invalid_request_error" } }],
    ["string", { error: "refresh_token_expired" }],
  ] as const)("is refused with an error that is a %s", async (shape, body) => {
    fake.faults.next("token", openAiError("refresh_token_expired", shape));
    expect(await refresh("x")).toMatchObject({ status: 401, body });
  });
});
