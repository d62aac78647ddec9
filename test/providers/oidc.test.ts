import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { AuthorizationStart, CodeGrant, PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import { type FakeProvider, type FakeProviderOptions, startFakeProvider } from "../support/fake-provider.ts";
import type { FakeClient } from "../support/fake-token-endpoint.ts";
import type { SignOptions } from "../support/signing-keys.ts";
import { createRig, type Rig, type RigOptions } from "../support/provider-rig.ts";

const verifier = "dBjftJeZ4CVP-mBLo0~.fWA_Pz4bTz3ReJ4pQpQ9HmY0KQ";
const redirectUri = "https://app.example/callback";
const orders = "https://orders.example";
const nonce = "nonce-of-this-sign-in";
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Stage {
  readonly fake: FakeProvider;
  readonly rig: Rig;
  readonly prepared: PreparedProvider;
}

async function stage(options: FakeProviderOptions = {}, rigOptions: Partial<RigOptions> = {}): Promise<Stage> {
  const fake = await startFakeProvider(options);
  closers.push(fake.close);
  const rig = createRig({ issuer: fake.issuer, client: fake.client, ...rigOptions });
  closers.push(rig.close);
  return { fake, rig, prepared: await rig.provider.prepare(AbortSignal.timeout(5_000)) };
}

function start(changes: Partial<AuthorizationStart> = {}): AuthorizationStart {
  const codeChallenge = createHash("sha256").update(verifier).digest("base64url");
  return {
    redirectUri,
    scopes: ["openid", "orders:read"],
    resources: [orders],
    state: "st",
    codeChallenge,
    nonce,
    loginHint: undefined,
    prompt: undefined,
    ...changes,
  };
}

async function newGrant({ fake, prepared }: Stage, changes: Partial<AuthorizationStart> = {}): Promise<CodeGrant> {
  const { code } = await fake.login(prepared.authorizationUrl(start(changes)));
  return { code: new Secret(code), redirectUri, codeVerifier: new Secret(verifier), resources: [orders], state: "st", nonce };
}

function refreshTokenOf(tokens: Pick<TokenSet, "refreshToken">): Secret {
  if (tokens.refreshToken === undefined) throw new Error("no refresh token came");
  return tokens.refreshToken;
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => "redeemed",
    (failure: unknown) => failure,
  );
  if (error === "redeemed") return error;
  return error instanceof ExchangeError ? error.reason : `not an ExchangeError: ${String(error)}`;
}

describe("the authorization URL", () => {
  it("asks for a code with PKCE S256, state, nonce, scopes and resources, each once", async () => {
    const { fake, prepared } = await stage();
    const url = new URL(
      prepared.authorizationUrl(start({ resources: [orders, "https://other.example"], loginHint: "a&b=c", prompt: "login" })),
    );
    expect(url.origin + url.pathname).toBe(`${fake.issuer}/authorize`);
    expect([...url.searchParams]).toEqual([
      ["response_type", "code"],
      ["client_id", "cambio"],
      ["redirect_uri", redirectUri],
      ["scope", "openid orders:read"],
      ["state", "st"],
      ["code_challenge", start().codeChallenge],
      ["code_challenge_method", "S256"],
      ["nonce", nonce],
      ["login_hint", "a&b=c"],
      ["prompt", "login"],
      ["resource", orders],
      ["resource", "https://other.example"],
    ]);
  });

  it("keeps a query that the endpoint has of its own, and what was not asked for is not there", async () => {
    const metadata: Record<string, unknown> = {};
    const fake = await startFakeProvider({ metadata });
    closers.push(fake.close);
    metadata["authorization_endpoint"] = `${fake.issuer}/authorize?tenant=7&state=theirs`;
    const rig = createRig({ issuer: fake.issuer, client: fake.client });
    closers.push(rig.close);
    const prepared = await rig.provider.prepare(AbortSignal.timeout(5_000));
    const { searchParams } = new URL(prepared.authorizationUrl(start({ scopes: [], resources: [], nonce: undefined })));
    expect([...searchParams.keys()].toSorted()).toEqual(
      ["client_id", "code_challenge", "code_challenge_method", "redirect_uri", "response_type", "state", "tenant"].toSorted(),
    );
    expect(searchParams.getAll("state")).toEqual(["st"]);
  });

  it("is not made without a challenge where the provider is configured with PKCE", async () => {
    const { prepared } = await stage();
    expect(() => prepared.authorizationUrl(start({ codeChallenge: undefined }))).toThrow("challenge");
  });
});

describe("redeeming a code", () => {
  it("gives the provider's tokens, expiry counted from the question", async () => {
    const here = await stage();
    const tokens = await here.prepared.redeemCode(await newGrant(here));
    expect(here.fake.violations).toEqual([]);
    expect(tokens).toMatchObject({ tokenType: "Bearer", scopes: ["openid", "orders:read"], issuer: here.fake.issuer });
    expect(tokens.expiresAtMs).toBe(here.rig.time.nowMs + 3_600_000);
    expect(JSON.parse(Buffer.from(tokens.accessToken.reveal().split(".")[1] ?? "", "base64url").toString())).toMatchObject({
      aud: [orders],
      sub: "alice",
    });
  });

  it.each<[FakeClient]>([
    [{ id: "cambio", secret: "s3cret/+: %&=~", authentication: "basic" }],
    [{ id: "a client:with%odd+chars", secret: "p:w%2B+ ü", authentication: "basic" }],
    [{ id: "cambio", secret: "s3cret/+: %&=~", authentication: "post" }],
    [{ id: "cambio", authentication: "none" }],
  ])("proves who this service is: %o", async (client) => {
    const here = await stage({ clients: [client] });
    await here.prepared.redeemCode(await newGrant(here));
    expect(here.fake.violations).toEqual([]);
    const sent = here.fake.requests.find((request) => request.endpoint === "token");
    expect(sent?.headers.authorization !== undefined).toBe(client.authentication === "basic");
    expect(sent?.body.includes("client_secret=")).toBe(client.authentication === "post");
    expect(sent?.body.includes("client_id=")).toBe(client.authentication !== "basic");
  });

  it("escapes no more of an ordinary id than it must, for providers that do not decode", async () => {
    const here = await stage({ clients: [{ id: "my-client.v2_x", secret: "abc-DEF_1.2", authentication: "basic" }] });
    await here.prepared.redeemCode(await newGrant(here));
    const header = here.fake.requests.find((request) => request.endpoint === "token")?.headers.authorization ?? "";
    expect(Buffer.from(header.slice("Basic ".length), "base64").toString()).toBe("my-client.v2_x:abc-DEF_1.2");
  });

  it("shows the client secret to the token endpoint and to nobody else", async () => {
    for (const authentication of ["basic", "post"] as const) {
      const here = await stage({ clients: [{ id: "cambio", secret: "canary-secret", authentication }] });
      const tokens = await here.prepared.redeemCode(await newGrant(here));
      await here.prepared.refresh(refreshTokenOf(tokens), { scopes: [] });
      const encoded = Buffer.from("cambio:canary-secret").toString("base64");
      const seeing = here.fake.requests.filter((request) =>
        [encoded, "canary-secret"].some((secret) => JSON.stringify(request).includes(secret)),
      );
      expect(seeing.map((request) => request.endpoint)).toEqual(["token", "token"]);
    }
  });

  it("with another verifier than the challenge's is refused by the provider", async () => {
    const here = await stage();
    const grant = await newGrant(here);
    expect(await reasonOf(here.prepared.redeemCode({ ...grant, codeVerifier: new Secret("w".repeat(43)) }))).toBe("GRANT_INVALID");
  });

  it("sends nothing without a verifier where the provider is configured with PKCE", async () => {
    const here = await stage();
    const grant = await newGrant(here);
    await expect(here.prepared.redeemCode({ ...grant, codeVerifier: undefined })).rejects.toThrow("verifier");
    expect(here.fake.callsTo("token")).toBe(0);
  });

  it("works without PKCE where the provider is configured so", async () => {
    const here = await stage({}, { pkce: "none" });
    const grant = await newGrant(here, { codeChallenge: undefined });
    await here.prepared.redeemCode({ ...grant, codeVerifier: undefined });
    expect(here.fake.violations).toEqual([]);
  });

  it("fetched the keys for the ID token before the code was spent", async () => {
    const { fake, rig } = await stage();
    expect(fake.callsTo("jwks")).toBe(1);
    fake.faults.always("jwks", { kind: "status", status: 500 });
    rig.time.nowMs += 3_600_001;
    expect(await reasonOf(rig.provider.prepare(AbortSignal.timeout(5_000)))).toBe("UPSTREAM_UNAVAILABLE");
    expect(fake.callsTo("token")).toBe(0);
  });

  it("of another sign-in is refused by its nonce", async () => {
    const here = await stage();
    const injected = await newGrant(here, { nonce: "nonce-of-another-sign-in" });
    expect(await reasonOf(here.prepared.redeemCode(injected))).toBe("GRANT_INVALID");
  });

  it("is refused where a nonce is expected and no ID token comes back to carry it", async () => {
    const here = await stage();
    const injected = await newGrant(here, { scopes: ["orders:read"] });
    expect(await reasonOf(here.prepared.redeemCode(injected))).toBe("GRANT_INVALID");
  });

  const idTokens: readonly [string, Record<string, unknown>, SignOptions, string][] = [
    ["as it should be", {}, {}, "redeemed"],
    ["for another client", { aud: "another" }, {}, "OUTCOME_UNKNOWN"],
    ["of another issuer", { iss: "https://evil.example" }, {}, "OUTCOME_UNKNOWN"],
    ["that ran out", { exp: 1 }, {}, "OUTCOME_UNKNOWN"],
    ["that is an access token", {}, { typ: "at+jwt" }, "OUTCOME_UNKNOWN"],
    ["whose key is another's", {}, { kid: "key-1-es256" }, "OUTCOME_UNKNOWN"],
  ];
  it.each(idTokens)("with an ID token %s", async (_name, claims, signing, expected) => {
    const here = await stage();
    const grant = await newGrant(here);
    const id_token = await here.fake.mint({ aud: "cambio", nonce, ...claims }, { typ: "JWT", ...signing });
    here.fake.faults.next("token", { kind: "status", status: 200, body: { access_token: "t", token_type: "Bearer", id_token } });
    expect(await reasonOf(here.prepared.redeemCode(grant))).toBe(expected);
  });

  it("ends as an unknown outcome, not as retryable, when the ID token cannot be checked any more", async () => {
    const here = await stage();
    const grant = await newGrant(here);
    here.fake.faults.always("jwks", { kind: "status", status: 500 });
    here.rig.time.nowMs += 3_600_001;
    expect(await reasonOf(here.prepared.redeemCode(grant))).toBe("OUTCOME_UNKNOWN");
  });
});

describe("refreshing", () => {
  it("gives up the ID token and not the user's new tokens where somebody has made the provider's keys unreachable", async () => {
    const here = await stage();
    const tokens = await here.prepared.redeemCode(await newGrant(here));
    here.fake.faults.always("jwks", { kind: "status", status: 500 });
    here.rig.time.nowMs += 3_600_001;
    const fresh = await here.prepared.refresh(refreshTokenOf(tokens), { scopes: [] });
    expect([fresh.idToken, fresh.subject]).toEqual([undefined, undefined]);
    expect(refreshTokenOf(fresh).reveal()).not.toBe(refreshTokenOf(tokens).reveal());
  });

  it("sends the scopes that are asked for, and says nothing where none are", async () => {
    const here = await stage();
    const refreshToken = refreshTokenOf(await here.prepared.redeemCode(await newGrant(here)));
    const narrowed = await here.prepared.refresh(refreshToken, { scopes: ["orders:read"] });
    expect(narrowed).toMatchObject({ scopes: ["orders:read"], idToken: undefined });
    await here.prepared.refresh(refreshTokenOf(narrowed), { scopes: [] });
    expect(
      here.fake.requests.filter((request) => request.endpoint === "token").map((request) => new URLSearchParams(request.body).get("scope")),
    ).toEqual([null, "orders:read", null]);
    expect(here.fake.violations).toEqual([]);
  });

  it("says that no new refresh token came, so that the old one is kept", async () => {
    const here = await stage();
    here.fake.faults.next("token", { kind: "status", status: 200, body: { access_token: "fresh", token_type: "Bearer" } });
    const tokens = await here.prepared.refresh(new Secret("old"), { scopes: [] });
    expect(tokens.refreshToken).toBeUndefined();
    expect(tokens.accessToken?.reveal()).toBe("fresh");
  });

  it("twice with the same single-use token asks the user to sign in again", async () => {
    const here = await stage();
    const refreshToken = refreshTokenOf(await here.prepared.redeemCode(await newGrant(here)));
    await here.prepared.refresh(refreshToken, { scopes: [] });
    expect(await reasonOf(here.prepared.refresh(refreshToken, { scopes: [] }))).toBe("REAUTHENTICATION_REQUIRED");
  });
});
