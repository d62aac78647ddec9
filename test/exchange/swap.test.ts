import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { ExchangeTokenQuestion } from "../../src/exchange/exchange-token.ts";
import type { Reason } from "../../src/exchange/errors.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { recordingTrail, refusal } from "./fixtures.ts";
import { claimsOf, startSwapRig, type SwapRig, type Written } from "./swap-rig.ts";

let rig: SwapRig;
beforeEach(async () => {
  rig = await startSwapRig();
});
afterEach(() => rig.close());

const seconds = () => rig.clock() / 1_000;
const end = (what: { jti: string } | { subject: string }) =>
  rig.wired.storage.revocations.revoke(
    "jti" in what
      ? { kind: "token", provider: "main", id: `jti:${what.jti}`, expiresAt: seconds() + 3_600 }
      : { kind: "subject", provider: "main", id: what.subject, until: seconds(), expiresAt: seconds() + 3_600 },
  );

/** Another question, from its beginning to its end: what the ones before it were about to ask, they have asked by then. */
const another = async () => rig.validate(await rig.token());
/** Of a question that is on record when this resolves. */
const onRecord = (record: Promise<void>) => ({ trail: { ...recordingTrail("orders").trail, intent: () => record } });

describe("ValidateCrossClient with an exchange", () => {
  it("answers with what stands in the token that was shown, and with one of the caller's own in its place", async () => {
    const { verification, tokens, cached } = await rig.validate(await rig.token());
    expect(verification.claims).toMatchObject({ subject: "alice", clientId: "web", audiences: ["urn:orders"] });
    if (tokens === undefined) throw new Error("no tokens");
    expect(claimsOf(tokens)).toMatchObject({ sub: "alice", client_id: "orders-client", aud: ["urn:orders"], scope: "read" });
    expect(cached).toBe(false);
  });

  it("without one asks nobody and gives none", async () => {
    expect(await rig.validate(await rig.token(), { exchange: false })).toMatchObject({ tokens: undefined });
    expect(rig.asked()).toBe(0);
  });

  it("never counts longer than either token: the buffer before the end of the new one is kept", async () => {
    const token = await rig.token({ exp: seconds() + 110 });
    rig.fake.lies({ claims: { exp: seconds() + 100 } });
    expect((await rig.validate(token)).validUntilMs).toBe((seconds() + 40) * 1_000);
    expect((await rig.validate(token, { exchange: false })).validUntilMs).toBe((seconds() + 50) * 1_000);
  });

  it.each([
    ["urn:reports", "reports", "reports-client"],
    ["https://orders.example", "orders", "orders-client"],
  ])("of a token for %s, for the audience %s, goes by that audience's registration", async (aud, audience, requester) => {
    const { tokens } = await rig.validate(await rig.token({ aud: [aud] }), { audience });
    expect(tokens && claimsOf(tokens)["client_id"]).toBe(requester);
  });

  it("refuses a new token that lacks the scopes which were required: it is of no use", async () => {
    rig.fake.lies({ claims: { scope: "read" } });
    await expect(rig.validate(await rig.token(), { requiredScopes: ["read", "write"] })).rejects.toThrow(refusal("SCOPE_INSUFFICIENT"));
  });

  it.each<[string, Partial<Parameters<SwapRig["validate"]>[1] & object>, ((written: Written) => void) | undefined, Reason]>([
    ["another's audience", { audience: "payroll" }, undefined, "TARGET_NOT_ALLOWED"],
    ["an audience that the token is not for", { audience: "reports" }, undefined, "AUDIENCE_MISMATCH"],
    ["a scope that the token lacks", { requiredScopes: ["admin"] }, undefined, "SCOPE_INSUFFICIENT"],
    [
      "an audience without a registration",
      {},
      ({ audiences }) => delete audiences["orders"]?.accepts.main.exchange_as,
      "TARGET_NOT_ALLOWED",
    ],
    [
      "a client that may not have its own audience's tokens",
      {},
      ({ clients }) => (clients.orders.providers.main["audiences"] = ["inventory"]),
      "TARGET_NOT_ALLOWED",
    ],
    ["a client that may not use the provider", {}, ({ clients }) => (clients.orders.providers = {} as never), "CALLER_NOT_ALLOWED"],
    ["a client that may not have the scope", {}, ({ clients }) => (clients.orders.providers.main["scopes"] = []), "SCOPE_NOT_ALLOWED"],
  ])("is refused for %s, and the provider is not asked", async (_what, given, change, reason) => {
    if (change !== undefined) rig.reconfigure(change);
    await expect(rig.validate(await rig.token(), given)).rejects.toThrow(refusal(reason));
    expect(rig.asked()).toBe(0);
  });
});

it("takes no turn from other replicas where nothing can be put on record", async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.stop());
  const shared = await startSwapRig({ change: (given) => (given["redis"] = { url: server.url.reveal() }) });
  onTestFinished(() => shared.close());
  const monitor = await server.raw().monitor();
  onTestFinished(() => monitor.disconnect());
  let turns = 0;
  monitor.on("monitor", (_time, [command, key]: string[]) => {
    if (command === "set" && key?.startsWith("cambio:v1:lease:") === true) turns += 1;
  });
  const token = await shared.token();
  const silent = { ...recordingTrail("orders").trail, intent: () => Promise.reject(new ExchangeError("AUDIT_UNAVAILABLE")) };
  await expect(shared.validate(token, { trail: silent })).rejects.toThrow(refusal("AUDIT_UNAVAILABLE"));
  await shared.validate(token);
  await eventually("a turn is taken", () => turns > 0);
  expect(turns).toBe(1);
});

describe("an exchange that is remembered", () => {
  it("answers the same question again: the provider is not asked, and nothing is put on record beforehand", async () => {
    const token = await rig.token();
    const first = await rig.validate(token);
    const { trail, intents } = recordingTrail("orders");
    rig.clock.advance(1_000);
    const second = await rig.validate(token, { trail });
    expect(second.tokens?.accessToken.reveal()).toBe(first.tokens?.accessToken.reveal());
    expect([second.cached, second.validUntilMs, intents(), rig.asked()]).toEqual([true, first.validUntilMs, 0, 1]);
  });

  it("needs no audit trail that can be written, as nothing is issued", async () => {
    const token = await rig.token();
    await rig.validate(token);
    const { trail } = recordingTrail("orders");
    const silent = { ...trail, intent: () => Promise.reject(new ExchangeError("AUDIT_UNAVAILABLE")) };
    await expect(rig.validate(token, { trail: silent })).resolves.toHaveProperty("cached", true);
  });

  it("is asked once for many who ask at once, each of whom is on record", async () => {
    const token = await rig.token();
    const release = rig.fake.hold("token");
    const trails = Array.from({ length: 50 }, () => recordingTrail("orders"));
    const asking = trails.map(({ trail }) => rig.validate(token, { trail }));
    await expect.poll(() => rig.asked()).toBe(1);
    await expect.poll(() => trails.every(({ intents }) => intents() === 1)).toBe(true);
    release();
    expect(new Set((await Promise.all(asking)).map(({ tokens }) => tokens?.accessToken.reveal())).size).toBe(1);
    expect(rig.asked()).toBe(1);
  });

  it("is asked for once it is on record, for whoever is first; another's record is waited for by nobody", async () => {
    const token = await rig.token();
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const asking = rig.validate(token, onRecord(first.promise));
    let joined = false;
    const joining = rig.validate(token, onRecord(second.promise)).finally(() => (joined = true));
    await another();
    expect(rig.asked()).toBe(1);
    first.resolve();
    await asking;
    await another();
    expect([rig.asked(), joined]).toEqual([3, false]);
    second.resolve();
    await joining;
  });

  it("is refused to him alone whose record cannot be written, though others had asked for it", async () => {
    const token = await rig.token();
    const asking = rig.validate(token);
    const unwritable = { ...recordingTrail("orders").trail, intent: () => Promise.reject(new ExchangeError("AUDIT_UNAVAILABLE")) };
    const joining = rig.validate(token, { trail: unwritable });
    await expect(joining).rejects.toThrow(refusal("AUDIT_UNAVAILABLE"));
    await expect(asking).resolves.toHaveProperty("cached", false);
  });

  it("is given up when all have left but one whose record cannot be written", async () => {
    const token = await rig.token();
    const leaving = new AbortController();
    const record = Promise.withResolvers<void>();
    const release = rig.fake.hold("token");
    const asking = rig.validate(token, {}, leaving.signal);
    const joining = rig.validate(token, onRecord(record.promise));
    await eventually("it is asked for", () => rig.asked() === 1);
    record.reject(new ExchangeError("AUDIT_UNAVAILABLE"));
    await expect(joining).rejects.toThrow(refusal("AUDIT_UNAVAILABLE"));
    leaving.abort();
    await expect(asking).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    const again = rig.validate(token);
    await eventually("it is asked for anew", () => rig.asked() === 2);
    release();
    await again;
  });

  it("is not asked for where the only one who wanted it has left before it was on record", async () => {
    const leaving = new AbortController();
    const record = Promise.withResolvers<void>();
    const asking = rig.validate(await rig.token(), onRecord(record.promise), leaving.signal);
    await another();
    leaving.abort();
    record.resolve();
    await expect(asking).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    await another();
    expect(rig.asked()).toBe(2);
  });

  it("lasts a minute at most, from when the subject token was verified, and no hit renews it", async () => {
    const token = await rig.token();
    await rig.validate(token, { exchange: false });
    rig.clock.advance(20_000);
    await rig.validate(token);
    for (const [laterMs, asked] of [
      [20_000, 1],
      [19_999, 1],
      [1, 2],
    ] as const) {
      rig.clock.advance(laterMs);
      await rig.validate(token);
      expect(rig.asked()).toBe(asked);
    }
  });

  it("is not handed out once its subject token counts as expired, which is said with its end", async () => {
    const exp = seconds() + 90;
    const token = await rig.token({ exp });
    await rig.validate(token);
    rig.clock.advance(29_999);
    await expect(rig.validate(token)).resolves.toHaveProperty("cached", true);
    rig.clock.advance(1);
    await expect(rig.validate(token)).rejects.toThrow(refusal("TOKEN_EXPIRED", { expiredAt: exp }));
  });

  it("is not handed out once the new token ends, though the subject token goes on: it is asked for anew", async () => {
    const token = await rig.token();
    rig.fake.lies({ claims: { exp: seconds() + 90 } });
    await rig.validate(token);
    rig.fake.lies({});
    rig.clock.advance(30_000);
    await expect(rig.validate(token)).resolves.toHaveProperty("cached", false);
    expect(rig.asked()).toBe(2);
  });

  it("is not handed out once it ends by the answer's own word, though what stands in the token goes on", async () => {
    const token = await rig.token();
    rig.fake.lies({ answer: { expires_in: 10 } });
    await rig.validate(token);
    rig.clock.advance(9_999);
    await expect(rig.validate(token)).resolves.toHaveProperty("cached", true);
    rig.clock.advance(1);
    await expect(rig.validate(token)).resolves.toMatchObject({ cached: false, tokens: { expiresAtMs: rig.clock() + 10_000 } });
  });

  it("is not handed out once the subject token was revoked", async () => {
    const token = await rig.token({ jti: "shown" });
    await rig.validate(token);
    await rig.exchange(token);
    await end({ jti: "shown" });
    await expect(rig.validate(token)).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" }));
    await expect(rig.exchange(token)).rejects.toThrow(refusal("TOKEN_REVOKED"));
    expect(rig.asked()).toBe(2);
  });

  it.each([
    ["the subject token was", { jti: "shown" }],
    ["all tokens of its subject were", { subject: "alice" }],
  ] as const)("is not handed out where %s revoked while the provider was asked, nor is a refresh token", async (_what, ended) => {
    const token = await rig.token({ jti: "shown" });
    const release = rig.fake.hold("token");
    const asked = [rig.validate(token), rig.exchange(token), rig.exchange(token, { refreshToken: true })].map((call) =>
      call.catch((failure: unknown) => failure),
    );
    await expect.poll(() => rig.asked()).toBe(3);
    await end(ended);
    // What is issued from here on is no part of what was ended.
    rig.clock.advance(2_000);
    release();
    const revoked = refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
    expect(await Promise.all(asked)).toEqual([revoked, revoked, revoked]);
  });

  it("is not handed out once the new token was revoked", async () => {
    const token = await rig.token();
    const { tokens } = await rig.validate(token);
    await end({ jti: String(tokens && claimsOf(tokens)["jti"]) });
    await expect(rig.validate(token)).rejects.toThrow(refusal("TOKEN_REVOKED"));
  });

  it("is not handed out once all tokens of the subject were revoked", async () => {
    const token = await rig.token();
    await rig.validate(token);
    await end({ subject: "alice" });
    await expect(rig.validate(token)).rejects.toThrow(refusal("TOKEN_REVOKED"));
  });

  it.each<[string, { jti: string } | { subject: string }, boolean]>([
    ["the subject token", { jti: "shown" }, false],
    ["the subject token, with a refresh token", { jti: "shown" }, true],
    ["all that its subject has", { subject: "alice" }, false],
    ["all that its subject has, with a refresh token", { subject: "alice" }, true],
  ])(
    "is not handed out where its provider answers after the end of %s: it was issued later than that",
    async (_what, what, refreshToken) => {
      await rig.close();
      rig = await startSwapRig({ database: true });
      const release = rig.fake.hold("token");
      const exchanging = rig.exchange(await rig.token({ jti: "shown" }), { refreshToken });
      exchanging.catch(() => undefined);
      await expect.poll(() => rig.asked()).toBe(1);
      await end(what);
      rig.clock.advance(2_000);
      release();
      await expect(exchanging).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" }));
    },
  );

  it.each<[string, (written: Written) => void, Reason]>([
    ["disabled", ({ clients }) => (clients.orders["disabled"] = true), "CALLER_NOT_ALLOWED"],
    ["without the provider", ({ clients }) => (clients.orders.providers = {} as never), "CALLER_NOT_ALLOWED"],
    ["without the scope", ({ clients }) => (clients.orders.providers.main["scopes"] = ["write"]), "SCOPE_NOT_ALLOWED"],
    ["without the audience", ({ clients }) => (clients.orders.providers.main["audiences"] = ["inventory"]), "TARGET_NOT_ALLOWED"],
    ["with a shorter longest life", ({ clients }) => (clients.orders.providers.main["max_lifetime"] = "10m"), "CALLER_NOT_ALLOWED"],
    [
      "of an audience that trusts the token's client no more",
      ({ audiences }) => audiences["orders"]?.accepts.main.clients.splice(0),
      "CLIENT_NOT_TRUSTED",
    ],
    [
      "of an audience whose registration is gone",
      ({ audiences }) => delete audiences["orders"]?.accepts.main.exchange_as,
      "TARGET_NOT_ALLOWED",
    ],
    [
      "of an audience that is another now",
      ({ audiences }) => audiences["orders"]?.accepts.main.identifiers.splice(0, 2, "urn:new"),
      "AUDIENCE_MISMATCH",
    ],
    ["by keys that are denied now", ({ providers }) => (providers.main["tokens"] = { deny_kids: ["key-1-rs256"] }), "TOKEN_INVALID"],
  ])("is not handed out to a client that is, meanwhile, %s", async (_what, change, reason) => {
    const token = await rig.token();
    await rig.validate(token);
    rig.reconfigure(change);
    await expect(rig.validate(token)).rejects.toThrow(refusal(reason));
    expect(rig.asked()).toBe(1);
    rig.reconfigure(() => undefined);
    await expect(rig.validate(token)).resolves.toHaveProperty("cached", true);
  });

  it("is asked for anew by another registration, once the audience has one", async () => {
    const token = await rig.token();
    await rig.validate(token);
    rig.reconfigure(({ audiences }) => {
      const main = audiences["orders"]?.accepts.main;
      if (main !== undefined) main.exchange_as = { id: "reports-client", secret: "reports-at-the-provider" };
    });
    const { tokens, cached } = await rig.validate(token);
    expect([cached, tokens && claimsOf(tokens)["client_id"]]).toEqual([false, "reports-client"]);
  });

  it("with a refresh token is nobody else's: each who asks has one of his own", async () => {
    await rig.close();
    rig = await startSwapRig({ database: true });
    const token = await rig.token();
    await rig.exchange(token, { refreshToken: true });
    await rig.exchange(token, { refreshToken: true });
    expect(await rig.exchange(token)).toHaveProperty("refreshToken", undefined);
    expect(rig.asked()).toBe(3);
    const { refreshToken } = await rig.exchange(token, { refreshToken: true });
    expect([refreshToken === undefined, rig.asked()]).toEqual([false, 4]);
  });
});

describe("two questions never share an answer where they differ in", () => {
  const base: Partial<ExchangeTokenQuestion> = { audiences: ["inventory"], scopes: ["read"] };
  it.each<[string, Partial<ExchangeTokenQuestion>]>([
    ["scopes", { scopes: ["read", "write"] }],
    ["whether scopes were named at all", { scopes: [] }],
    ["audience", { audiences: ["reports"] }],
    ["audiences", { audiences: ["inventory", "reports"] }],
    ["the audience's further names", { audiences: ["warehouse"] }],
    ["the way in which the token was verified", { provider: "lenient" }],
  ])("%s", async (_what, other) => {
    rig.reconfigure((given) => {
      const lenient = {
        ...given.providers.main,
        tokens: { issuer_check: false },
        issuer: `${rig.fake.issuer}/lenient`,
        back_channel_url: rig.fake.issuer,
      };
      // One provider by two names would be a mistake in a file; here it is one that was renamed while tokens lay in the cache.
      if (other.provider !== undefined) {
        const endpoints = ["authorize", "token", "jwks", "introspect"].map((name) => [name, `${rig.fake.issuer}/${name}`] as const);
        const [authorization, token, jwks, introspection] = endpoints.map(([, url]) => url);
        Object.assign(given.providers, { lenient: { ...lenient, endpoints: { authorization, token, jwks, introspection } } });
        for (const { accepts } of Object.values(given.audiences)) Object.assign(accepts, { lenient: accepts.main });
        Object.assign(given.clients.orders.providers, { lenient: given.clients.orders.providers.main });
      }
    });
    const token = await rig.token();
    const first = await rig.exchange(token, base);
    const second = await rig.exchange(token, { ...base, ...other });
    expect(second.accessToken.reveal()).not.toBe(first.accessToken.reveal());
    expect(rig.asked()).toBe(2);
    // And each is remembered.
    expect((await rig.exchange(token, base)).accessToken.reveal()).toBe(first.accessToken.reveal());
    expect((await rig.exchange(token, { ...base, ...other })).accessToken.reveal()).toBe(second.accessToken.reveal());
    expect(rig.asked()).toBe(2);
  });

  it("the audience by which they are asked, though the token is for both", async () => {
    const token = await rig.token({ aud: ["urn:orders", "urn:reports"] });
    // `orders` asks by its first own audience, then `reports` becomes the first.
    const first = await rig.exchange(token);
    rig.reconfigure(({ clients }) => (clients.orders["audiences"] = ["reports", "orders"]));
    const second = await rig.exchange(token);
    expect([first, second].map((tokens) => claimsOf(tokens)["client_id"])).toEqual(["orders-client", "reports-client"]);
  });

  it("the token", async () => {
    const [one, other] = [await rig.exchange(await rig.token()), await rig.exchange(await rig.token({ sub: "bob" }))];
    expect([one, other].map((tokens) => claimsOf(tokens)["sub"])).toEqual(["alice", "bob"]);
  });

  it("these, and share it where they only spell the same question otherwise", async () => {
    const token = await rig.token();
    await rig.exchange(token, { audiences: ["inventory", "reports"], scopes: ["read", "write"] });
    await rig.exchange(token, { audiences: ["reports", "inventory"], scopes: ["write", "read"] });
    expect(rig.asked()).toBe(1);
  });

  it("nor wider than was asked: an answer for an audience of several names is not that for one of fewer", async () => {
    const token = await rig.token();
    rig.fake.lies({ claims: { aud: ["urn:inventory", "urn:warehouse"] } });
    await expect(rig.exchange(token, { audiences: ["warehouse"] })).resolves.toBeDefined();
    await expect(rig.exchange(token, { audiences: ["inventory"] })).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
  });
});

describe("two services of one audience", () => {
  it("share what its registration got, and each gets no more of it than it may have", async () => {
    const token = await rig.token();
    const asBilling = { client: rig.client("billing") };
    const { tokens } = await rig.validate(token);
    expect((await rig.validate(token, asBilling)).tokens?.accessToken.reveal()).toBe(tokens?.accessToken.reveal());
    expect(rig.asked()).toBe(1);
    await rig.exchange(token);
    await expect(rig.exchange(token, asBilling)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("share a question that is being asked, and each answer is looked at for itself", async () => {
    const token = await rig.token();
    const release = rig.fake.hold("token");
    const mine = rig.exchange(token);
    await expect.poll(() => rig.asked()).toBe(1);
    const theirs = rig.exchange(token, { client: rig.client("billing") });
    theirs.catch(() => undefined);
    release();
    await expect(mine).resolves.toBeDefined();
    await expect(theirs).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    expect(rig.asked()).toBe(1);
  });
});
