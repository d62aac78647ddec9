import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import type { ClientConfiguration } from "../../src/config/schema.ts";
import { type Answer, type FakeStackOptions, type Instance, page, reasonOf } from "../support/fake-stack.ts";
import { refreshCookieName, type SessionWorld, startSessionWorld } from "../support/session-world.ts";
import { tokensOf } from "./session-answers.ts";
import { useServers } from "./replica-rig.ts";

const servers = useServers();
const refreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token";

async function start(options: Partial<FakeStackOptions> = {}): Promise<SessionWorld> {
  const database = { location: { kind: "postgres", address: await servers.freshDatabase() } } as const;
  const world = await startSessionWorld({ database, ...options });
  servers.defer(() => world.close());
  return world;
}

const signedIn = async (world: SessionWorld) => {
  const user = await world.register();
  const answer = await world.exchange(user.cookie, { audiences: ["backend"], requestedTokenType: refreshTokenType });
  const { refreshToken = "", accessToken } = tokensOf(answer);
  return { ...user, handle: refreshToken, accessToken };
};

const refresh = (handle: string, at: Instance, more: object = {}): Promise<Answer> =>
  at.rpc("Refresh", { clientId: "shop", refreshToken: handle, ...more }, { origin: page });

const withGrant =
  (change: Partial<ClientConfiguration["providers"][string]>) =>
  (client: ClientConfiguration): ClientConfiguration => ({
    ...client,
    providers: Object.fromEntries(Object.entries(client.providers).map(([name, grant]) => [name, { ...grant, ...change }])),
  });

describe("a handle that stands for a session", () => {
  it("gives a fresh token for the same user, and a successor of itself", async () => {
    const world = await start();
    const user = await signedIn(world);
    expect(user.handle).toMatch(/^cambio_rt_/);
    world.stack.time.nowMs += 2_000;
    const answer = await refresh(user.handle, world.cambio);
    const fresh = tokensOf(answer);
    expect(answer.body["issuance"]).toBe("ISSUANCE_MINTED");
    expect(decodeJwt(fresh.accessToken)).toMatchObject({ sub: `site:${user.userId}`, scope: "orders:read", client_id: "shop" });
    expect(decodeJwt(fresh.accessToken).jti).not.toBe(decodeJwt(user.accessToken).jti);
    expect(fresh.refreshToken).toMatch(/^cambio_rt_/);
    expect(fresh.refreshToken).not.toBe(user.handle);
  });

  it("is not given to whoever may not have one", async () => {
    const world = await start();
    const { bearer } = await world.register();
    const answer = await world.cambio.rpc("Exchange", {
      clientId: "tool",
      session: { token: bearer },
      requestedTokenType: refreshTokenType,
    });
    expect([answer.status, reasonOf(answer)]).toEqual([403, "CALLER_NOT_ALLOWED"]);
  });

  it("ends with all of its family once the session was signed out at its origin", async () => {
    const world = await start();
    const user = await signedIn(world);
    await world.site.signOut(user.cookie);
    for (const handle of [user.handle, user.handle]) {
      const answer = await refresh(handle, world.cambio);
      expect([answer.status, reasonOf(answer)]).toEqual([401, "REAUTHENTICATION_REQUIRED"]);
    }
    // What came out of it ends with it.
    const shown = await world.asOrders("ValidateCrossClient", { token: { value: user.accessToken }, audience: "backend" });
    expect(reasonOf(shown)).toBe("TOKEN_REVOKED");
  });

  it("is good after a restart, and while the application does not answer it only waits", async () => {
    const world = await start();
    const user = await signedIn(world);
    const restarted = await world.stack.another();
    servers.defer(() => restarted.close());
    const { refreshToken = "" } = tokensOf(await refresh(user.handle, restarted));
    await world.site.stop();
    const away = await refresh(refreshToken, restarted);
    expect([away.status, reasonOf(away)]).toEqual([503, "UPSTREAM_UNAVAILABLE"]);
  });

  it("survives FLUSHALL: Redis keeps nothing of it", async () => {
    const redis = servers.redis();
    const world = await start({ redis: redis.url });
    const user = await signedIn(world);
    await redis.flush();
    expect((await refresh(user.handle, world.cambio)).status).toBe(200);
  });

  it("is refreshed within what was granted, whatever is asked for later", async () => {
    const world = await start();
    const user = await signedIn(world);
    const wider = await refresh(user.handle, world.cambio, { scopes: ["orders:write"] });
    expect(reasonOf(wider)).toBe("SCOPE_NOT_ALLOWED");
    expect(tokensOf(await refresh(user.handle, world.cambio)).scopes).toEqual(["orders:read"]);
  });

  it("of somebody else looks like none", async () => {
    const world = await start();
    const user = await signedIn(world);
    const answer = await world.cambio.rpc("Refresh", { clientId: "cookie-shop", refreshToken: user.handle }, { origin: page });
    expect(reasonOf(answer)).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("answers its predecessor with the same successor until that is used; any later use of the predecessor ends both", async () => {
    const world = await start();
    const user = await signedIn(world);
    const first = tokensOf(await refresh(user.handle, world.cambio));
    const again = tokensOf(await refresh(user.handle, world.cambio));
    expect(again).toMatchObject({ accessToken: first.accessToken, refreshToken: first.refreshToken });
    const second = tokensOf(await refresh(first.refreshToken ?? "", world.cambio));
    expect(reasonOf(await refresh(user.handle, world.cambio))).toBe("REAUTHENTICATION_REQUIRED");
    expect(reasonOf(await refresh(second.refreshToken ?? "", world.cambio))).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("does not answer by what was answered before once the session is over: its predecessor is read at the origin as well", async () => {
    const world = await start();
    const user = await signedIn(world);
    const first = tokensOf(await refresh(user.handle, world.cambio));
    await world.site.signOut(user.cookie);
    expect(reasonOf(await refresh(user.handle, world.cambio))).toBe("REAUTHENTICATION_REQUIRED");
    expect(reasonOf(await refresh(first.refreshToken ?? "", world.cambio))).toBe("REAUTHENTICATION_REQUIRED");
    const shown = await world.asOrders("ValidateCrossClient", { token: { value: first.accessToken }, audience: "backend" });
    expect(reasonOf(shown)).toBe("TOKEN_REVOKED");
  });

  it.each<[string, (client: ClientConfiguration) => ClientConfiguration, string]>([
    ["the client may have no handles any more", withGrant({ exchanged_refresh_tokens: false }), "CALLER_NOT_ALLOWED"],
    ["the client may not ask for the audience any more", withGrant({ audiences: [] }), "TARGET_NOT_ALLOWED"],
    ["the client may not have the scopes any more", withGrant({ scopes: [] }), "SCOPE_NOT_ALLOWED"],
    ["the client is disabled", (client) => ({ ...client, disabled: true }), "CALLER_NOT_ALLOWED"],
  ])("asks the policy of now, also for what was answered before: %s", async (_name, change, reason) => {
    const world = await start();
    const user = await signedIn(world);
    await refresh(user.handle, world.cambio);
    const { clients } = world.stack.configuration;
    const { shop } = clients;
    if (shop === undefined) throw new Error("the world has changed");
    world.cambio.reload({ ...world.stack.configuration, clients: { ...clients, shop: change(shop) } });
    expect(reasonOf(await refresh(user.handle, world.cambio))).toBe(reason);
  });

  it("ends at a revocation, without a word to the application", async () => {
    const world = await start();
    const user = await signedIn(world);
    const before = world.site.requests.length;
    const message = { clientId: "shop", token: { value: user.handle, type: refreshTokenType } };
    const revoked = await world.cambio.rpc("Revoke", message, { origin: page });
    expect([revoked.status, revoked.body]).toEqual([200, {}]);
    expect(world.site.requests.length).toBe(before);
    expect(reasonOf(await refresh(user.handle, world.cambio))).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("is refreshed once by 100 at once on three replicas: one successor for all", async () => {
    const world = await start({ instances: 3 });
    const user = await signedIn(world);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => refresh(user.handle, world.stack.instances[index % 3] ?? world.cambio)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => tokensOf(answer).refreshToken)).size).toBe(1);
    expect(new Set(answers.map((answer) => tokensOf(answer).accessToken)).size).toBe(1);
    const [first] = answers;
    if (first === undefined) throw new Error("nobody answered");
    expect((await refresh(tokensOf(first).refreshToken ?? "", world.cambio)).status).toBe(200);
  });
});

const cookieOf = (answer: Answer): string => answer.headers.getSetCookie().find((one) => one.startsWith(`${refreshCookieName}=`)) ?? "";
const pairOf = (cookie: string): string => cookie.split(";")[0] ?? "";
const exchangeForCookie = (world: SessionWorld, cookie: string) =>
  world.cambio.rpc("Exchange", { clientId: "cookie-shop", session: {}, requestedTokenType: refreshTokenType }, { origin: page, cookie });

describe("a refresh cookie", () => {
  it("carries the handle instead of the message, out of reach of scripts, of other sites and of plain http", async () => {
    const world = await start();
    const { cookie } = await world.register();
    const answer = await exchangeForCookie(world, cookie);
    expect(tokensOf(answer).refreshToken).toBeUndefined();
    const [pair, ...attributes] = cookieOf(answer).split("; ");
    expect(pair).toMatch(/^__Secure-cambio-refresh=cambio_rt_/);
    expect(attributes).toEqual([
      "Path=/cambio.v1.TokenExchangeService/",
      "HttpOnly",
      "Secure",
      "SameSite=Strict",
      `Max-Age=${30 * 86_400}`,
    ]);
  });

  it("is refreshed from a listed page, and replaced by its successor", async () => {
    const world = await start();
    const { cookie } = await world.register();
    const held = pairOf(cookieOf(await exchangeForCookie(world, cookie)));
    const answer = await world.cambio.rpc("Refresh", { clientId: "cookie-shop" }, { origin: page, cookie: held });
    expect(answer.status).toBe(200);
    expect(pairOf(cookieOf(answer))).not.toBe(held);
  });

  it.each([
    ["no origin", {}],
    ["another origin", { origin: "https://evil.example" }],
  ])("opens nothing to a page of %s", async (_name, headers) => {
    const world = await start();
    const { cookie } = await world.register();
    const held = pairOf(cookieOf(await exchangeForCookie(world, cookie)));
    for (const method of ["Refresh", "Revoke"] as const) {
      const token = method === "Revoke" ? { token: { type: refreshTokenType } } : {};
      const answer = await world.cambio.rpc(method, { clientId: "cookie-shop", ...token }, { cookie: held, ...headers });
      expect(reasonOf(answer)).toBe("ORIGIN_NOT_ALLOWED");
    }
  });

  it("of another client opens nothing", async () => {
    const world = await start();
    const { cookie } = await world.register();
    const held = pairOf(cookieOf(await exchangeForCookie(world, cookie)));
    const answer = await world.cambio.rpc("Refresh", { clientId: "shop" }, { origin: page, cookie: held });
    expect(reasonOf(answer)).toBe("MALFORMED_REQUEST");
  });

  it("is taken back where what it held is over, and left where nobody can say", async () => {
    const world = await start();
    const { cookie } = await world.register();
    const held = pairOf(cookieOf(await exchangeForCookie(world, cookie)));
    const refreshed = () => world.cambio.rpc("Refresh", { clientId: "cookie-shop" }, { origin: page, cookie: held });
    await world.site.signOut(cookie);
    const answer = await refreshed();
    expect([answer.status, reasonOf(answer), cookieOf(answer)]).toEqual([
      401,
      "REAUTHENTICATION_REQUIRED",
      expect.stringContaining("Max-Age=0"),
    ]);
    const other = await world.register();
    const standing = pairOf(cookieOf(await exchangeForCookie(world, other.cookie)));
    await world.site.stop();
    const away = await world.cambio.rpc("Refresh", { clientId: "cookie-shop" }, { origin: page, cookie: standing });
    expect([reasonOf(away), cookieOf(away)]).toEqual(["UPSTREAM_UNAVAILABLE", ""]);
  });

  it("is taken back by a sign-out that names nothing else", async () => {
    const world = await start();
    const { cookie } = await world.register();
    const held = pairOf(cookieOf(await exchangeForCookie(world, cookie)));
    const headers = { origin: page, cookie: held };
    const revoked = await world.cambio.rpc("Revoke", { clientId: "cookie-shop", token: { type: refreshTokenType } }, headers);
    expect(revoked.status).toBe(200);
    expect(cookieOf(revoked)).toContain("Max-Age=0");
    const answer = await world.cambio.rpc("Refresh", { clientId: "cookie-shop" }, headers);
    expect(reasonOf(answer)).toBe("REAUTHENTICATION_REQUIRED");
  });
});
