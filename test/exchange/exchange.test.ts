import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { oneTimeLifetimeMs } from "../../src/exchange/one-time-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Fault } from "../support/faults.ts";
import { type CoreRig, type CoreRigOptions, orders, patience, startCoreRig, verifier } from "./core-rig.ts";
import { recordingTrail, refusal } from "./fixtures.ts";

let rig: CoreRig;
const started: CoreRig[] = [];

async function fresh(options?: CoreRigOptions): Promise<CoreRig> {
  const made = await startCoreRig(options);
  started.push(made);
  return made;
}
beforeEach(async () => {
  rig = await fresh();
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

const redeem = async (code: string, given?: Parameters<CoreRig["question"]>[1], signal = patience()) =>
  (await rig.core.exchange(rig.question(code, given), signal)).tokens;
const tokenCalls = () => rig.fake.callsTo("token");

describe("a code", () => {
  it("becomes the provider's tokens, with a refresh handle for a public client", async () => {
    const { code, state, iss } = await rig.signIn({ audiences: ["orders"] });
    const { trail, notes, intents } = recordingTrail();
    const tokens = await redeem(code, { state, issuer: iss, audiences: ["orders"], trail });
    expect(tokens).toMatchObject({ tokenType: "Bearer", scopes: ["openid", "orders:read", "orders:write"], issuer: rig.fake.issuer });
    expect(tokens.expiresAtMs).toBe(rig.clock() + 3_600_000);
    expect(tokens.refreshToken?.reveal()).toMatch(/^cambio_rt_/);
    expect(notes()).toMatchObject({ provider: "main", credential: new Secret(code), issuer: rig.fake.issuer, subject: "alice" });
    expect(intents()).toBe(1);
    expect([tokenCalls(), rig.fake.violations]).toEqual([1, []]);
  });

  it("becomes the provider's own refresh token for a service, which may hold it", async () => {
    const tokens = await rig.tokensOf(rig.client("backend"));
    expect(tokens.refreshToken.reveal()).toMatch(/^refresh-/);
  });

  it("is refused the second time, and the provider hears of it once", async () => {
    const { code, state } = await rig.signIn();
    await redeem(code, { state });
    await expect(redeem(code, { state })).rejects.toThrow(refusal("GRANT_INVALID"));
    await expect(redeem(code)).rejects.toThrow(refusal("GRANT_INVALID"));
    await expect(redeem(code, { client: rig.client("other") })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it("used fifty times at once is redeemed once", async () => {
    const code = await rig.signInAlone();
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => redeem(code)));
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
    const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    expect(refused).toEqual(Array.from({ length: 49 }, () => refusal("GRANT_INVALID")));
    expect(tokenCalls()).toBe(1);
  });

  it("that the provider does not know is refused, and stays refused without asking again", async () => {
    await expect(redeem("made-up")).rejects.toThrow(refusal("GRANT_INVALID"));
    await expect(redeem("made-up")).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });
});

describe("a code whose provider", () => {
  it("refuses the connection is given back with its state: the same call succeeds later", async () => {
    const { code, state } = await rig.signIn({ client: rig.client("backend"), codeChallenge: "" });
    const given = { client: rig.client("backend"), state, codeVerifier: undefined };
    await rig.relay.shut();
    await expect(redeem(code, given)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
    await rig.relay.open();
    expect((await redeem(code, given)).accessToken).toBeInstanceOf(Secret);
    expect(tokenCalls()).toBe(1);
  });

  it("cannot be asked where its endpoints are is not even claimed", async () => {
    rig.fake.faults.always("discovery", { kind: "status", status: 503 });
    const code = await rig.signInAlone();
    await expect(redeem(code)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
    rig.fake.faults.clear();
    rig.clock.advance(10_000);
    await expect(redeem(code)).resolves.toHaveProperty("accessToken");
  });

  it("has no keys to check an ID token with is not spent on tokens that could not be given out", async () => {
    rig.fake.faults.always("jwks", { kind: "status", status: 503 });
    const code = await rig.signInAlone();
    await expect(redeem(code)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
    expect(tokenCalls()).toBe(0);
    rig.fake.faults.clear();
    rig.clock.advance(30_000);
    await expect(redeem(code)).resolves.toHaveProperty("idToken");
  });

  const lost: readonly (readonly [string, Fault])[] = [
    ["resets the connection", { kind: "reset" }],
    ["cuts its answer off", { kind: "truncate" }],
    ["answers with a page", { kind: "html" }],
    ["redirects", { kind: "redirect", status: 307 }],
    ["fails with 500", { kind: "status", status: 500 }],
    ["answers with tokens that are none", { kind: "status", status: 200, body: { access_token: 1, token_type: "Bearer" } }],
    ["says that it failed halfway", { kind: "status", status: 400, body: { error: "server_error" } }],
  ];
  it.each(lost)("%s may be spent: OUTCOME_UNKNOWN, and it stays used", async (_name, fault) => {
    const { code, state } = await rig.signIn();
    rig.fake.faults.next("token", fault);
    await expect(redeem(code, { state })).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    await expect(redeem(code, { state })).rejects.toThrow(refusal("GRANT_INVALID"));
    await expect(redeem(code)).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it("asks for a pause stays used, and the caller learns how long", async () => {
    const code = await rig.signInAlone();
    rig.fake.faults.next("token", { kind: "status", status: 429, headers: { "retry-after": "7" } });
    await expect(redeem(code)).rejects.toThrow(refusal("UPSTREAM_RATE_LIMITED", { retryAfterMs: 7_000 }));
    await expect(redeem(code)).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it("does not answer in time may be spent", async () => {
    rig = await fresh({ main: { timeout: "300ms" } });
    const code = await rig.signInAlone();
    rig.fake.faults.next("token", { kind: "hang-before-headers" });
    await expect(redeem(code)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    await expect(redeem(code)).rejects.toThrow(refusal("GRANT_INVALID"));
  });
});

describe("a caller who leaves", () => {
  it("while the code is under way learns OUTCOME_UNKNOWN, and the call to the provider runs to its end", async () => {
    const { code, state } = await rig.signIn();
    const leaving = new AbortController();
    rig.relay.hold();
    const waiting = redeem(code, { state }, leaving.signal).catch((failure: unknown) => failure);
    while (rig.relay.arrivals() === 0) await setImmediate();
    leaving.abort();
    expect(await waiting).toEqual(refusal("OUTCOME_UNKNOWN"));
    rig.relay.release();
    const answered = 'cambio_upstream_calls_total{provider="main",endpoint="token",outcome="2xx"} 1';
    while (!(await rig.metrics.expose()).text.includes(answered)) await setImmediate();
    expect(tokenCalls()).toBe(1);
    await expect(redeem(code, { state })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it("before anything is sent has spent nothing: code and state are good for a second try", async () => {
    const { code, state } = await rig.signIn();
    await expect(redeem(code, { state }, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(tokenCalls()).toBe(0);
    await expect(redeem(code, { state })).resolves.toHaveProperty("accessToken");
  });
});

describe("a question that can be refused at once", () => {
  it.each([
    ["an unknown provider", { provider: "nowhere" }, "PROVIDER_UNKNOWN"],
    ["no provider where there are two", { provider: "" }, "MALFORMED_REQUEST"],
    ["another redirect URI", { redirectUri: "https://evil.example/callback" }, "REDIRECT_URI_NOT_ALLOWED"],
    ["an audience that the client may not ask for", { audiences: ["billing"] }, "TARGET_NOT_ALLOWED"],
    ["an issuer that is not the provider's (RFC 9207)", { issuer: "https://evil.example" }, "GRANT_INVALID"],
    ["an issuer that only looks like the provider's", { issuer: "trailing slash" }, "GRANT_INVALID"],
    ["no verifier, and none is kept", { codeVerifier: undefined }, "MALFORMED_REQUEST"],
  ] as const)("spends nothing: %s", async (_name, given, reason) => {
    const code = await rig.signInAlone();
    const wrong = "issuer" in given && given.issuer === "trailing slash" ? { issuer: `${rig.fake.issuer}/` } : given;
    await expect(redeem(code, wrong)).rejects.toThrow(refusal(reason));
    expect(tokenCalls()).toBe(0);
    await expect(redeem(code, { issuer: rig.fake.issuer })).resolves.toHaveProperty("accessToken");
  });
});

describe("what the provider grants", () => {
  it("is not given out where it is wider than what the client may have", async () => {
    const code = await rig.signInAlone({ scope: "openid orders:read admin" });
    await expect(redeem(code)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("must be for the sign-in that the client's nonce was made for", async () => {
    const injected = await rig.signInAlone({ nonce: "of-somebody-else" });
    await expect(redeem(injected, { nonce: "mine" })).rejects.toThrow(refusal("GRANT_INVALID"));
    const own = await rig.signInAlone({ nonce: "mine" });
    await expect(redeem(own, { nonce: "mine" })).resolves.toHaveProperty("idToken");
  });

  it("must be for the sign-in that the nonce kept for a service was made for", async () => {
    const backend = rig.client("backend");
    const begun = await rig.core.authorize(rig.start({ client: backend, codeChallenge: "" }), patience());
    const address = new URL(begun.authorizationUrl);
    address.searchParams.set("nonce", "of-somebody-else");
    const { code } = await rig.fake.login(address.href);
    await expect(redeem(code, { client: backend, state: begun.state, codeVerifier: undefined })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it("has the audience's identifier for resource", async () => {
    const code = await rig.signInAlone({ resource: orders });
    await redeem(code, { audiences: ["orders"] });
    const body = rig.fake.requests.find((request) => request.endpoint === "token")?.body;
    expect(new URLSearchParams(body).getAll("resource")).toEqual([orders]);
  });
});

describe("a state that was made here", () => {
  it("is good once", async () => {
    const { code, state } = await rig.signIn();
    await redeem(code, { state });
    await expect(redeem(await rig.signInAlone(), { state })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it.each([
    ["another client", () => ({ client: rig.client("other") })],
    ["another provider", () => ({ provider: "second" })],
    ["another redirect URI", () => ({ redirectUri: "https://app.example/second" })],
    ["another verifier than the challenge it was made with", () => ({ codeVerifier: new Secret("x".repeat(43)) })],
    ["another nonce", () => ({ nonce: "another" })],
  ])("is refused with %s before anything is sent, and is used up by it", async (_name, given) => {
    const { code, state } = await rig.signIn({ nonce: "mine" });
    await expect(redeem(code, { state, ...given() })).rejects.toThrow(refusal("GRANT_INVALID"));
    await expect(redeem(code, { state })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect([tokenCalls(), rig.second.callsTo("token")]).toEqual([0, 0]);
  });

  it("is refused once its time is over", async () => {
    const { code, state } = await rig.signIn();
    rig.clock.advance(oneTimeLifetimeMs);
    await expect(redeem(code, { state })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(0);
  });

  it("is refused where nobody made it", async () => {
    await expect(redeem(await rig.signInAlone(), { state: `cambio_st_${"A".repeat(43)}` })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(0);
  });

  it("of the client's own making is the client's to check", async () => {
    await expect(redeem(await rig.signInAlone(), { state: "my own" })).resolves.toHaveProperty("accessToken");
  });

  it("is still good after a call that was malformed", async () => {
    const { code, state } = await rig.signIn();
    await expect(redeem(code, { state, codeVerifier: undefined })).rejects.toThrow(refusal("MALFORMED_REQUEST"));
    await expect(redeem(code, { state })).resolves.toHaveProperty("accessToken");
  });
});

describe("a verifier", () => {
  it("that is wrong for the client's own challenge is the provider's to refuse", async () => {
    const code = await rig.signInAlone();
    await expect(redeem(code, { codeVerifier: new Secret("x".repeat(43)) })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(1);
  });

  it("that is kept here for a service is used, with the nonce that is kept beside it", async () => {
    const backend = rig.client("backend");
    const { code, state } = await rig.signIn({ client: backend, codeChallenge: "" });
    const tokens = await redeem(code, { client: backend, state, codeVerifier: undefined });
    expect(tokens.idToken).toBeInstanceOf(Secret);
    expect([tokenCalls(), rig.fake.violations]).toEqual([1, []]);
  });

  it("that is kept here cannot be sent by anybody: one that is sent all the same is refused", async () => {
    const backend = rig.client("backend");
    const { code, state } = await rig.signIn({ client: backend, codeChallenge: "" });
    await expect(redeem(code, { client: backend, state, codeVerifier: verifier })).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(tokenCalls()).toBe(0);
  });

  it("is neither asked for nor sent where the provider is configured without PKCE", async () => {
    rig = await fresh({ main: { pkce: "none" } });
    const url = `${rig.fake.issuer}/authorize?${new URLSearchParams({ client_id: "cambio", redirect_uri: "https://app.example/callback", scope: "openid" }).toString()}`;
    const { code } = await rig.fake.login(url);
    await expect(redeem(code)).resolves.toHaveProperty("accessToken");
    expect(rig.fake.requests.at(-1)?.body).not.toContain("code_verifier");
  });
});
