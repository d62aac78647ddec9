import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { codeChallenge, codeGrant, configuredRig, failureOf, signInStart } from "../support/configured-provider.ts";
import { type FakeOpenAi, openAiClientId, openAiError, startFakeOpenAi, usualOpenAiUser, without } from "../support/fake-openai.ts";
import type { UpstreamFault } from "../support/fake-upstream-server.ts";
import type { Rig } from "../support/provider-rig.ts";

const redirectUri = "http://localhost:1455/auth/callback";
const scopes = ["openid", "profile", "email", "offline_access"];

let fake: FakeOpenAi;
let rig: Rig;
let prepared: PreparedProvider;

beforeEach(async () => {
  fake = await startFakeOpenAi();
  rig = configuredRig({ kind: "openai", issuer: fake.issuer, client: { id: openAiClientId }, endpoints: fake.endpoints }, { openid: true });
  prepared = await rig.provider.prepare(AbortSignal.timeout(5_000));
});

afterEach(async () => {
  await rig.close();
  await fake.close();
});

async function signIn(): Promise<TokenSet & { readonly refreshToken: Secret }> {
  const { code } = await fake.login(prepared.authorizationUrl(signInStart({ redirectUri, scopes })));
  const tokens = await prepared.redeemCode(codeGrant(code, { redirectUri }));
  return { ...tokens, refreshToken: tokens.refreshToken ?? new Secret("none came") };
}

async function redeemMeeting(fault: UpstreamFault): Promise<TokenSet> {
  const { code } = await fake.login(prepared.authorizationUrl(signInStart({ redirectUri, scopes })));
  fake.faults.next("token", fault);
  return prepared.redeemCode(codeGrant(code, { redirectUri }));
}

describe("the address that OpenAI's users are sent to", () => {
  const urlOf = async (more: Readonly<Record<string, unknown>> = {}) => {
    const real = configuredRig({ kind: "openai", client: { id: openAiClientId }, ...more });
    try {
      const start = signInStart({ redirectUri, scopes });
      return new URL((await real.provider.prepare(AbortSignal.timeout(5_000))).authorizationUrl(start));
    } finally {
      await real.close();
    }
  };
  const parameters = {
    response_type: "code",
    client_id: openAiClientId,
    redirect_uri: redirectUri,
    scope: "openid profile email offline_access",
    state: "state-of-this-sign-in",
    code_challenge: codeChallenge,
    code_challenge_method: "S256",
  };

  it("is the real one, with exactly the parameters of the flow, and nobody was asked for it", async () => {
    const url = await urlOf();
    expect(url.origin + url.pathname).toBe("https://auth.openai.com/oauth/authorize");
    expect(Object.fromEntries(url.searchParams)).toEqual(parameters);
    expect([...url.searchParams]).toHaveLength(7);
  });

  it("has what configuration adds, and nothing in place of what this service says", async () => {
    const url = await urlOf({ authorization_parameters: { id_token_add_organizations: "true", codex_cli_simplified_flow: "true" } });
    expect(Object.fromEntries(url.searchParams)).toEqual({
      ...parameters,
      id_token_add_organizations: "true",
      codex_cli_simplified_flow: "true",
    });
  });
});

describe("a sign-in", () => {
  it("says whose it is by the ID token, which was verified, and neither nonce nor secret was sent", async () => {
    const tokens = await signIn();
    expect(tokens).toMatchObject({ subject: usualOpenAiUser.id, issuer: fake.issuer, scopes });
    expect(tokens.user).toEqual({
      providerUserId: usualOpenAiUser.id,
      username: "",
      displayName: usualOpenAiUser.name,
      email: usualOpenAiUser.email,
      emailVerified: true,
      avatarUrl: "",
    });
    expect(prepared.readUser).toBeUndefined();
    expect(fake.violations).toEqual([]);
  });

  it("with an ID token of another issuer is nobody's", async () => {
    const stranger = await startFakeOpenAi();
    const { id_token } = await stranger.connect(usualOpenAiUser.id);
    await stranger.close();
    expect((await failureOf(redeemMeeting({ kind: "changed", members: { id_token } }))).reason).toBe("OUTCOME_UNKNOWN");
  });

  it("without expires_in ends when the access token says that it does, and without any word at no known time", async () => {
    const { expiresAtMs: endsMs } = await redeemMeeting(without("expires_in"));
    expect(Math.abs((endsMs ?? 0) - (rig.time.nowMs + 864_000_000))).toBeLessThan(60_000);
    const unsaid = { expires_in: undefined, access_token: "opaque" };
    expect((await redeemMeeting({ kind: "changed", members: unsaid })).expiresAtMs).toBeUndefined();
  });
});

describe("an answer to a refresh", () => {
  it.each([
    ["nothing", [], { access: true, id: true, refresh: true }],
    ["the access token", ["access_token"], { access: false, id: true, refresh: true }],
    ["the ID token", ["id_token"], { access: true, id: false, refresh: true }],
    ["the refresh token", ["refresh_token"], { access: true, id: true, refresh: false }],
    ["all three", ["access_token", "id_token", "refresh_token"], { access: false, id: false, refresh: false }],
  ] as const)("that lacks %s gives what came and says what did not", async (_name, members, came) => {
    const { refreshToken } = await signIn();
    fake.faults.next("token", without(...members));
    const fresh = await prepared.refresh(refreshToken, { scopes: [] });
    expect({
      access: fresh.accessToken !== undefined,
      id: fresh.idToken !== undefined,
      refresh: fresh.refreshToken !== undefined,
    }).toEqual(came);
  });

  it("with null in place of a token says that nothing changed", async () => {
    const { refreshToken } = await signIn();
    fake.faults.next("token", { kind: "status", status: 200, body: { access_token: "fresh", id_token: null, refresh_token: null } });
    const fresh = await prepared.refresh(refreshToken, { scopes: [] });
    expect([fresh.accessToken?.reveal(), fresh.idToken, fresh.refreshToken]).toEqual(["fresh", undefined, undefined]);
  });

  it.each<[string, UpstreamFault, string]>([
    ["refresh_token_expired in an object", openAiError("refresh_token_expired", "object", 400), "REAUTHENTICATION_REQUIRED"],
    ["refresh_token_reused in a text", openAiError("refresh_token_reused", "string", 400), "REAUTHENTICATION_REQUIRED"],
    ["refresh_token_invalidated beside", status(400, { code: "refresh_token_invalidated" }), "REAUTHENTICATION_REQUIRED"],
    ["a terminal word in a 200", status(200, { error: { code: "refresh_token_reused" } }), "REAUTHENTICATION_REQUIRED"],
    ["401 and a word that nobody knows", openAiError("something_new"), "REAUTHENTICATION_REQUIRED"],
    ["401 and nothing else", status(401, undefined), "REAUTHENTICATION_REQUIRED"],
    ["401 with a page", { kind: "html", status: 401 }, "REAUTHENTICATION_REQUIRED"],
    ["400 and a word that nobody knows", openAiError("something_new", "object", 400), "UPSTREAM_INVALID_RESPONSE"],
    ["a terminal word in a 500, which leaves it open", openAiError("refresh_token_reused", "object", 500), "OUTCOME_UNKNOWN"],
  ])("is told apart: %s", async (_name, fault, reason) => {
    const { refreshToken } = await signIn();
    fake.faults.next("token", fault);
    const failure = await failureOf(prepared.refresh(refreshToken, { scopes: [] }));
    expect(failure.reason).toBe(reason);
    expect(JSON.stringify(failure.cause)).not.toContain("canary");
  });
});

function status(code: number, body: unknown): UpstreamFault {
  return { kind: "status", status: code, body };
}
