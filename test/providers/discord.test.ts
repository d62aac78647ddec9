import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { codeGrant, configuredRig, failureOf, signInStart } from "../support/configured-provider.ts";
import { discordRateLimit, type FakeDiscord, type FakeDiscordUser, startFakeDiscord, usualDiscordUser } from "../support/fake-discord.ts";
import type { Fault } from "../support/faults.ts";
import type { Rig } from "../support/provider-rig.ts";

const patience = () => AbortSignal.timeout(5_000);

let fake: FakeDiscord;
let rig: Rig;
let prepared: PreparedProvider;

beforeEach(async () => {
  fake = await startFakeDiscord();
  rig = rigWith({});
  prepared = await rig.provider.prepare(patience());
});

afterEach(async () => {
  await rig.close();
  await fake.close();
});

function rigWith(more: Readonly<Record<string, unknown>>): Rig {
  const { id, secret } = fake.client;
  return configuredRig({ kind: "discord", client: { id, secret }, endpoints: fake.endpoints, ...more });
}

async function signIn(scopes = ["identify", "email"]): Promise<Secret> {
  const { code } = await fake.login(prepared.authorizationUrl(signInStart({ scopes })));
  return (await prepared.redeemCode(codeGrant(code))).accessToken;
}

async function read(token: Secret, by: PreparedProvider = prepared) {
  if (by.readUser === undefined) throw new Error("there is no user endpoint");
  return by.readUser(token, patience());
}

describe("a sign-in at Discord", () => {
  it("without PKCE, where the provider is configured so, has a form of five members", async () => {
    const plain = rigWith({ pkce: "none" });
    const at = await plain.provider.prepare(patience());
    const url = at.authorizationUrl(signInStart({ scopes: ["identify"], codeChallenge: undefined }));
    expect([...new URL(url).searchParams.keys()].toSorted()).toEqual(["client_id", "redirect_uri", "response_type", "scope", "state"]);
    const { code } = await fake.login(url);
    await at.redeemCode(codeGrant(code, { codeVerifier: undefined }));
    const body = fake.requests.find(({ endpoint }) => endpoint === "token")?.body ?? {};
    expect(Object.keys(body).toSorted()).toEqual(["client_id", "client_secret", "code", "grant_type", "redirect_uri"]);
    expect(fake.violations).toEqual([]);
    await plain.close();
  });

  it("is for accounts here, and a lost answer means that the user signs in again", () => {
    expect(rig.provider).toMatchObject({ accounts: true, lostAnswer: "reauthenticate", issuer: "https://discord.com" });
  });

  it("has no ID token to compare a nonce with: a code that should have one is somebody else's", async () => {
    const { code } = await fake.login(prepared.authorizationUrl(signInStart({ scopes: ["identify"] })));
    expect((await failureOf(prepared.redeemCode(codeGrant(code, { nonce: "n-1" })))).reason).toBe("GRANT_INVALID");
  });

  it("passes on no ID token, as there are no keys that anybody could check it with", async () => {
    const { code } = await fake.login(prepared.authorizationUrl(signInStart({ scopes: ["identify"] })));
    fake.faults.next("token", { kind: "changed", members: { id_token: "e30.e30.c2ln" } });
    const tokens = await prepared.redeemCode(codeGrant(code));
    expect([tokens.idToken, tokens.subject, tokens.user]).toEqual([undefined, undefined, undefined]);
  });
});

describe("the user behind an access token", () => {
  const cdn = "https://cdn.discordapp.com";

  it("is read with all that is known", async () => {
    expect(await read(await signIn())).toEqual({
      providerUserId: "80351110224678912",
      username: "nelly",
      displayName: "Nelly",
      email: "nelly@example.com",
      emailVerified: true,
      avatarUrl: `${cdn}/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png`,
    });
    expect(fake.violations).toEqual([]);
  });

  it.each<[string, Partial<FakeDiscordUser>, object]>([
    ["never chose a display name", { global_name: null }, { displayName: "nelly" }],
    ["chose an empty one", { global_name: "" }, { displayName: "nelly" }],
    ["has an address that nobody verified", { verified: false }, { email: "nelly@example.com", emailVerified: false }],
    ["has no address", { email: null }, { email: "" }],
    [
      "has a picture that moves",
      { avatar: `a_${"0".repeat(32)}` },
      { avatarUrl: `${cdn}/avatars/80351110224678912/a_${"0".repeat(32)}.png` },
    ],
    // 80351110224678912 >> 22 = 19157197529; that is 5 beyond a multiple of 6.
    ["has no picture", { avatar: null }, { avatarUrl: `${cdn}/embed/avatars/5.png` }],
    ["has a hash that leads elsewhere", { avatar: "../../../evil" }, { avatarUrl: `${cdn}/embed/avatars/5.png` }],
  ])("who %s", async (_name, changes, expected) => {
    fake.users.set(usualDiscordUser.id, { ...usualDiscordUser, ...changes });
    expect(await read(await signIn())).toMatchObject(expected);
  });

  it.each([
    ["0", 0],
    ["4194304", 1],
    ["25165824", 0],
    ["18446744073709551615", 3],
  ])("%s without a picture has the default one %i", async (id, index) => {
    fake.faults.next("user", { kind: "status", status: 200, body: { id, username: "u", avatar: null } });
    expect((await read(new Secret("t"))).avatarUrl).toBe(`${cdn}/embed/avatars/${index}.png`);
  });

  it("did not let the address be read: it is not known", async () => {
    expect(await read(await signIn(["identify"]))).toMatchObject({ email: "", emailVerified: false });
  });

  it.each<[string, unknown]>([
    ["no id", { username: "u" }],
    ["an id that is a number", { id: 80351110224678912, username: "u" }],
    ["an id with a control character", { id: "8035\u0000", username: "u" }],
    ["an id with a line's end", { id: "8035\n", username: "u" }],
    ["an id with a letter", { id: "8035a", username: "u" }],
    ["an empty id", { id: "", username: "u" }],
    ["an id of more digits than there are", { id: "1".repeat(21), username: "u" }],
    ["an id in a list", { id: ["80351110224678912"], username: "u" }],
    ["a list", [usualDiscordUser]],
    ["nothing", null],
  ])("is nobody where the answer has %s", async (_name, body) => {
    fake.faults.next("user", { kind: "status", status: 200, body });
    expect((await failureOf(read(new Secret("t")))).reason).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it("is nobody where the answer names two ids", async () => {
    const text = '{"id":"1","id":"2","username":"u"}';
    const bytes = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    fake.faults.next("user", { kind: "raw", bytes });
    expect((await failureOf(read(new Secret("t")))).reason).toBe("UPSTREAM_INVALID_RESPONSE");
  });

  it.each<[string, Fault, string]>([
    ["a token that Discord refuses", { kind: "status", status: 401, body: { message: "401: Unauthorized", code: 0 } }, "TOKEN_INVALID"],
    ["a token that may not read users", { kind: "status", status: 403, body: { code: 50_001 } }, "UPSTREAM_INVALID_RESPONSE"],
    ["an answer in HTML", { kind: "html" }, "UPSTREAM_INVALID_RESPONSE"],
    ["an answer of more than a user is worth", { kind: "huge", bytes: 70_000 }, "UPSTREAM_INVALID_RESPONSE"],
    ["a failure there", { kind: "status", status: 500, body: {} }, "UPSTREAM_UNAVAILABLE"],
    ["too many questions", { kind: "status", status: 429, body: {} }, "UPSTREAM_RATE_LIMITED"],
  ])("is not known for %s", async (_name, fault, reason) => {
    fake.faults.next("user", fault);
    const failure = await failureOf(read(new Secret("t-canary")));
    expect(failure.reason).toBe(reason);
    expect(failure.cause).toMatchObject({ kind: "upstream", endpoint: "user" });
    expect(JSON.stringify(failure)).not.toContain("canary");
  });

  it("is asked for once more after a connection that broke, as that only asks", async () => {
    const token = await signIn();
    fake.faults.next("user", { kind: "reset" });
    expect(await read(token)).toMatchObject({ providerUserId: usualDiscordUser.id });
    expect(fake.callsTo("user")).toBe(2);
  });

  it("is not waited for any longer than the caller does", async () => {
    fake.faults.next("user", { kind: "hang-before-headers" });
    if (prepared.readUser === undefined) throw new Error("there is no user endpoint");
    expect((await failureOf(prepared.readUser(new Secret("t"), AbortSignal.timeout(50)))).reason).toBe("DEADLINE_EXCEEDED");
  });
});

describe("a rate limit of Discord's", () => {
  it("says in its body how long to wait, and the endpoint is left alone for just that", async () => {
    fake.faults.next("user", { kind: "status", status: 429, body: { message: "slow", retry_after: 2.25, global: false } });
    expect(await failureOf(read(new Secret("t")))).toMatchObject({ reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 3_000 });
    expect(await failureOf(read(new Secret("t")))).toMatchObject({ reason: "UPSTREAM_RATE_LIMITED", unasked: true });
    expect(fake.callsTo("user")).toBe(1);
    rig.time.nowMs += 3_000;
    expect((await failureOf(read(new Secret("t")))).reason).toBe("TOKEN_INVALID");
    expect(fake.callsTo("user")).toBe(2);
  });

  it("at the token endpoint pauses refreshes, whose tokens stay unspent", async () => {
    fake.faults.next("token", discordRateLimit(1.5));
    expect(await failureOf(prepared.refresh(new Secret("r"), { scopes: [] }))).toMatchObject({
      reason: "UPSTREAM_RATE_LIMITED",
      retryAfterMs: 2_000,
    });
    expect(await failureOf(prepared.refresh(new Secret("r"), { scopes: [] }))).toMatchObject({
      reason: "UPSTREAM_RATE_LIMITED",
      unasked: true,
    });
    expect(fake.callsTo("token")).toBe(1);
  });
});
