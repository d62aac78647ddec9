import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Reason } from "../../src/exchange/errors.ts";
import type { RefreshQuestion } from "../../src/exchange/refresh.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Lie } from "../support/fake-provider.ts";
import { outcomeOf, recordingTrail, refusal } from "./fixtures.ts";
import { claimsOf, patience, startSwapRig, type SwapRig, type Written } from "./swap-rig.ts";

let rig: SwapRig;
beforeEach(async () => {
  rig = await startSwapRig({ database: true });
});
afterEach(() => rig.close());

const seconds = () => rig.clock() / 1_000;

async function handle(claims: Readonly<Record<string, unknown>> = {}): Promise<Secret> {
  const { refreshToken } = await rig.exchange(await rig.token(claims), { refreshToken: true, scopes: ["read"] });
  if (refreshToken === undefined) throw new Error("no refresh token");
  return refreshToken;
}

/** Who showed himself to the token endpoint, request by request. */
const shown = () =>
  rig.fake.requests
    .filter(({ endpoint }) => endpoint === "token")
    .map(
      ({ headers }) =>
        Buffer.from((headers.authorization ?? "").slice(6), "base64")
          .toString()
          .split(":")[0],
    );

describe("a refresh token out of an exchange", () => {
  it("is always a handle, also for a service that holds the provider's tokens as they are", async () => {
    expect(rig.client("orders").rawRefreshTokens).toBe(true);
    const tokens = await rig.exchange(await rig.token(), { refreshToken: true });
    expect(tokens.refreshToken?.reveal()).toMatch(/^cambio_rt_/);
    const raw = rig.fake.issued.find((one) => one.startsWith("refresh-"));
    expect(raw).toBeDefined();
    expect(
      JSON.stringify(Object.entries(tokens).map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value])),
    ).not.toContain(raw);
  });

  it("is refreshed by the registration that it came by, to a token of the same subject for the same audience", async () => {
    const fresh = await rig.refresh(await handle());
    expect(claimsOf(fresh)).toMatchObject({ sub: "alice", client_id: "orders-client", aud: ["urn:inventory"], scope: "read" });
    expect(fresh.refreshToken?.reveal()).toMatch(/^cambio_rt_/);
    expect(shown()).toEqual(["orders-client", "orders-client"]);
    const again = await rig.refresh(fresh.refreshToken);
    expect(claimsOf(again)).toMatchObject({ sub: "alice", client_id: "orders-client" });
    expect(rig.fake.violations).toEqual([]);
  });

  it("is refreshed although an ID token comes along that is for that registration, and which nobody is given", async () => {
    rig.reconfigure(({ clients }) => (clients.orders.providers.main["scopes"] = ["openid", "read"]));
    const asked = { refreshToken: true, scopes: ["openid", "read"] };
    const { refreshToken } = await rig.exchange(await rig.token({ scope: "openid read" }), asked);
    const fresh = await rig.refresh(refreshToken);
    expect([fresh.subject, fresh.idToken]).toEqual(["alice", undefined]);
    expect(rig.fake.issued.filter((one) => one.startsWith("ey"))).toHaveLength(4);
    await expect(rig.refresh(fresh.refreshToken)).resolves.toBeDefined();
  });

  it("is refreshed though the subject token has long ended, and on record", async () => {
    const refreshToken = await handle();
    rig.clock.advance(7_200_000);
    // What is known of revocations is two hours old at once, until it is read again.
    const known = () => rig.wired.storage.revocations.check({ provider: "main", id: "", subject: "alice", issuedAt: seconds() });
    await expect.poll(() => outcomeOf(known)).toBeUndefined();
    const { trail, intents, notes } = recordingTrail("orders");
    await expect(rig.refresh(refreshToken, { trail })).resolves.toBeDefined();
    expect([intents(), notes().subject]).toEqual([1, "alice"]);
  });

  it("as the provider made it is nothing to a service that has it from somewhere: another registration got it", async () => {
    await handle();
    const raw = rig.fake.issued.find((one) => one.startsWith("refresh-")) ?? "";
    await expect(rig.refresh(new Secret(raw), { provider: "main" })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  });

  it("shown as an access token is told to no provider, which could use it as the client it belongs to", async () => {
    const refreshToken = await handle();
    const [before, shownAs] = [rig.fake.requests.length, { provider: "main" }];
    await expect(rig.exchange(refreshToken.reveal(), shownAs)).rejects.toThrow(refusal("TOKEN_TYPE_MISMATCH"));
    await expect(rig.validate(refreshToken.reveal(), shownAs)).rejects.toThrow(refusal("TOKEN_TYPE_MISMATCH"));
    expect(rig.fake.requests.length).toBe(before);
  });

  it("is nothing to another client", async () => {
    const refreshToken = await handle();
    await expect(rig.refresh(refreshToken, { client: rig.client("billing") })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.asked()).toBe(1);
  });

  it.each<[string, (written: Written) => void, Partial<RefreshQuestion>, Reason]>([
    [
      "the client may have none any more",
      ({ clients }) => (clients.orders.providers.main["exchanged_refresh_tokens"] = false),
      {},
      "CALLER_NOT_ALLOWED",
    ],
    ["the client may not use the provider any more", ({ clients }) => (clients.orders.providers = {} as never), {}, "CALLER_NOT_ALLOWED"],
    ["the client was disabled", ({ clients }) => (clients.orders["disabled"] = true), {}, "CALLER_NOT_ALLOWED"],
    [
      "the client may not ask for the audience any more",
      ({ clients }) => (clients.orders.providers.main["audiences"] = ["orders"]),
      {},
      "TARGET_NOT_ALLOWED",
    ],
    [
      "the audience by which it came is not the client's own any more",
      ({ clients }) => (clients.orders["audiences"] = ["reports"]),
      {},
      "TARGET_NOT_ALLOWED",
    ],
    [
      "that audience has no registration any more",
      ({ audiences }) => delete audiences["orders"]?.accepts.main.exchange_as,
      {},
      "TARGET_NOT_ALLOWED",
    ],
    [
      "that audience trusts the client no more which the subject token was issued to",
      ({ audiences }) => audiences["orders"]?.accepts.main.clients.splice(0),
      {},
      "CLIENT_NOT_TRUSTED",
    ],
    [
      "that audience is another now than the subject token was for",
      ({ audiences }) => audiences["orders"]?.accepts.main.identifiers.splice(0, 2, "urn:new"),
      {},
      "AUDIENCE_MISMATCH",
    ],
    [
      "the audience is gone",
      ({ audiences, clients }) => {
        delete audiences["inventory"];
        clients.orders.providers.main["audiences"] = ["orders"];
        clients.billing.providers.main["audiences"] = ["orders"];
      },
      {},
      "TARGET_NOT_ALLOWED",
    ],
    [
      "a scope is asked for that the client may not have",
      ({ clients }) => (clients.orders.providers.main["scopes"] = ["read"]),
      { scopes: ["write"] },
      "SCOPE_NOT_ALLOWED",
    ],
    [
      "a scope is asked for that the subject token did not have",
      ({ clients }) => (clients.orders.providers.main["scopes"] = ["read", "write", "admin"]),
      { scopes: ["admin"] },
      "SCOPE_NOT_ALLOWED",
    ],
  ])("is not refreshed where %s: the provider hears nothing, and the handle is not used up", async (_what, change, given, reason) => {
    const refreshToken = await handle();
    rig.reconfigure(change);
    await expect(rig.refresh(refreshToken, given)).rejects.toThrow(refusal(reason));
    expect(rig.asked()).toBe(1);
    rig.reconfigure(() => undefined);
    await expect(rig.refresh(refreshToken)).resolves.toBeDefined();
  });

  it.each<[string, Lie, Reason]>([
    ["another subject", { claims: { sub: "mallory" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["another holder", { claims: { client_id: "cambio" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["another audience", { claims: { aud: ["urn:payroll"] } }, "TARGET_NOT_ALLOWED"],
    ["an audience more", { claims: { aud: ["urn:inventory", "account"] } }, "TARGET_NOT_ALLOWED"],
    ["no audience", { claims: { aud: undefined } }, "TARGET_NOT_ALLOWED"],
    ["an audience less, as Keycloak does once it is disabled", { claims: { aud: [] } }, "TARGET_NOT_ALLOWED"],
    ["a scope more than the subject token had", { claims: { scope: "read write admin" } }, "SCOPE_NOT_ALLOWED"],
    ["a scope more by the answer alone", { answer: { scope: "read admin" } }, "SCOPE_NOT_ALLOWED"],
    ["an actor less", { claims: { act: undefined } }, "DELEGATION_NOT_ALLOWED"],
    ["a signature that is nobody's", { answer: { access_token: "a.b.c" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a token bound to a key", { claims: { act: { sub: "gateway" }, cnf: { jkt: "x" } } }, "UPSTREAM_INVALID_RESPONSE"],
    [
      "an opaque token with a scope more",
      { opaque: true, claims: { act: { sub: "gateway" }, scope: "read write admin" }, answer: { scope: "read" } },
      "SCOPE_NOT_ALLOWED",
    ],
  ])("never becomes wider at a refresh: %s", async (_what, lie, reason) => {
    const act = { sub: "gateway" };
    const refreshToken = await handle({ act });
    rig.fake.lies(lie.claims !== undefined && "act" in lie.claims ? lie : { ...lie, claims: { act, ...lie.claims } });
    await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal(reason));
  });

  it("never becomes wider by `scp` than the subject token was, though the client may have it", async () => {
    const refreshToken = await handle({ scope: "read" });
    rig.fake.lies({ claims: { scp: ["read", "write"] } });
    await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("never becomes wider than the client may have now, though the subject token had it", async () => {
    const refreshToken = await handle();
    rig.reconfigure(({ clients }) => (clients.orders.providers.main["scopes"] = ["read"]));
    for (const opaque of [false, true]) {
      rig.fake.lies({ opaque, claims: { scope: "read write" }, answer: { scope: "read" } });
      await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    }
  });

  it("never lives longer than the client may have it, whatever the answer says of that", async () => {
    const refreshToken = await handle();
    rig.reconfigure(({ clients }) => (clients.orders.providers.main["max_lifetime"] = "5m"));
    rig.fake.lies({ opaque: true, answer: { expires_in: 60 } });
    await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
  });

  it("ends with all that its subject has", async () => {
    const refreshToken = await handle();
    await rig.wired.storage.revocations.revoke({
      kind: "subject",
      provider: "main",
      id: "alice",
      until: seconds(),
      expiresAt: seconds() + 3_600,
    });
    await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.asked()).toBe(1);
  });

  it("ends with all that its subject has also where the provider answers later than that, and so does what it answered", async () => {
    const refreshToken = await handle();
    const release = rig.fake.hold("token");
    const refreshing = rig.refresh(refreshToken);
    refreshing.catch(() => undefined);
    await expect.poll(() => rig.asked()).toBe(2);
    const [until, expiresAt] = [seconds(), seconds() + 7_200];
    await rig.wired.storage.revocations.revoke({ kind: "subject", provider: "main", id: "alice", until, expiresAt });
    rig.clock.advance(2_000);
    release();
    await expect(refreshing).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    const fresh = rig.fake.issued.findLast((one) => one.split(".").length === 3) ?? "";
    const { jti } = claimsOf({ accessToken: new Secret(fresh) });
    const check = () =>
      rig.wired.storage.revocations.check({ provider: "main", id: `jti:${String(jti)}`, subject: "alice", issuedAt: seconds() });
    expect(check).toThrow(refusal("TOKEN_REVOKED"));
    await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.asked()).toBe(2);
  });

  it("ends when it is revoked, together with the access tokens that came out of it", async () => {
    const { refreshToken, accessToken } = await rig.refresh(await handle());
    if (refreshToken === undefined) throw new Error("no refresh token");
    const ending = {
      client: rig.client("orders"),
      provider: "",
      token: refreshToken,
      isRefreshToken: true,
      trail: recordingTrail("orders").trail,
    };
    await rig.wired.operations.revoke(ending, patience());
    await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.asked()).toBe(2);
    const swapped = { claims: claimsOf({ accessToken }) };
    const id = `jti:${String(swapped.claims["jti"])}`;
    const check = () => rig.wired.storage.revocations.check({ provider: "main", id, subject: "alice", issuedAt: seconds() });
    expect(check).toThrow(refusal("TOKEN_REVOKED"));
  });

  it("that was replaced and is shown again is a thief's: the family ends", async () => {
    const first = await handle();
    const second = await rig.refresh(first);
    await rig.refresh(second.refreshToken);
    await expect(rig.refresh(first)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refresh(second.refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.asked()).toBe(3);
  });

  it("presented by many at once is sent once", async () => {
    const refreshToken = await handle();
    const release = rig.fake.hold("token");
    const asking = Array.from({ length: 20 }, () => rig.refresh(refreshToken));
    await expect.poll(() => rig.asked()).toBe(2);
    release();
    expect(new Set((await Promise.all(asking)).map(({ accessToken }) => accessToken.reveal())).size).toBe(1);
    expect(rig.asked()).toBe(2);
  });

  it("is refreshed at once while a hundred exchanges hang at the same endpoint: what spends has connections of its own", async () => {
    rig.reconfigure(({ providers }) => (providers.main.timeout = "30s"));
    const refreshToken = await handle();
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, number) => rig.token({ sub: `user-${number}` })));
    const before = rig.asked();
    // As many as one provider has connections: behind them nothing more is sent.
    rig.fake.faults.next("token", { kind: "hang-before-headers" }, 64);
    const gone = new AbortController();
    let settled = 0;
    const hanging = tokens.map((token) =>
      rig
        .exchange(token, {}, gone.signal)
        .catch(() => undefined)
        .finally(() => (settled += 1)),
    );
    await expect.poll(() => rig.asked() - before, { timeout: 10_000 }).toBe(64);
    await expect(rig.refresh(refreshToken)).resolves.toBeDefined();
    expect(settled).toBe(0);
    gone.abort();
    await Promise.all(hanging);
  });

  it("is asked for once by each: no two holders ever share one", async () => {
    const token = await rig.token();
    const release = rig.fake.hold("token");
    const asking = Array.from({ length: 5 }, () => rig.exchange(token, { refreshToken: true }));
    await expect.poll(() => rig.asked()).toBe(5);
    release();
    expect(new Set((await Promise.all(asking)).map(({ refreshToken }) => refreshToken?.reveal())).size).toBe(5);
  });
});

it("a thief's refresh that is under way while all of its subject is revoked gives nothing, and ends with it", async () => {
  const refreshToken = await handle();
  const before = rig.asked();
  const release = rig.fake.hold("token");
  const refreshing = rig.refresh(refreshToken).catch((failure: unknown) => failure);
  await expect.poll(() => rig.asked()).toBe(before + 1);
  const until = seconds();
  await rig.wired.storage.revocations.revoke({ kind: "subject", provider: "main", id: "alice", until, expiresAt: until + 3_600 });
  // What is issued from here on looks younger than what was ended.
  rig.clock.advance(2_000);
  release();
  expect(await refreshing).toEqual(refusal("REAUTHENTICATION_REQUIRED"));
  await expect(rig.refresh(refreshToken)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  expect(rig.asked()).toBe(before + 1);
});
