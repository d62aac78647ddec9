import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordingTrail, refusal } from "./fixtures.ts";
import { startValidateRig, type ValidateRig } from "./validate-rig.ts";

let rig: ValidateRig;
beforeEach(async () => {
  rig = await startValidateRig();
});
afterEach(() => rig.close());

const nowSeconds = () => rig.clock() / 1000;

const claimsOf = (iss: unknown) => ({
  iss,
  sub: "alice",
  aud: "https://orders.example",
  client_id: "web",
  iat: nowSeconds(),
  exp: nowSeconds() + 600,
});

/** Signed with another issuer's key, under the trusted one's name and key id. */
const forge = () =>
  rig.stranger.keys.sign(
    { iss: rig.fake.issuer, sub: "alice", aud: "https://orders.example", client_id: "web", iat: nowSeconds(), exp: nowSeconds() + 600 },
    { kid: rig.fake.keys.kidOf("RS256") },
  );

const foreign = () => rig.fake.mint({ iss: "https://public-name.example", aud: "https://billing.example" });
const billing = () => ({ client: rig.client("billing") });

describe("a token of another client", () => {
  it("is verified once and remembered: the second answer is the first one, until the same instant", async () => {
    const token = await rig.fake.mint({ scope: "orders:read orders:write" });
    const trails = [recordingTrail(), recordingTrail()] as const;
    const first = await rig.ask(token, { requiredScopes: ["orders:write"], trail: trails[0].trail });
    expect(first).toMatchObject({
      cached: false,
      verification: { provider: "main", keyId: rig.fake.keys.kidOf("RS256"), validUntilMs: rig.clock() + 60_000 },
    });
    expect(first.verification.claims).toMatchObject({
      issuer: rig.fake.issuer,
      subject: "alice",
      clientId: "web",
      scopes: ["orders:read", "orders:write"],
    });
    rig.clock.advance(59_999);
    const second = await rig.ask(token, { trail: trails[1].trail });
    expect(second).toEqual({ ...first, cached: true });
    expect(rig.verified()).toBe(1);
    for (const { notes } of trails) {
      expect(notes()).toMatchObject({
        provider: "main",
        audience: "orders",
        issuer: rig.fake.issuer,
        subject: "alice",
        originClient: "web",
        rule: "required_scopes",
      });
      expect(notes().credential?.reveal()).toBe(token);
    }
  });

  it("is verified again once the answer's time is over, for another minute", async () => {
    const token = await rig.fake.mint();
    await rig.ask(token);
    rig.clock.advance(60_000);
    expect(await rig.ask(token)).toMatchObject({ cached: false, verification: { validUntilMs: rig.clock() + 60_000 } });
    expect(rig.verified()).toBe(2);
  });

  it("that a hundred ask about at once is verified once, with one fetch of keys", async () => {
    const token = await rig.fake.mint();
    const answers = await Promise.all(Array.from({ length: 100 }, () => rig.ask(token)));
    expect(new Set(answers.map((answer) => answer.verification)).size).toBe(1);
    expect([rig.verified(), rig.fake.callsTo("jwks")]).toEqual([1, 1]);
  });

  it("is one verification for two audiences, and a decision for each", async () => {
    const token = await rig.fake.mint();
    await rig.ask(token, { audience: "orders" });
    await expect(rig.ask(token, { audience: "reports" })).rejects.toThrow(refusal("CLIENT_NOT_TRUSTED"));
    await expect(rig.ask(token, { client: rig.client("billing") })).rejects.toThrow(refusal("AUDIENCE_MISMATCH"));
    expect(rig.verified()).toBe(1);
  });
});

describe("a token that expires", () => {
  it("is refused with its instant, which inside the buffer still lies ahead", async () => {
    const exp = nowSeconds() + 60;
    const token = await rig.fake.mint({ exp });
    await expect(rig.ask(token)).rejects.toThrow(refusal("TOKEN_EXPIRED", { expiredAt: exp, field: "SUBJECT_TOKEN" }));
  });

  it("while it is remembered is refused with its instant", async () => {
    const exp = nowSeconds() + 90;
    const token = await rig.fake.mint({ exp });
    expect((await rig.ask(token)).verification.validUntilMs).toBe((exp - 60) * 1000);
    rig.clock.advance(29_999);
    expect((await rig.ask(token)).cached).toBe(true);
    rig.clock.advance(1);
    await expect(rig.ask(token)).rejects.toThrow(refusal("TOKEN_EXPIRED", { expiredAt: exp }));
    await expect(rig.ask(token)).rejects.toThrow(refusal("TOKEN_EXPIRED", { expiredAt: exp }));
  });
});

it("a verification that is remembered is answered at once: nobody waits, and no signal is asked for", async () => {
  const token = await rig.fake.mint();
  const validate = rig.fresh();
  await rig.ask(token, {}, validate);
  const patience = {
    get signal(): AbortSignal {
      throw new Error("nobody waits here");
    },
  };
  expect(validate(rig.question(token), patience)).toMatchObject({ cached: true });
  expect(() => validate(rig.question(token, { requiredScopes: ["admin"] }), patience)).toThrow(refusal("SCOPE_INSUFFICIENT"));
});

describe("a token that was revoked", () => {
  it("is refused although its verification is remembered, and although it would verify again", async () => {
    const token = await rig.fake.mint({ jti: "stolen" });
    await rig.ask(token);
    rig.revoke("stolen");
    await expect(rig.ask(token)).rejects.toThrow(refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" }));
    await expect(rig.ask(token, {}, rig.fresh())).rejects.toThrow(refusal("TOKEN_REVOKED"));
    expect((await rig.ask(await rig.fake.mint({ jti: "another" }))).cached).toBe(false);
  });
});

describe("a decision is the same for a token that is new and one that is remembered", () => {
  it.each([
    ["for another audience", { aud: "https://elsewhere.example" }, {}, "AUDIENCE_MISMATCH"],
    ["for an audience that starts like it", { aud: "https://orders.example.evil.example" }, {}, "AUDIENCE_MISMATCH"],
    ["for an audience with another slash", { aud: "https://orders.example/" }, {}, "AUDIENCE_MISMATCH"],
    ["for the audience's configured name, which is none of its identifiers", { aud: "orders" }, {}, "AUDIENCE_MISMATCH"],
    ["for nobody", { aud: [] }, {}, "AUDIENCE_MISMATCH"],
    ["of a client that the audience does not accept", { client_id: "evil" }, {}, "CLIENT_NOT_TRUSTED"],
    ["of a client whose name differs in case", { client_id: "WEB" }, {}, "CLIENT_NOT_TRUSTED"],
    ["of the service that asks", { client_id: "orders" }, {}, "CLIENT_NOT_TRUSTED"],
    ["without a required scope", { scope: "orders:read" }, { requiredScopes: ["orders:read", "orders:write"] }, "SCOPE_INSUFFICIENT"],
    ["with no scope at all", { scope: undefined }, { requiredScopes: ["orders:read"] }, "SCOPE_INSUFFICIENT"],
    ["with a scope that starts like it", { scope: "orders:readonly" }, { requiredScopes: ["orders:read"] }, "SCOPE_INSUFFICIENT"],
    ["for an audience that takes nothing from that provider", {}, { provider: "lenient" }, "AUDIENCE_MISMATCH"],
  ] as const)("%s", async (_name, claims, given, reason) => {
    const token = await rig.fake.mint(claims);
    await expect(rig.ask(token, given)).rejects.toThrow(refusal(reason, { field: "SUBJECT_TOKEN" }));
    await expect(rig.ask(token, given)).rejects.toThrow(refusal(reason, { field: "SUBJECT_TOKEN" }));
    expect(rig.verified()).toBe(1);
  });

  it.each(["urn:orders", "https://orders.example"])("for any of the audience's identifiers: %s", async (aud) => {
    const token = await rig.fake.mint({ aud: ["https://elsewhere.example", aud] });
    expect([(await rig.ask(token)).cached, (await rig.ask(token)).cached]).toEqual([false, true]);
  });
});

describe("a question that is refused before the token is looked at", () => {
  it.each([
    ["for an audience of somebody else", { audience: "billing" }, "TARGET_NOT_ALLOWED"],
    ["for an audience that does not exist", { audience: "nothing" }, "TARGET_NOT_ALLOWED"],
    ["for an audience's identifier in place of its name", { audience: "https://orders.example" }, "TARGET_NOT_ALLOWED"],
    ["with an unknown provider", { provider: "nowhere" }, "PROVIDER_UNKNOWN"],
  ] as const)("%s", async (_name, given, reason) => {
    const token = await rig.fake.mint();
    await expect(rig.ask(token, given)).rejects.toThrow(refusal(reason));
    await rig.ask(token);
    await expect(rig.ask(token, given)).rejects.toThrow(refusal(reason));
    expect(rig.verified()).toBe(1);
  });

  it("by a caller that has no audience of its own", async () => {
    await expect(rig.ask(await rig.fake.mint(), { client: rig.client("nothing") })).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
  });
});

describe("a token that nobody here can vouch for", () => {
  it.each([
    ["an unknown issuer", () => rig.stranger.mint()],
    ["an issuer that only looks like ours", () => rig.stranger.keys.sign(claimsOf(`${rig.fake.issuer}/`) as never)],
    ["no issuer", () => rig.stranger.mint({ iss: undefined })],
    ["a list of issuers with ours in it", () => rig.stranger.keys.sign(claimsOf([rig.fake.issuer]) as never)],
  ])("is refused without any outbound call: %s", async (_name, make) => {
    await expect(rig.ask(await make())).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED", { field: "SUBJECT_TOKEN" }));
    expect([rig.fake.requests, rig.stranger.requests, rig.verified()]).toEqual([[], [], 0]);
  });

  it("is refused where it is shown under a trusted provider's name", async () => {
    await expect(rig.ask(await rig.stranger.mint(), { provider: "main" })).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    expect([rig.fake.requests, rig.stranger.requests]).toEqual([[], []]);
  });

  it.each([
    ["too long for any token", `${"x".repeat(16_384)}.`],
    ["no JWT", "not-a-token"],
    ["empty parts", ".."],
    ["a JWT in another spelling", "eyJhbGciOiJSUzI1NiJ9.e30=.c2ln"],
  ])("is refused for its form: %s", async (_name, token) => {
    for (const provider of ["", "main"])
      await expect(rig.ask(token, { provider })).rejects.toThrow(refusal("TOKEN_MALFORMED", { field: "SUBJECT_TOKEN" }));
    expect(rig.fake.requests).toEqual([]);
  });
});

describe("a forged token", () => {
  it("is refused from memory for ten seconds, and checked again after that", async () => {
    const forged = await forge();
    await expect(rig.ask(forged)).rejects.toThrow(refusal("TOKEN_INVALID"));
    await expect(rig.ask(forged)).rejects.toThrow(refusal("TOKEN_INVALID"));
    await expect(rig.ask(forged)).rejects.toThrow(refusal("TOKEN_INVALID"));
    expect(rig.verified()).toBe(1);
    rig.clock.advance(10_000);
    await expect(rig.ask(forged)).rejects.toThrow(refusal("TOKEN_INVALID"));
    expect(rig.verified()).toBe(2);
  });

  it("does not take the genuine one with it", async () => {
    await expect(rig.ask(await forge())).rejects.toThrow(refusal("TOKEN_INVALID"));
    await expect(rig.ask(await rig.fake.mint())).resolves.toMatchObject({ cached: false });
  });
});

describe("a key id", () => {
  it("that is unknown is not held against the token: it is accepted once the provider publishes the key", async () => {
    await rig.ask(await rig.fake.mint());
    await rig.fake.keys.rotate();
    const token = await rig.fake.mint();
    await expect(rig.ask(token)).rejects.toThrow(refusal("TOKEN_INVALID"));
    rig.clock.advance(30_000);
    await expect(rig.ask(token)).resolves.toMatchObject({ cached: false });
  });

  it("of a hundred different tokens, unknown all of them, causes one fetch of keys", async () => {
    await rig.ask(await rig.fake.mint());
    rig.clock.advance(30_000);
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, index) => rig.fake.mint({}, { alg: "ES256", kid: `unknown-${index}` })),
    );
    const outcomes = await Promise.allSettled(tokens.map((token) => rig.ask(token)));
    expect(outcomes.map((outcome) => outcome.status === "rejected" && (outcome.reason as unknown))).toEqual(
      tokens.map(() => refusal("TOKEN_INVALID")),
    );
    expect(rig.fake.callsTo("jwks")).toBe(2);
  });

  it("that is denied ends what is remembered under it at once", async () => {
    const token = await rig.fake.mint();
    const other = await rig.fake.mint({}, { alg: "ES256" });
    for (const each of [token, other]) await rig.ask(each);
    rig.deny([rig.fake.keys.kidOf("RS256")]);
    await expect(rig.ask(token)).rejects.toThrow(refusal("TOKEN_INVALID"));
    await expect(rig.ask(other)).resolves.toMatchObject({ cached: true });
  });
});

describe("when the provider's keys cannot be had", () => {
  it("nothing is decided and nothing remembered: the same token is accepted once they can", async () => {
    rig.fake.faults.always("jwks", { kind: "status", status: 503 });
    const token = await rig.fake.mint();
    await expect(rig.ask(token)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
    rig.fake.faults.clear();
    rig.clock.advance(30_000);
    await expect(rig.ask(token)).resolves.toMatchObject({ cached: false });
  });

  it("in time for one caller, the others go on waiting", async () => {
    rig.fake.faults.next("jwks", { kind: "hang-before-headers" });
    const token = await rig.fake.mint();
    const validate = rig.fresh();
    const [leaving, staying] = [new AbortController(), new AbortController()];
    const ask = async (patience: AbortController) => validate(rig.question(token), patience);
    const left = ask(leaving).catch((failure: unknown) => failure);
    let stayed = "waiting";
    const stayer = ask(staying).catch(() => {
      stayed = "gone";
    });
    while (rig.fake.callsTo("jwks") === 0) await setImmediate();
    leaving.abort();
    expect(await left).toEqual(refusal("DEADLINE_EXCEEDED"));
    expect(stayed).toBe("waiting");
    staying.abort();
    await stayer;
    expect(stayed).toBe("gone");
  });
});

describe("a provider whose `iss` is not compared", () => {
  it("vouches for a foreign issuer only where it is named, and that answer serves nobody else", async () => {
    const token = await foreign();
    await expect(rig.ask(token, billing())).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    await expect(rig.ask(token, { ...billing(), provider: "lenient" })).resolves.toMatchObject({ cached: false });
    await expect(rig.ask(token, { ...billing(), provider: "lenient" })).resolves.toMatchObject({ cached: true });
    await expect(rig.ask(token, billing())).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
    await expect(rig.ask(token, { ...billing(), provider: "main" })).rejects.toThrow(refusal("ISSUER_NOT_TRUSTED"));
  });

  it("still decides by its keys, the audience and the origin client", async () => {
    const lenient = { ...billing(), provider: "lenient" };
    await expect(rig.ask(await rig.stranger.mint({ aud: "https://billing.example" }), lenient)).rejects.toThrow(refusal("TOKEN_INVALID"));
    await expect(rig.ask(await rig.fake.mint({ iss: "x" }), lenient)).rejects.toThrow(refusal("AUDIENCE_MISMATCH"));
    const evil = await rig.fake.mint({ iss: "x", aud: "https://billing.example", client_id: "evil" });
    await expect(rig.ask(evil, lenient)).rejects.toThrow(refusal("CLIENT_NOT_TRUSTED"));
  });
});
