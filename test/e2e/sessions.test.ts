import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { detailOf, page, reasonOf } from "../support/fake-stack.ts";
import { backendIdentifier, legacySecret, ownIssuer, type SessionWorld, startSessionWorld } from "../support/session-world.ts";
import { tokensOf } from "./session-answers.ts";

let world: SessionWorld;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cambio-sessions-"));
  world = await startSessionWorld({ database: { location: { kind: "sqlite", file: join(folder, "db.sqlite") } } });
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

/** As any backend would, by the published keys. */
async function verified(token: string, audience = backendIdentifier) {
  const keys = (await (await fetch(`${world.cambio.url}/.well-known/jwks.json`)).json()) as Parameters<typeof createLocalJWKSet>[0];
  const currentDate = new Date(world.stack.time.nowMs);
  return jwtVerify(token, createLocalJWKSet(keys), { issuer: ownIssuer, audience, typ: "at+jwt", currentDate });
}

describe("a session", () => {
  it("becomes a token that any backend verifies by published keys, for the user whose it is", async () => {
    const user = await world.register();
    const answer = await world.exchange(user.cookie);
    expect(answer.status).toBe(200);
    expect(answer.body["issuance"]).toBe("ISSUANCE_MINTED");
    const { accessToken, tokenType, expiresIn, scopes, refreshToken } = tokensOf(answer);
    expect({ tokenType, expiresIn, scopes, refreshToken }).toEqual({
      tokenType: "Bearer",
      expiresIn: 900,
      scopes: ["orders:read"],
      refreshToken: undefined,
    });
    const { payload } = await verified(accessToken);
    const issuedAt = Math.floor(world.stack.time.nowMs / 1_000);
    expect(payload).toEqual({
      iss: ownIssuer,
      sub: `site:${user.userId}`,
      aud: backendIdentifier,
      client_id: "shop",
      scope: "orders:read",
      iat: issuedAt,
      exp: issuedAt + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: user.name,
      email: user.email,
      email_verified: false,
    });
    expect(answer.body["account"]).toEqual({
      id: `site:${user.userId}`,
      provider: "site",
      providerUserId: user.userId,
      displayName: user.name,
      email: user.email,
    });
  });

  it("is taken from a message where that is all the proof there is, by the bearer plugin", async () => {
    const { bearer, userId } = await world.register();
    world.stack.canary.register("session", bearer);
    const message = { clientId: "tool", session: { token: bearer }, audiences: ["backend"] };
    const answer = await world.cambio.rpc("Exchange", message);
    expect(answer.status).toBe(200);
    expect(decodeJwt(tokensOf(answer).accessToken)).toMatchObject({ sub: `site:${userId}`, client_id: "tool" });
  });

  it("that was ended at its origin opens nothing from the next call on", async () => {
    const user = await world.register();
    expect((await world.exchange(user.cookie)).status).toBe(200);
    await world.site.signOut(user.cookie);
    const answer = await world.exchange(user.cookie);
    expect([answer.status, reasonOf(answer)]).toEqual([401, "SESSION_INVALID"]);
  });

  it("in which an administrator looks through the user's eyes says so in its token", async () => {
    const [admin, user] = [await world.register(), await world.register()];
    world.site.promote(admin.userId);
    const seeing = await world.site.impersonate(admin.cookie, user.userId);
    const answer = await world.exchange(seeing.cookie);
    expect(decodeJwt(tokensOf(answer).accessToken)).toMatchObject({
      sub: `site:${user.userId}`,
      act: { iss: world.site.url, sub: admin.userId },
    });
  });

  it("gives no refresh handle that was not asked for, and no scope beyond what a session opens", async () => {
    const { cookie } = await world.register();
    const wider = await world.exchange(cookie, { scopes: ["orders:write"] });
    expect([wider.status, reasonOf(wider)]).toEqual([403, "SCOPE_NOT_ALLOWED"]);
  });

  it.each([
    ["an audience that the client may not ask for", { audiences: ["stock"] }, "TARGET_NOT_ALLOWED"],
    ["two audiences in one token", { audiences: ["backend", "legacy"] }, "TARGET_NOT_ALLOWED"],
    ["a provider that keeps no sessions", { provider: "main" }, "PROVIDER_UNKNOWN"],
  ])("is not exchanged for %s", async (_name, more, reason) => {
    const { cookie } = await world.register();
    const answer = await world.exchange(cookie, more);
    expect(reasonOf(answer)).toBe(reason);
  });
});

describe("somebody who tries sessions out", () => {
  it("is slowed before the application is asked for ever, and nobody else is; what is no session costs nobody a call", async () => {
    const limits = { address_failures: 3, client_failures: 30 };
    const slowed = await startSessionWorld({
      database: { location: { kind: "sqlite", file: join(folder, "slowed.sqlite") } },
      change: (configuration) => ({ ...configuration, limits: { ...configuration.limits, ...limits } }),
    });
    const ended = await slowed.register();
    await slowed.site.signOut(ended.cookie);
    const reasons: (string | undefined)[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) reasons.push(reasonOf(await slowed.exchange(ended.cookie)));
    expect(reasons).toEqual([...Array<string>(3).fill("SESSION_INVALID"), "RATE_LIMITED", "RATE_LIMITED"]);
    const before = slowed.site.requests.length;
    const intents = () => slowed.cambio.auditLines().filter(({ kind }) => kind === "intent").length;
    const intended = intents();
    expect(reasonOf(await slowed.exchange("better-auth.session_token=garbage"))).toBe("SESSION_INVALID");
    expect([slowed.site.requests.length, intents()]).toEqual([before, intended]);
    await slowed.close();
  });
});

describe("a page that relies on the browser's cookie", () => {
  it.each([
    ["from nowhere", {}],
    ["of another origin", { origin: "https://evil.example" }],
    ["of the origin `null`", { origin: "null" }],
  ])("is refused %s, whatever its cookie is worth", async (_name, headers) => {
    const { cookie } = await world.register();
    const before = world.site.requests.length;
    const answer = await world.cambio.rpc("Exchange", { clientId: "shop", session: {} }, { cookie, ...headers });
    expect([answer.status, reasonOf(answer)]).toEqual([403, "ORIGIN_NOT_ALLOWED"]);
    expect(world.site.requests.length).toBe(before);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("may send it along from its own origin, and only there", async () => {
    const { cookie } = await world.register();
    const answer = await world.exchange(cookie);
    expect(answer.headers.get("access-control-allow-origin")).toBe(page);
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
  });

  it("finds no session in the cookie of a client that is no browser, nor in a cookie that is there twice", async () => {
    const { cookie } = await world.register();
    const tool = await world.cambio.rpc("Exchange", { clientId: "tool", session: {} }, { cookie });
    expect(reasonOf(tool)).toBe("SESSION_INVALID");
    const twice = await world.exchange(`${cookie}; ${cookie.replace(/=.*/, "=planted.by-a-sibling")}`);
    expect(reasonOf(twice)).toBe("SESSION_INVALID");
  });

  it("sends nothing upstream but the named cookie", async () => {
    const { cookie } = await world.register();
    await world.exchange(`theme=dark; ${cookie}; better-auth.session_data=cached; other=secret`);
    const { headers } = world.site.requests.at(-1) ?? {};
    expect(headers?.cookie?.split(";").map((pair) => pair.split("=")[0]?.trim())).toEqual(["better-auth.session_token"]);
    expect(headers?.authorization).toBeUndefined();
  });
});

describe("GET /api/auth/backend-token", () => {
  it("answers token, seconds and user id, for no cache to keep", async () => {
    const user = await world.register();
    const answer = await world.backendToken(user.cookie);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ token: expect.any(String), expiresIn: 900, userId: `site:${user.userId}` });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { token } = answer.body as { token: string };
    expect((await verified(token)).payload.sub).toBe(`site:${user.userId}`);
  });

  it("answers 401 where there is no session, with what went wrong", async () => {
    const user = await world.register();
    await world.site.signOut(user.cookie);
    for (const cookie of [undefined, "better-auth.session_token=forged.c2lnbmF0dXJl", user.cookie]) {
      const answer = await world.backendToken(cookie);
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject({ error: "invalid_grant", reason: "SESSION_INVALID", request_id: expect.any(String) });
    }
  });

  it("is refused to a page of another site, with its origin or without", async () => {
    const { cookie } = await world.register();
    const crossSite = await world.backendToken(cookie, { "sec-fetch-site": "cross-site" });
    const elsewhere = await world.backendToken(cookie, { origin: "https://evil.example" });
    const sandboxed = await world.backendToken(cookie, { origin: "null" });
    const sibling = await world.backendToken(cookie, { "sec-fetch-site": "same-site" });
    for (const answer of [crossSite, elsewhere, sandboxed, sibling]) {
      expect([answer.status, answer.body["reason"]]).toEqual([403, "ORIGIN_NOT_ALLOWED"]);
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
    expect((await world.backendToken(cookie, { "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect((await world.backendToken(cookie, { origin: page, "sec-fetch-site": "same-site" })).status).toBe(200);
  });

  it("is no image, script or head of anybody's: it is not sniffed, not embedded elsewhere, and not issued for nobody", async () => {
    const { cookie } = await world.register();
    const { headers } = await world.backendToken(cookie);
    expect([headers.get("x-content-type-options"), headers.get("cross-origin-resource-policy")]).toEqual(["nosniff", "same-origin"]);
    const head = await fetch(`${world.cambio.url}/api/auth/backend-token`, { method: "HEAD", headers: { cookie } });
    expect(head.status).toBe(405);
  });

  it("takes no proof of anybody: it is a browser's", async () => {
    const { cookie } = await world.register();
    const answer = await world.backendToken(cookie, { authorization: world.stack.authorization("orders") });
    expect([answer.status, answer.body["reason"]]).toEqual([401, "CALLER_UNAUTHENTICATED"]);
  });

  it("signs with the shared secret for a backend that wants that, and never takes such a token itself", async () => {
    const user = await world.register();
    const { token } = (await world.backendToken(user.cookie, {}, "/api/auth/legacy-token")).body as { token: string };
    expect(decodeProtectedHeader(token)).toEqual({ alg: "HS256", typ: "JWT" });
    const currentDate = new Date(world.stack.time.nowMs);
    const { payload } = await jwtVerify(token, Buffer.from(legacySecret), { algorithms: ["HS256"], currentDate });
    expect(payload).toMatchObject({ sub: `site:${user.userId}`, iat: expect.any(Number), exp: Number(payload.iat) + 900 });
    expect(payload.aud).toBeUndefined();
    const answer = await world.asOrders("ValidateCrossClient", { token: { value: token }, audience: "backend" });
    expect(reasonOf(answer)).toBe("TOKEN_INVALID");
  });

  it("answers 503 where nobody can decide: the application does not answer", async () => {
    const user = await world.register();
    const away = await startSessionWorld({ database: { location: { kind: "sqlite", file: join(folder, "away.sqlite") } } });
    await away.site.stop();
    const answer = await away.backendToken(user.cookie);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toMatch(/^[0-9]+$/);
    expect(answer.body).toMatchObject({ error: "temporarily_unavailable" });
    await away.stack.close();
  });
});

describe("a token of our own", () => {
  it("is validated first, without any network, and says that it is ours", async () => {
    const user = await world.register();
    const { accessToken } = tokensOf(await world.exchange(user.cookie));
    const before = [world.site.requests.length, world.stack.provider.requests.length];
    const answer = await world.asOrders("ValidateCrossClient", { token: { value: accessToken }, audience: "backend" });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      source: "VALIDATION_SOURCE_CAMBIO",
      claims: { issuer: ownIssuer, subject: `site:${user.userId}` },
    });
    expect([world.site.requests.length, world.stack.provider.requests.length]).toEqual(before);
  });

  it("opens no audience that it was not issued for", async () => {
    const { cookie } = await world.register();
    const { accessToken } = tokensOf(await world.exchange(cookie));
    const answer = await world.asOrders("ValidateCrossClient", { token: { value: accessToken }, audience: "stock" });
    expect(reasonOf(answer)).toBe("AUDIENCE_MISMATCH");
  });

  it("ends at once when the client that it was issued to revokes it", async () => {
    const { cookie } = await world.register();
    const { accessToken } = tokensOf(await world.exchange(cookie));
    const revoked = await world.cambio.rpc("Revoke", { clientId: "shop", token: { value: accessToken } }, { origin: page });
    expect(revoked.status).toBe(200);
    const answer = await world.asOrders("ValidateCrossClient", { token: { value: accessToken }, audience: "backend" });
    expect(reasonOf(answer)).toBe("TOKEN_REVOKED");
  });

  it("ends with the client that it was issued to", async () => {
    const { cookie } = await world.register();
    const { accessToken } = tokensOf(await world.exchange(cookie));
    const { configuration } = world.stack;
    const { shop } = configuration.clients;
    if (shop === undefined) throw new Error("the world has changed");
    world.cambio.reload({ ...configuration, clients: { ...configuration.clients, shop: { ...shop, disabled: true } } });
    const answer = await world.asOrders("ValidateCrossClient", { token: { value: accessToken }, audience: "backend" });
    world.cambio.reload(configuration);
    expect(reasonOf(answer)).toBe("CLIENT_NOT_TRUSTED");
  });

  it("is on record before it is issued, with who it is for and its id, and nothing secret", async () => {
    const user = await world.register();
    const { accessToken } = tokensOf(await world.exchange(user.cookie));
    const records = world.cambio.auditLines().filter((line) => line["subject"] === user.userId || line["request_id"] !== undefined);
    const outcome = records.findLast((line) => line["kind"] === "outcome");
    const intent = records.findLast((line) => line["kind"] === "intent");
    expect(intent?.["request_id"]).toBe(outcome?.["request_id"]);
    expect(outcome).toMatchObject({ provider: "site", subject: user.userId, targets: ["backend"], issued: decodeJwt(accessToken).jti });
  });

  // The last one: the clock goes on from here.
  it("has no safety buffer: it is good until the second it expires, and then says when that was", async () => {
    const user = await world.register();
    const { accessToken } = tokensOf(await world.exchange(user.cookie));
    const { exp = 0 } = decodeJwt(accessToken);
    const { time } = world.stack;
    const validate = () => world.asOrders("ValidateCrossClient", { token: { value: accessToken }, audience: "backend" });
    time.nowMs = exp * 1_000 - 1;
    // What is known of revocations is fifteen minutes old by that clock until it is looked up again.
    await eventually("the token is accepted", async () => (await validate()).status === 200);
    time.nowMs = exp * 1_000;
    const answer = await validate();
    expect(reasonOf(answer)).toBe("TOKEN_EXPIRED");
    expect(detailOf(answer)).toMatchObject({ expiredAt: new Date(exp * 1_000).toISOString().replace(".000Z", "Z") });
  });
});
