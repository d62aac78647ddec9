import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExchangeTokenQuestion } from "../../src/exchange/exchange-token.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Lie } from "../support/fake-provider.ts";
import type { Fault } from "../support/faults.ts";
import { recordingTrail, refusal } from "./fixtures.ts";
import { claimsOf, startSwapRig, type SwapRig, type Written } from "./swap-rig.ts";

let rig: SwapRig;
beforeEach(async () => {
  rig = await startSwapRig();
});
afterEach(() => rig.close());

const seconds = () => rig.clock() / 1_000;

describe("an exchange of a token that was meant for the client", () => {
  it("gives one for another audience: of the same subject, issued to the client's own registration, no longer-lived", async () => {
    const exp = seconds() + 600;
    const tokens = await rig.exchange(await rig.token({ exp }), { scopes: ["read"] });
    expect(claimsOf(tokens)).toMatchObject({ sub: "alice", aud: ["urn:inventory"], client_id: "orders-client", scope: "read", exp });
    expect(tokens).toMatchObject({
      subject: "alice",
      scopes: ["read"],
      expiresAtMs: exp * 1_000,
      refreshToken: undefined,
      idToken: undefined,
    });
    expect(rig.fake.violations).toEqual([]);
  });

  it("is for the first audience that the client may ask for, where none is named", async () => {
    expect(claimsOf(await rig.exchange(await rig.token(), { audiences: [] }))["aud"]).toEqual(["urn:orders"]);
  });

  it("is for every audience that is named", async () => {
    const tokens = await rig.exchange(await rig.token(), { audiences: ["inventory", "reports"] });
    expect(claimsOf(tokens)["aud"]).toEqual(["urn:inventory", "urn:reports"]);
  });

  it("goes by the registration of the audience that the token was meant for", async () => {
    const tokens = await rig.exchange(await rig.token({ aud: ["urn:reports"] }));
    expect(claimsOf(tokens)["client_id"]).toBe("reports-client");
  });

  it("takes an opaque token under its provider's name, by what the provider says of it", async () => {
    const token = rig.fake.mintOpaque({ aud: ["urn:orders"], scope: "read write" });
    expect(claimsOf(await rig.exchange(token, { provider: "main" }))).toMatchObject({ sub: "alice", client_id: "orders-client" });
    await expect(rig.exchange(token)).rejects.toThrow(refusal("TOKEN_MALFORMED"));
  });

  it("keeps those who act for the subject", async () => {
    const act = { sub: "gateway", act: { sub: "batch" } };
    expect(claimsOf(await rig.exchange(await rig.token({ act })))["act"]).toEqual(act);
  });

  it("is on record before the provider is asked, and as what", async () => {
    const { trail, notes, intents } = recordingTrail("orders");
    const release = rig.fake.hold("token");
    const exchanging = rig.exchange(await rig.token(), { trail, scopes: ["read"] });
    await expect.poll(() => rig.asked()).toBe(1);
    expect(intents()).toBe(1);
    expect(notes()).toMatchObject({ provider: "main", subject: "alice", originClient: "web", audience: "orders", scopes: ["read"] });
    release();
    await exchanging;
  });

  it("does not happen without a record of it", async () => {
    const { trail } = recordingTrail("orders");
    const silent = { ...trail, intent: () => Promise.reject(new ExchangeError("AUDIT_UNAVAILABLE")) };
    const token = await rig.token();
    for (const refreshToken of [false, true])
      await expect(rig.exchange(token, { trail: silent, refreshToken })).rejects.toThrow(refusal("AUDIT_UNAVAILABLE"));
    await expect(rig.validate(token, { trail: silent })).rejects.toThrow(refusal("AUDIT_UNAVAILABLE"));
    expect(rig.asked()).toBe(0);
  });

  it("ends with the call that asked for it, and what is asked again is asked anew", async () => {
    const release = rig.fake.hold("token");
    const leaving = new AbortController();
    const token = await rig.token();
    const exchanging = rig.exchange(token, {}, leaving.signal);
    await expect.poll(() => rig.asked()).toBe(1);
    leaving.abort();
    await expect(exchanging).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    release();
    await expect(rig.exchange(token)).resolves.toHaveProperty("subject", "alice");
    expect(rig.asked()).toBe(2);
  });

  it("goes on for others when one of two that wait for it leaves", async () => {
    const release = rig.fake.hold("token");
    const leaving = new AbortController();
    const token = await rig.token();
    const left = rig.exchange(token, {}, leaving.signal);
    const stayed = rig.exchange(token);
    await expect.poll(() => rig.asked()).toBe(1);
    leaving.abort();
    await expect(left).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    release();
    await expect(stayed).resolves.toHaveProperty("subject", "alice");
    expect(rig.asked()).toBe(1);
  });

  it("is not sent for a call that is over by the time it is on record", async () => {
    const leaving = new AbortController();
    const { trail } = recordingTrail("orders");
    const late = { ...trail, intent: async () => leaving.abort() };
    await expect(rig.exchange(await rig.token(), { trail: late }, leaving.signal)).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(rig.asked()).toBe(0);
  });
});

describe("is refused, and the token endpoint hears nothing:", () => {
  type Row = readonly [
    what: string,
    given: { token?: Readonly<Record<string, unknown>>; asked?: Partial<ExchangeTokenQuestion>; change?: (written: Written) => void },
    reason: Reason,
  ];
  it.each<Row>([
    ["a token that was meant for somebody else", { token: { aud: ["urn:payroll"] } }, "AUDIENCE_MISMATCH"],
    ["a token that was meant for nobody", { token: { aud: [] } }, "AUDIENCE_MISMATCH"],
    ["a token of a client that the audience does not trust", { token: { client_id: "games" } }, "CLIENT_NOT_TRUSTED"],
    ["a token that has ended", { token: { exp: 1_800_000_060, iat: 1_799_999_000 } }, "TOKEN_EXPIRED"],
    ["a token of a stranger", { token: { iss: "https://evil.example" } }, "ISSUER_NOT_TRUSTED"],
    ["a token bound to a key", { token: { cnf: { jkt: "x" } } }, "PROOF_REQUIRED"],
    ["a provider that there is not", { asked: { provider: "elsewhere" } }, "PROVIDER_UNKNOWN"],
    ["somebody who acts", { asked: { actorToken: new Secret("somebody") } }, "DELEGATION_NOT_ALLOWED"],
    ["an audience that the client may not ask for", { asked: { audiences: ["payroll"] } }, "TARGET_NOT_ALLOWED"],
    ["an audience that there is not", { asked: { audiences: ["nowhere"] } }, "TARGET_NOT_ALLOWED"],
    ["one audience too many", { asked: { audiences: ["inventory", "payroll"] } }, "TARGET_NOT_ALLOWED"],
    ["a scope that the token lacks", { token: { scope: "read" }, asked: { scopes: ["write"] } }, "SCOPE_NOT_ALLOWED"],
    ["a scope that the client may not have", { token: { scope: "admin" }, asked: { scopes: ["admin"] } }, "SCOPE_NOT_ALLOWED"],
    ["a client that was disabled", { change: ({ clients }) => (clients.orders["disabled"] = true) }, "CALLER_NOT_ALLOWED"],
    ["a client without an audience of its own", { change: ({ clients }) => (clients.orders["audiences"] = []) }, "TARGET_NOT_ALLOWED"],
    [
      "a client that may not use the provider",
      { change: ({ clients }) => (clients.orders.providers = {} as typeof clients.orders.providers) },
      "CALLER_NOT_ALLOWED",
    ],
    [
      "a client that may ask for no audience, where none is named",
      { asked: { audiences: [] }, change: ({ clients }) => (clients.orders.providers.main["audiences"] = []) },
      "TARGET_NOT_ALLOWED",
    ],
    [
      "an audience without a registration at the provider",
      { change: ({ audiences }) => delete audiences["orders"]?.accepts.main.exchange_as },
      "TARGET_NOT_ALLOWED",
    ],
    [
      "a refresh token that the client may not have",
      {
        asked: { refreshToken: true },
        change: ({ clients }) => (clients.orders.providers.main["exchanged_refresh_tokens"] = false),
      },
      "CALLER_NOT_ALLOWED",
    ],
  ])("%s", async (_what, { token, asked, change }, reason) => {
    if (change !== undefined) rig.reconfigure(change);
    const { trail, intents } = recordingTrail("orders");
    await expect(rig.exchange(await rig.token(token), { ...asked, trail })).rejects.toThrow(refusal(reason));
    expect([rig.asked(), intents()]).toEqual([0, 0]);
  });

  it("a forged token, which is not introspected either", async () => {
    const forged = (await rig.token()).replace(/[^.]{20}$/, "A".repeat(20));
    for (const provider of ["", "main"]) await expect(rig.exchange(forged, { provider })).rejects.toThrow(refusal("TOKEN_INVALID"));
    expect([rig.asked(), rig.fake.callsTo("introspection")]).toEqual([0, 0]);
  });

  it("a token longer than any, before anything of it is read", async () => {
    await expect(rig.exchange("a".repeat(16_385), { provider: "main" })).rejects.toThrow(refusal("TOKEN_MALFORMED"));
    expect(rig.fake.requests).toEqual([]);
  });

  it("a token that was revoked here", async () => {
    const token = await rig.token({ jti: "ended" });
    await rig.wired.storage.revocations.revoke({ kind: "token", provider: "main", id: "jti:ended", expiresAt: seconds() + 3_600 });
    await expect(rig.exchange(token)).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" }));
    expect(rig.asked()).toBe(0);
  });

  it("a token of a subject all of whose tokens were revoked", async () => {
    const token = await rig.token();
    await rig.wired.storage.revocations.revoke({
      kind: "subject",
      provider: "main",
      id: "alice",
      until: seconds(),
      expiresAt: seconds() + 3_600,
    });
    await expect(rig.exchange(token)).rejects.toThrow(refusal("TOKEN_REVOKED"));
    expect(rig.asked()).toBe(0);
  });
});

describe("a provider that answers wider than it was asked", () => {
  const scope = "read write admin";
  it.each<[string, Lie, Reason]>([
    ["another subject", { claims: { sub: "mallory" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["no subject", { claims: { sub: undefined } }, "UPSTREAM_INVALID_RESPONSE"],
    ["another holder", { claims: { client_id: "web" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["another issuer", { claims: { iss: "https://evil.example" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a token bound to a key that nobody has", { claims: { cnf: { jkt: "x" } } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a token without an end", { claims: { exp: undefined } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a token that has ended", { claims: { exp: 1_800_000_030 } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a token from ahead", { claims: { iat: 1_800_000_060 } }, "UPSTREAM_INVALID_RESPONSE"],
    ["an audience more", { claims: { aud: ["urn:inventory", "urn:payroll"] } }, "TARGET_NOT_ALLOWED"],
    ["an audience that means nothing here more", { claims: { aud: ["urn:inventory", "account"] } }, "TARGET_NOT_ALLOWED"],
    ["another audience", { claims: { aud: ["urn:payroll"] } }, "TARGET_NOT_ALLOWED"],
    ["no audience", { claims: { aud: undefined } }, "TARGET_NOT_ALLOWED"],
    ["a scope more", { claims: { scope }, answer: { scope } }, "SCOPE_NOT_ALLOWED"],
    ["a scope more in the token alone", { claims: { scope } }, "SCOPE_NOT_ALLOWED"],
    ["a scope more in the answer alone", { answer: { scope } }, "SCOPE_NOT_ALLOWED"],
    ["a longer life", { claims: { exp: 1_800_003_601 } }, "TARGET_NOT_ALLOWED"],
    ["an actor less", { claims: { act: undefined } }, "DELEGATION_NOT_ALLOWED"],
    ["other actors", { claims: { act: { sub: "mallory" } } }, "DELEGATION_NOT_ALLOWED"],
    ["a token of another kind of use", { answer: { token_type: "DPoP" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a token that it does not vouch for", { opaque: true, introspection: { active: false } }, "UPSTREAM_INVALID_RESPONSE"],
    ["another subject, by an opaque token", { opaque: true, claims: { sub: "mallory" } }, "UPSTREAM_INVALID_RESPONSE"],
    ["a scope more, by an opaque token", { opaque: true, claims: { scope } }, "SCOPE_NOT_ALLOWED"],
    ["an audience more, by an opaque token", { opaque: true, claims: { aud: ["urn:inventory", "account"] } }, "TARGET_NOT_ALLOWED"],
  ])("is not believed, and nothing of it is remembered: %s", async (_what, lie, reason) => {
    const token = await rig.token({ act: { sub: "gateway" } });
    rig.fake.lies(lie);
    await expect(rig.exchange(token)).rejects.toThrow(refusal(reason));
    rig.fake.lies({});
    await expect(rig.exchange(token)).resolves.toHaveProperty("subject", "alice");
    expect(rig.asked()).toBe(2);
  });

  it.each([["read write"], [["read", "write"]]])(
    "cannot widen by `scp` what the subject token opens, though the client may have it: %j",
    async (scp) => {
      rig.fake.lies({ claims: { scp } });
      await expect(rig.exchange(await rig.token({ scope: "read" }))).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
      await expect(rig.exchange(await rig.token({ scope: "read write" }))).resolves.toBeDefined();
    },
  );

  it("cannot hand out more than the client may have, though the subject token has it", async () => {
    const token = await rig.token();
    const asked = { client: rig.client("billing") };
    await expect(rig.exchange(token, asked)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    await expect(rig.exchange(token, { ...asked, scopes: ["read"] })).resolves.toHaveProperty("scopes", ["read"]);
  });

  it.each([false, true])("nor by saying less than the token carries (opaque: %s)", async (opaque) => {
    rig.fake.lies({ opaque, claims: { scope: "read write" }, answer: { scope: "read" } });
    const asked = { client: rig.client("billing"), scopes: ["read"] };
    await expect(rig.exchange(await rig.token(), asked)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it.each([false, true])("nor for longer than the client may have it, whatever it says of that (opaque: %s)", async (opaque) => {
    rig.reconfigure(({ clients }) => (clients.orders.providers.main["max_lifetime"] = "5m"));
    rig.fake.lies({ opaque, answer: { expires_in: 60 } });
    const limit = refusal("CALLER_NOT_ALLOWED", { cause: { kind: "policy", rule: "clients.orders.providers.main.max_lifetime" } });
    await expect(rig.exchange(await rig.token())).rejects.toThrow(limit);
    await expect(rig.exchange(await rig.token({ exp: seconds() + 300 }))).resolves.toHaveProperty("subject", "alice");
  });

  it("is not asked to lengthen what its answer says: the shorter of two lives counts", async () => {
    rig.fake.lies({ answer: { expires_in: 31_536_000 } });
    expect((await rig.exchange(await rig.token())).expiresAtMs).toBe((seconds() + 3_600) * 1_000);
    rig.fake.lies({ answer: { expires_in: 120 } });
    expect((await rig.exchange(await rig.token())).expiresAtMs).toBe((seconds() + 120) * 1_000);
  });

  it("tells a caller to come with a fresh token only where that helps", async () => {
    const exp = seconds() + 600;
    const old = await rig.token({ iat: seconds() - 3_000, exp });
    rig.fake.lies({ claims: { exp: seconds() + 1_800 } });
    await expect(rig.exchange(old)).rejects.toThrow(refusal("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: exp }));
  });

  it("cannot give a JWT where it gives none", async () => {
    rig.fake.lies({ opaque: true });
    const token = await rig.token();
    await expect(rig.exchange(token, { jwt: true })).rejects.toThrow(refusal("TOKEN_TYPE_MISMATCH"));
    await expect(rig.exchange(token)).resolves.toHaveProperty("subject", "alice");
  });
});

const says = (error: string, status = 400): Fault => ({ kind: "status", status, body: { error } });

describe("a provider that refuses", () => {
  it.each<[string, Fault, Reason]>([
    ["the token, though its signature is good", says("invalid_grant"), "TOKEN_REVOKED"],
    ["the request, for whatever reason", says("invalid_request"), "TOKEN_INVALID"],
    ["the target", says("invalid_target"), "TARGET_NOT_ALLOWED"],
    ["the client that asks there", says("access_denied", 403), "TARGET_NOT_ALLOWED"],
    ["the scope", says("invalid_scope"), "SCOPE_NOT_ALLOWED"],
    ["this service's registration", says("invalid_client", 401), "UPSTREAM_REJECTED_CLIENT"],
  ])("%s is told by its reason, each time anew", async (_what, fault, reason) => {
    const token = await rig.token();
    rig.fake.faults.next("token", fault, 2);
    for (let time = 0; time < 2; time += 1) await expect(rig.exchange(token)).rejects.toThrow(refusal(reason));
    await expect(rig.exchange(token)).resolves.toHaveProperty("subject", "alice");
  });

  it("an opaque token, of which it said a moment before that it is good, is taken at its later word", async () => {
    const token = rig.fake.mintOpaque({ aud: ["urn:orders"], scope: "read" });
    rig.fake.faults.next("token", says("invalid_grant"));
    await expect(rig.exchange(token, { provider: "main" })).rejects.toThrow(refusal("TOKEN_INVALID", { field: "SUBJECT_TOKEN" }));
  });

  it("a token whose time ran out meanwhile: that is said, with its end", async () => {
    const exp = seconds() + 61;
    const token = await rig.token({ exp });
    const release = rig.fake.hold("token");
    rig.fake.faults.next("token", says("invalid_grant"));
    const exchanging = rig.exchange(token);
    await expect.poll(() => rig.asked()).toBe(1);
    rig.clock.advance(61_000);
    release();
    await expect(exchanging).rejects.toThrow(refusal("TOKEN_EXPIRED", { field: "SUBJECT_TOKEN", expiredAt: exp }));
  });

  it.each<[string, Fault, boolean]>([
    ["a token", says("invalid_request"), true],
    ["a revoked token", says("invalid_grant"), true],
    ["a target", says("invalid_target"), true],
    ["a scope", says("invalid_scope"), true],
    ["a token, in a word of its own", says("invalid_subject_token", 401), true],
    ["a token, without a word", { kind: "status", status: 403 }, true],
    ["this service itself", says("invalid_client", 401), true],
    ["everything, as it is down", { kind: "status", status: 503 }, false],
  ])("%s too often is not asked again by who brought it there, and only by him (spent: %s)", async (_what, fault, spent) => {
    rig.reconfigure(({ limits }) => (limits["client_failures"] = 2));
    rig.fake.faults.always("token", fault);
    for (let time = 0; time < 2; time += 1) await rig.exchange(await rig.token()).catch(() => undefined);
    expect(rig.asked()).toBe(2);
    rig.fake.faults.clear();
    const third = rig.exchange(await rig.token());
    const outcome = await third.then(
      () => "tokens",
      (failure: Error) => failure.message,
    );
    expect([outcome, rig.asked()]).toEqual(spent ? ["RATE_LIMITED", 2] : ["tokens", 3]);
    const { trail } = recordingTrail("billing");
    await expect(rig.exchange(await rig.token(), { client: rig.client("billing"), trail, scopes: ["read"] })).resolves.toBeDefined();
  });
});

describe("introspection of opaque tokens", () => {
  it("that are none is paid for by who asks, until he is not heard any more", async () => {
    rig.reconfigure(({ limits }) => (limits["client_failures"] = 2));
    const guess = (number: number) => rig.exchange(`guess-${number}`, { provider: "main" });
    for (const number of [1, 2]) await expect(guess(number)).rejects.toThrow(refusal("TOKEN_INVALID"));
    await expect(guess(3)).rejects.toThrow(refusal("RATE_LIMITED"));
    expect(rig.fake.callsTo("introspection")).toBe(2);
    // What is signed is verified here, without a question to anybody.
    await expect(rig.validate(await rig.token(), { exchange: false })).resolves.toHaveProperty("verification.source", "LOCAL_KEYS");
  });

  it("that are none is paid for also where the provider turns the question down in no word that is known", async () => {
    rig.reconfigure(({ limits }) => (limits["client_failures"] = 2));
    rig.fake.faults.always("introspection", says("malformed_token"));
    const guess = (number: number) => rig.exchange(`guess-${number}`, { provider: "main" });
    for (const number of [1, 2]) await expect(guess(number)).rejects.toThrow(refusal("UPSTREAM_INVALID_RESPONSE"));
    await expect(guess(3)).rejects.toThrow(refusal("RATE_LIMITED"));
    expect(rig.fake.callsTo("introspection")).toBe(2);
  });

  it("is not done for a client that may not use the provider, be it to exchange one or to end one", async () => {
    rig.reconfigure(({ clients }) => (clients.orders.providers = {} as never));
    const token = rig.fake.mintOpaque({ aud: ["urn:orders"], scope: "read" });
    const { trail } = recordingTrail("orders");
    const ending = { client: rig.client("orders"), provider: "main", isRefreshToken: false, trail };
    for (const shown of [token, "guess"]) {
      await expect(rig.exchange(shown, { provider: "main" })).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
      const revoking = rig.wired.operations.revoke({ ...ending, token: new Secret(shown) }, AbortSignal.timeout(10_000));
      await expect(revoking).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
    }
    expect(rig.fake.callsTo("introspection")).toBe(0);
  });

  it("of guesses that somebody brings to be revoked is paid for as well", async () => {
    rig.reconfigure(({ limits }) => (limits["client_failures"] = 2));
    const revoke = (token: string) =>
      rig.wired.operations.revoke(
        {
          client: rig.client("orders"),
          provider: "main",
          token: new Secret(token),
          isRefreshToken: false,
          trail: recordingTrail("orders").trail,
        },
        AbortSignal.timeout(10_000),
      );
    for (const number of [1, 2]) await expect(revoke(`guess-${number}`)).resolves.toEqual({ upstreamPending: false });
    await expect(revoke("guess-3")).rejects.toThrow(refusal("RATE_LIMITED"));
    expect(rig.fake.callsTo("introspection")).toBe(2);
    await expect(revoke(await rig.token())).resolves.toEqual({ upstreamPending: false });
  });

  it("of every token is not done for one that the provider has just issued: its signature says it", async () => {
    rig.reconfigure(({ providers }) => (providers.main["introspection"] = "every"));
    const token = await rig.token();
    await rig.exchange(token);
    expect([rig.asked(), rig.fake.callsTo("introspection")]).toEqual([1, 1]);
    rig.fake.end(token);
    rig.clock.advance(60_000);
    await expect(rig.exchange(token)).rejects.toThrow(refusal("TOKEN_REVOKED"));
  });

  it("is done once for many who ask at once", async () => {
    const token = rig.fake.mintOpaque({ aud: ["urn:orders"], scope: "read" });
    const release = rig.fake.hold("introspection");
    const asking = Array.from({ length: 20 }, () => rig.validate(token, { provider: "main", exchange: false }));
    await expect.poll(() => rig.fake.callsTo("introspection")).toBe(1);
    release();
    for (const { verification } of await Promise.all(asking)) expect(verification.source).toBe("INTROSPECTION");
    expect(rig.fake.callsTo("introspection")).toBe(1);
  });
});
