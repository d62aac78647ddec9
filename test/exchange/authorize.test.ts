import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { oneTimeLifetimeMs } from "../../src/exchange/one-time-ports.ts";
import { isChallenge, isOurState } from "../../src/exchange/pkce.ts";
import { callback, challenge, type CoreRig, type CoreRigOptions, orders, patience, startCoreRig } from "./core-rig.ts";
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

const begin = (given?: Parameters<CoreRig["start"]>[0]) => rig.core.authorize(rig.start(given), patience());
const queryOf = (url: string) => Object.fromEntries(new URL(url).searchParams);

describe("a sign-in that begins here", () => {
  it("goes to the provider with our client id, the client's challenge and a state of ours", async () => {
    const { trail, notes } = recordingTrail();
    const given = {
      scopes: ["orders:read"],
      audiences: ["orders"],
      nonce: "n",
      loginHint: "alice",
      prompt: "login",
      trail,
    };
    const answer = await begin(given);
    expect(answer.authorizationUrl.startsWith(`${rig.fake.issuer}/authorize?`)).toBe(true);
    expect(queryOf(answer.authorizationUrl)).toEqual({
      response_type: "code",
      client_id: "cambio",
      redirect_uri: callback,
      scope: "orders:read",
      resource: orders,
      state: answer.state,
      code_challenge: challenge,
      code_challenge_method: "S256",
      nonce: "n",
      login_hint: "alice",
      prompt: "login",
    });
    expect(isOurState(answer.state)).toBe(true);
    expect(answer.expiresAtMs).toBe(rig.clock() + oneTimeLifetimeMs);
    expect(notes()).toMatchObject({ provider: "main", rule: "audiences.orders.accepts.main" });
  });

  it("asks for all configured scopes where none are named, and for nothing else that was not asked for", async () => {
    const query = queryOf((await begin()).authorizationUrl);
    expect(query["scope"]).toBe("openid orders:read orders:write");
    for (const absent of ["resource", "nonce", "login_hint", "prompt"]) expect(query).not.toHaveProperty(absent);
  });

  it("never has the state of another one", async () => {
    const states = await Promise.all(Array.from({ length: 20 }, async () => (await begin()).state));
    expect(new Set(states).size).toBe(20);
  });

  it.each([
    ["an unknown provider", { provider: "nowhere" }, "PROVIDER_UNKNOWN"],
    ["no provider where there are two", { provider: "" }, "MALFORMED_REQUEST"],
    ["no redirect URI where there are two", { redirectUri: "" }, "MALFORMED_REQUEST"],
    ["another redirect URI", { redirectUri: "https://evil.example/callback" }, "REDIRECT_URI_NOT_ALLOWED"],
    ["a scope that the client may not have", { scopes: ["openid", "admin"] }, "SCOPE_NOT_ALLOWED"],
    ["an audience that the client may not ask for", { audiences: ["billing"] }, "TARGET_NOT_ALLOWED"],
    ["no challenge of a public client, which has to keep its verifier", { codeChallenge: "" }, "MALFORMED_REQUEST"],
    ["a nonce without a challenge", { codeChallenge: "", nonce: "n" }, "MALFORMED_REQUEST"],
  ] as const)("is refused without asking the provider: %s", async (_name, given, reason) => {
    await expect(begin(given)).rejects.toThrow(refusal(reason));
    expect(rig.fake.requests).toEqual([]);
  });

  it("does not begin where the provider cannot be reached", async () => {
    rig.fake.faults.always("discovery", { kind: "status", status: 503 });
    await expect(begin()).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
  });
});

describe("a service that leaves the verifier to us", () => {
  it("gets an address with a challenge and a nonce, and never the verifier", async () => {
    const answer = await begin({ client: rig.client("backend"), codeChallenge: "" });
    const query = queryOf(answer.authorizationUrl);
    expect(isChallenge(query["code_challenge"] ?? "")).toBe(true);
    expect(query["nonce"]).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(query["nonce"]).not.toBe(query["code_challenge"]);
    expect(Object.keys(answer).toSorted()).toEqual(["authorizationUrl", "expiresAtMs", "state"]);
  });

  it("gets no nonce where no ID token is asked for", async () => {
    const answer = await begin({ client: rig.client("backend"), codeChallenge: "", scopes: ["orders:read"] });
    expect(queryOf(answer.authorizationUrl)).not.toHaveProperty("nonce");
  });

  it("may keep it, as a public client does", async () => {
    const answer = await begin({ client: rig.client("backend"), nonce: "own" });
    expect(queryOf(answer.authorizationUrl)).toMatchObject({ code_challenge: challenge, nonce: "own" });
  });

  it("may not leave half of it: a nonce alone is refused", async () => {
    await expect(begin({ client: rig.client("backend"), codeChallenge: "", nonce: "n" })).rejects.toThrow(refusal("MALFORMED_REQUEST"));
  });
});

describe("a provider that is configured without PKCE", () => {
  it.each(["web", "backend"] as const)("gets no challenge, for %s", async (id) => {
    rig = await fresh({ main: { pkce: "none" } });
    for (const codeChallenge of [challenge, ""]) {
      const query = queryOf((await begin({ client: rig.client(id), codeChallenge })).authorizationUrl);
      expect(query).not.toHaveProperty("code_challenge");
      expect(query).not.toHaveProperty("code_challenge_method");
    }
  });
});
