import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect, it } from "vitest";
import {
  CreateAuthorizationUrlRequestSchema,
  ExchangeRequestSchema,
  RefreshRequestSchema,
  RevokeRequestSchema,
  ValidateCrossClientRequestSchema,
} from "../../gen/cambio/v1/token_exchange_service_pb.ts";
import { Issuance, ValidationSource } from "../../gen/cambio/v1/token_pb.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import type { Call } from "../../src/rpc/call.ts";
import { createAuthorizationUrlRpc } from "../../src/rpc/create-authorization-url.ts";
import { createExchangeRpc } from "../../src/rpc/exchange.ts";
import { createRefreshRpc } from "../../src/rpc/refresh.ts";
import { createRevokeRpc } from "../../src/rpc/revoke.ts";
import { createValidateRpc } from "../../src/rpc/validate-cross-client.ts";
import { callback, challenge, type CoreRig, orders, startCoreRig, verifier } from "../exchange/core-rig.ts";
import { refusal } from "../exchange/fixtures.ts";
import { startValidateRig } from "../exchange/validate-rig.ts";
import { callersOf, callOf, contextOf, entranceOf } from "./fixtures.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(): Promise<CoreRig> {
  const rig = await startCoreRig();
  closers.push(rig.close);
  return rig;
}

const depsOf = ({ wired, clock, core }: CoreRig) => ({
  ...core,
  clock,
  handleLifeMs: 60_000,
  entrance: entranceOf(() => wired.current().callers),
});

const page = (): Call => callOf({ origin: "https://app.example" });

describe("the whole flow through the handlers", () => {
  it("hands every field of a request to the core, and everything that comes back to the caller", async () => {
    const rig = await start();
    const { clock, fake } = rig;
    const authorize = createAuthorizationUrlRpc(depsOf(rig));
    const exchange = createExchangeRpc(depsOf(rig));
    const refresh = createRefreshRpc(depsOf(rig));

    const asked = { clientId: "web", provider: "main", redirectUri: callback, scopes: ["openid", "orders:read"], audiences: ["orders"] };
    const call = page();
    const begun = await authorize(
      create(CreateAuthorizationUrlRequestSchema, {
        ...asked,
        codeChallenge: challenge,
        nonce: "my nonce",
        loginHint: "alice",
        prompt: "login consent",
      }),
      contextOf(call),
    );
    expect(Object.fromEntries(new URL(begun.authorizationUrl).searchParams)).toMatchObject({
      redirect_uri: callback,
      scope: "openid orders:read",
      resource: orders,
      state: begun.state,
      code_challenge: challenge,
      nonce: "my nonce",
      login_hint: "alice",
      prompt: "login consent",
    });
    expect(begun.expiresAt && timestampMs(begun.expiresAt)).toBe(clock() + 600_000);
    expect([call.caller, call.notes.provider]).toEqual(["web", "main"]);

    const { code, iss } = await fake.login(begun.authorizationUrl);
    const value = { code, redirectUri: callback, codeVerifier: verifier.reveal(), state: begun.state, nonce: "my nonce", issuer: iss };
    const request = { clientId: "web", provider: "main", audiences: ["orders"] };
    const redeemed = await exchange(
      create(ExchangeRequestSchema, { ...request, subject: { case: "authorizationCode", value } }),
      contextOf(page()),
    );
    expect(redeemed.issuance).toBe(Issuance.PASSTHROUGH);
    expect(redeemed.tokens).toMatchObject({ tokenType: "Bearer", expiresIn: 3600, scopes: ["openid", "orders:read"], issuer: fake.issuer });
    expect(redeemed.tokens?.idToken).toMatch(/^ey/);
    expect(redeemed.tokens?.refreshToken).toMatch(/^cambio_rt_/);

    const credential = { case: "refreshToken", value: redeemed.tokens?.refreshToken ?? "" } as const;
    const refreshed = await refresh(
      create(RefreshRequestSchema, { clientId: "web", provider: "main", credential, scopes: ["orders:read"] }),
      contextOf(page()),
    );
    expect(refreshed.issuance).toBe(Issuance.PASSTHROUGH);
    expect(refreshed.tokens).toMatchObject({ tokenType: "Bearer", scopes: ["orders:read"] });
    expect(fake.violations).toEqual([]);
  });

  it.each([
    ["state", { state: `cambio_st_${"A".repeat(43)}` }],
    ["nonce", { nonce: "another" }],
    ["issuer", { issuer: "https://evil.example" }],
    ["verifier", { codeVerifier: "x".repeat(43) }],
  ])("does not lose the %s of a code on the way", async (_name, given) => {
    const rig = await start();
    const { code, state } = await rig.signIn({ nonce: "mine" });
    const value = { code, redirectUri: callback, codeVerifier: verifier.reveal(), state, ...given };
    const request = create(ExchangeRequestSchema, { clientId: "web", provider: "main", subject: { case: "authorizationCode", value } });
    await expect(createExchangeRpc(depsOf(rig))(request, contextOf(page()))).rejects.toThrow(refusal("GRANT_INVALID"));
    expect(rig.fake.callsTo("token")).toBe(0);
  });

  it("ends with the caller's time", async () => {
    const rig = await start();
    const value = { code: await rig.signInAlone(), redirectUri: callback, codeVerifier: verifier.reveal() };
    const request = create(ExchangeRequestSchema, { clientId: "web", provider: "main", subject: { case: "authorizationCode", value } });
    const handled = createExchangeRpc(depsOf(rig))(request, contextOf(page(), AbortSignal.abort()));
    await expect(handled).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
  });
});

describe("a caller that may not begin a sign-in without a page", () => {
  it("is a browser client without an origin", async () => {
    const rig = await start();
    const request = create(CreateAuthorizationUrlRequestSchema, {
      clientId: "web",
      provider: "main",
      redirectUri: callback,
      codeChallenge: challenge,
    });
    await expect(createAuthorizationUrlRpc(depsOf(rig))(request, contextOf(callOf()))).rejects.toThrow(refusal("ORIGIN_NOT_ALLOWED"));
  });
});

const requestFor = (value: string, given: MessageInitShape<typeof RevokeRequestSchema> = {}) =>
  create(RevokeRequestSchema, { clientId: "web", provider: "main", target: { case: "token", value: { value } }, ...given });

describe("a revocation through the handler", () => {
  it("ends a handle at its provider, and says that the provider has heard of it", async () => {
    const rig = await start();
    const handle = (await rig.tokensOf(rig.client("web"))).refreshToken.reveal();
    const call = page();
    const answer = await createRevokeRpc(depsOf(rig))(requestFor(handle), contextOf(call));
    expect([answer.upstreamPending, rig.fake.revoked.length, rig.fake.violations]).toEqual([false, 1, []]);
    expect([call.caller, call.notes.provider, call.notes.token]).toEqual(["web", "main", `hash of ${handle}`]);
  });

  it("says that the provider has yet to hear of it where the provider is away", async () => {
    const rig = await start();
    const handle = (await rig.tokensOf(rig.client("web"))).refreshToken.reveal();
    rig.fake.faults.next("revocation", { kind: "status", status: 503, body: {} });
    const answer = await createRevokeRpc(depsOf(rig))(requestFor(handle), contextOf(page()));
    expect(answer.upstreamPending).toBe(true);
  });

  it.each([
    ["type", requestFor("token", { target: { case: "token", value: { value: "token", type: "a kind of token" } } }), "TOKEN_TYPE_MISMATCH"],
    ["provider", requestFor("token", { provider: "nowhere" }), "PROVIDER_UNKNOWN"],
    ["client", requestFor("token", { clientId: "nobody" }), "CALLER_UNAUTHENTICATED"],
  ] as const)("does not lose the %s of the request on the way", async (_name, request, reason) => {
    const rig = await start();
    await expect(createRevokeRpc(depsOf(rig))(request, contextOf(page()))).rejects.toThrow(refusal(reason));
  });
});

describe("a validation through the handler", () => {
  it("answers with every claim that was verified, and until when", async () => {
    const rig = await startValidateRig();
    closers.push(rig.close);
    const service = rig.client("orders");
    const handle = createValidateRpc({ entrance: entranceOf(callersOf(service)), validate: rig.fresh(), clock: rig.clock });
    const now = rig.clock() / 1000;
    const value = await rig.fake.mint({
      iat: now - 5,
      exp: now + 600,
      jti: "id-1",
      scope: "a b",
      aud: ["https://orders.example", "x"],
      act: { sub: "gateway", client_id: "gw", act: { sub: "first", iss: "https://first.example" } },
      name: "Alice Example",
      preferred_username: "alice",
      email: "alice@example.com",
    });
    const request = create(ValidateCrossClientRequestSchema, {
      token: { value, type: "urn:ietf:params:oauth:token-type:jwt" },
      provider: "main",
      audience: "orders",
      requiredScopes: ["b"],
    });
    const call = callOf({ service });
    const answer = await handle(request, contextOf(call));
    expect(answer.claims).toMatchObject({
      issuer: rig.fake.issuer,
      subject: "alice",
      clientId: "web",
      audiences: ["https://orders.example", "x"],
      scopes: ["a", "b"],
      tokenId: "id-1",
      actors: [
        { issuer: "", subject: "gateway", clientId: "gw" },
        { issuer: "https://first.example", subject: "first", clientId: "" },
      ],
      name: "Alice Example",
      preferredUsername: "alice",
      email: "alice@example.com",
    });
    const instants = [answer.claims?.issuedAt, answer.claims?.expiresAt, answer.validUntil].map(
      (instant) => instant && timestampMs(instant),
    );
    expect(instants).toEqual([(now - 5) * 1000, (now + 600) * 1000, (now + 60) * 1000]);
    expect([answer.source, answer.cached, call.caller, call.notes.provider]).toEqual([
      ValidationSource.LOCAL_KEYS,
      false,
      "orders",
      "main",
    ]);
    expect((await handle(request, contextOf(callOf({ service })))).cached).toBe(true);
  });

  it.each([
    ["audience", { audience: "billing" }, "TARGET_NOT_ALLOWED"],
    ["provider", { provider: "nowhere" }, "PROVIDER_UNKNOWN"],
    ["scopes", { requiredScopes: ["admin"] }, "SCOPE_INSUFFICIENT"],
  ] satisfies [string, MessageInitShape<typeof ValidateCrossClientRequestSchema>, Reason][])(
    "does not lose the %s of the question on the way",
    async (_name, given, reason) => {
      const rig = await startValidateRig();
      closers.push(rig.close);
      const service = rig.client("orders");
      const handle = createValidateRpc({ entrance: entranceOf(callersOf(service)), validate: rig.fresh(), clock: rig.clock });
      const request = create(ValidateCrossClientRequestSchema, { ...given, token: { value: await rig.fake.mint() } });
      await expect(async () => handle(request, contextOf(callOf({ service })))).rejects.toThrow(refusal(reason));
    },
  );

  it("is for services: nobody names himself into it", async () => {
    const rig = await startValidateRig();
    closers.push(rig.close);
    const handle = createValidateRpc({ entrance: entranceOf(callersOf(rig.client("orders"))), validate: rig.fresh(), clock: rig.clock });
    const request = create(ValidateCrossClientRequestSchema, { token: { value: await rig.fake.mint() } });
    await expect(async () => handle(request, contextOf(callOf()))).rejects.toThrow(refusal("CALLER_UNAUTHENTICATED"));
    expect(rig.verified()).toBe(0);
  });
});
