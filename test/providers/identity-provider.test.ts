import { createHash } from "node:crypto";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { PreparedProvider } from "../../src/exchange/provider-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { FakeClient } from "../support/fake-token-endpoint.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { createRig, type Rig } from "../support/provider-rig.ts";

const verifier = "dBjftJeZ4CVP-mBLo0~.fWA_Pz4bTz3ReJ4pQpQ9HmY0KQ";
const redirectUri = "http://localhost:3000/callback";
const orders = "https://orders.example";

const withBasic: FakeClient = { id: "with-basic", secret: "s3cret/+: %&=~", authentication: "basic" };
const clients: readonly FakeClient[] = [
  withBasic,
  { id: "with-post", secret: "s3cret/+: %&=~", authentication: "post" },
  { id: "public", authentication: "none" },
];

let identity: IdentityProvider;
const rigs: Rig[] = [];

beforeAll(async () => {
  identity = await startIdentityProvider({ clients: clients.map((client) => ({ ...client, redirectUris: [redirectUri] })) });
});

afterAll(async () => {
  await Promise.all(rigs.map((rig) => rig.close()));
  await identity.close();
});

async function prepare(client: FakeClient): Promise<PreparedProvider> {
  const rig = createRig({ issuer: identity.issuer, client });
  rigs.push(rig);
  return rig.provider.prepare(AbortSignal.timeout(5_000));
}

async function signIn(prepared: PreparedProvider, nonce: string): Promise<Secret> {
  const url = prepared.authorizationUrl({
    redirectUri,
    scopes: ["openid", "profile", "orders:read"],
    resources: [orders],
    state: "st",
    nonce,
    loginHint: "alice",
    prompt: undefined,
    codeChallenge: createHash("sha256").update(verifier).digest("base64url"),
  });
  const result = await identity.login(url);
  expect(result).toMatchObject({ state: "st", iss: identity.issuer, redirectUri });
  return new Secret(result.code);
}

describe("a real provider", () => {
  it.each(clients)("signs in, gives tokens and refreshes them: $id", async (client) => {
    const prepared = await prepare(client);
    const code = await signIn(prepared, "n1");
    const tokens = await prepared.redeemCode({
      code,
      redirectUri,
      codeVerifier: new Secret(verifier),
      resources: [orders],
      state: "",
      nonce: "n1",
    });
    expect(decodeProtectedHeader(tokens.accessToken.reveal())).toMatchObject({ alg: "RS256", typ: "at+jwt" });
    expect(decodeJwt(tokens.accessToken.reveal())).toMatchObject({
      iss: identity.issuer,
      aud: orders,
      client_id: client.id,
      sub: "alice",
      scope: "orders:read",
    });
    expect(decodeJwt(tokens.idToken?.reveal() ?? "")).toMatchObject({ aud: client.id, nonce: "n1", sub: "alice" });
    const refreshToken = tokens.refreshToken ?? new Secret("none came");
    const fresh = await prepared.refresh(refreshToken, { scopes: [] });
    expect(fresh.accessToken?.reveal()).not.toBe(tokens.accessToken.reveal());
    expect(fresh.refreshToken?.reveal()).not.toBe(refreshToken.reveal());
    await expect(prepared.refresh(refreshToken, { scopes: [] })).rejects.toMatchObject({ reason: "REAUTHENTICATION_REQUIRED" });
  });

  it.each([
    ["another verifier", { codeVerifier: new Secret("w".repeat(43)) }, "GRANT_INVALID"],
    ["another redirect URI", { redirectUri: "http://localhost:3000/other" }, "GRANT_INVALID"],
    ["a code that it never made", { code: new Secret("invalid") }, "GRANT_INVALID"],
    ["a resource that was not granted", { resources: ["https://payroll.example"] }, "TARGET_NOT_ALLOWED"],
    ["another nonce", { nonce: "n2" }, "GRANT_INVALID"],
  ])("refuses a code with %s", async (_name, changes, reason) => {
    const prepared = await prepare(withBasic);
    const grant = {
      code: await signIn(prepared, "n1"),
      redirectUri,
      codeVerifier: new Secret(verifier),
      resources: [orders],
      state: "",
      nonce: "n1",
    };
    await expect(prepared.redeemCode({ ...grant, ...changes })).rejects.toMatchObject({ reason });
  });

  it("refuses this service where its secret is wrong, and that is told from a wrong code", async () => {
    const prepared = await prepare({ ...withBasic, secret: "wrong" });
    const code = await signIn(prepared, "n1");
    const failure = await prepared
      .redeemCode({ code, redirectUri, codeVerifier: new Secret(verifier), resources: [], state: "", nonce: "n1" })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ExchangeError);
    expect(failure).toMatchObject({ reason: "UPSTREAM_REJECTED_CLIENT", cause: { status: 401, oauthError: "invalid_client" } });
  });

  it("signs what the demo wants signed with its own key", async () => {
    const token = await identity.sign({ sub: "alice", exp: 1 });
    expect(decodeJwt(token)).toMatchObject({ iss: identity.issuer, exp: 1 });
    expect(identity.callsTo("/token")).toBeGreaterThan(0);
  });
});
