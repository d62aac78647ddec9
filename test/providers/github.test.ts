import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { codeGrant, configuredRig, failureOf, signInStart } from "../support/configured-provider.ts";
import type { Rig } from "../support/provider-rig.ts";

const user = { id: 583231, login: "octocat", name: "The Octocat", email: null, avatar_url: "https://avatars.example/u/583231?v=4" };

let server: Server;
let rig: Rig;
let prepared: PreparedProvider;
/** What each address answers now. */
let answers: Record<string, { readonly status?: number; readonly text: string; readonly headers?: Record<string, string> }>;
let asked: { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly body: URLSearchParams }[];

beforeEach(async () => {
  asked = [];
  answers = { "/user": { text: JSON.stringify(user) } };
  server = createServer((request, response) => {
    const path = request.url ?? "";
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      asked.push({ path, headers: request.headers, body: new URLSearchParams(Buffer.concat(chunks).toString()) });
      // As GitHub does: without an agent nothing is answered, and without Accept there is a form.
      const { headers } = request;
      const refused = headers["user-agent"] === undefined;
      const json = headers.accept?.includes("application/json") === true;
      const { status = 200, text = "{}", headers: more = {} } = answers[path] ?? {};
      const type = json ? "application/json; charset=utf-8" : "application/x-www-form-urlencoded";
      response.writeHead(refused ? 403 : status, { "content-type": type, ...more }).end(text);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const endpoints = { authorization: `${at}/authorize`, token: `${at}/token`, user: `${at}/user` };
  rig = configuredRig({ kind: "github", client: { id: "Iv1.x", secret: "gh-s3cret" }, endpoints });
  prepared = await rig.provider.prepare(AbortSignal.timeout(5_000));
});

afterEach(async () => {
  await rig.close();
  await new Promise((resolve) => void server.close(resolve));
});

const answerTokens = (answer: object) => {
  answers["/token"] = { text: JSON.stringify(answer) };
};
const read = (token = new Secret("gho_x")) => {
  if (prepared.readUser === undefined) throw new Error("there is no user endpoint");
  return prepared.readUser(token, AbortSignal.timeout(5_000));
};

describe("a sign-in at GitHub", () => {
  it("sends users to the real address, and has nobody revoke there", async () => {
    const real = configuredRig({ kind: "github", client: { id: "Iv1.x", secret: "s" } });
    const at = await real.provider.prepare(AbortSignal.timeout(5_000));
    const url = new URL(at.authorizationUrl(signInStart({ scopes: ["read:user"] })));
    expect(url.origin + url.pathname).toBe("https://github.com/login/oauth/authorize");
    expect(at.revoke).toBeUndefined();
    await real.close();
  });

  it("of an OAuth app gives a token that never expires, with scopes that have commas between them", async () => {
    answerTokens({ access_token: "gho_x", token_type: "bearer", scope: "read:user,repo,gist" });
    expect(await prepared.redeemCode(codeGrant("c"))).toMatchObject({
      tokenType: "Bearer",
      scopes: ["read:user", "repo", "gist"],
      expiresAtMs: undefined,
      refreshToken: undefined,
      issuer: "https://github.com/login/oauth",
    });
    const [request] = asked;
    expect(Object.fromEntries(request?.body ?? [])).toMatchObject({ client_id: "Iv1.x", client_secret: "gh-s3cret", code: "c" });
    expect(request?.headers.authorization).toBeUndefined();
  });

  it("of a GitHub app gives one that does, and a refresh token", async () => {
    const more = { expires_in: 28_800, refresh_token: "ghr_x", refresh_token_expires_in: 15_897_600, scope: "" };
    answerTokens({ access_token: "ghu_x", token_type: "bearer", ...more });
    const tokens = await prepared.redeemCode(codeGrant("c"));
    expect(tokens).toMatchObject({ expiresAtMs: rig.time.nowMs + 28_800_000, scopes: [] });
    expect(tokens.refreshToken?.reveal()).toBe("ghr_x");
  });

  it.each([
    ["bad_verification_code", "GRANT_INVALID"],
    ["unverified_user_email", "GRANT_INVALID"],
    ["redirect_uri_mismatch", "GRANT_INVALID"],
    ["incorrect_client_credentials", "UPSTREAM_REJECTED_CLIENT"],
  ])("that is refused by a 200 with %s is a failure", async (error, reason) => {
    answerTokens({ error, error_description: "canary" });
    const failure = await failureOf(prepared.redeemCode(codeGrant("c")));
    expect(failure.reason).toBe(reason);
    expect(JSON.stringify(failure.cause)).not.toContain("canary");
  });

  it.each([
    ["bad_refresh_token", "REAUTHENTICATION_REQUIRED"],
    ["incorrect_client_credentials", "UPSTREAM_REJECTED_CLIENT"],
    ["something_else", "UPSTREAM_INVALID_RESPONSE"],
  ])("cannot be refreshed after %s", async (error, reason) => {
    answerTokens({ error });
    expect((await failureOf(prepared.refresh(new Secret("ghr_x"), { scopes: [] }))).reason).toBe(reason);
  });
});

describe("the user behind a token of GitHub's", () => {
  it("has a number for an id, here in decimal digits", async () => {
    expect(await read()).toEqual({
      providerUserId: "583231",
      username: "octocat",
      displayName: "The Octocat",
      email: "",
      emailVerified: false,
      avatarUrl: "https://avatars.example/u/583231?v=4",
    });
    expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer gho_x", accept: "application/json", "user-agent": "cambio" });
  });

  it("without a name of his own goes by his login, and nobody vouches for the address that he shows", async () => {
    answers["/user"] = { text: JSON.stringify({ ...user, name: null, email: "o@example.com" }) };
    expect(await read()).toMatchObject({ displayName: "octocat", email: "o@example.com", emailVerified: false });
  });

  it.each([
    ["beyond 2^53, where a neighbour's looks the same", "9007199254740993"],
    ["with an exponent that goes beyond", "1e300"],
    ["with a fraction", "1.5"],
    ["of nobody", "0"],
    ["below nobody", "-7"],
    ["in a text", '"583231"'],
    ["that is null", "null"],
  ])("is nobody with an id %s", async (_name, id) => {
    answers["/user"] = { text: `{"id":${id},"login":"octocat"}` };
    expect((await failureOf(read())).reason).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it("is not known while GitHub wants fewer questions, which it also says with 403", async () => {
    answers["/user"] = { status: 403, text: "{}", headers: { "retry-after": "60" } };
    expect(await failureOf(read())).toMatchObject({ reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 60_000 });
  });
});
