import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RefreshQuestion } from "../../src/exchange/refresh.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Fault } from "../support/faults.ts";
import { type CoreRig, patience, startCoreRig } from "./core-rig.ts";
import { recordingTrail, refusal, silentTrail } from "./fixtures.ts";

let rig: CoreRig;
beforeEach(async () => {
  rig = await startCoreRig();
});
afterEach(() => rig.close());

const refresh = async (refreshToken: Secret, given: Partial<RefreshQuestion> = {}, signal = patience()) => {
  const question = { client: rig.client("web"), provider: "", refreshToken, scopes: [], trail: silentTrail(), ...given };
  return (await rig.core.refresh(question, signal)).tokens;
};
const handleOf = async (id: "web" | "other" | "backend" = "web") => (await rig.tokensOf(rig.client(id))).refreshToken;

/** Requests to refresh, those that redeemed a code left out. */
const refreshCalls = () => rig.fake.requests.filter((request) => request.body.includes("grant_type=refresh_token")).length;

function flipped(handle: Secret, at: number): Secret {
  const text = handle.reveal();
  const index = at < 0 ? text.length + at : at;
  return new Secret(`${text.slice(0, index)}${text[index] === "A" ? "B" : "A"}${text.slice(index + 1)}`);
}

/** Somebody asks, leaves while the provider holds the call, and is told so. `meanwhile` starts while that call is under way. */
async function leftUnderWay<T>(
  handle: Secret,
  meanwhile: () => T | undefined = () => undefined,
): Promise<{ readonly started: T | undefined }> {
  const before = rig.relay.arrivals();
  await rig.relay.shut();
  await rig.relay.open();
  rig.relay.hold();
  const leaving = new AbortController();
  const left = refresh(handle, {}, leaving.signal).catch((failure: unknown) => failure);
  const started = meanwhile();
  while (rig.relay.arrivals() === before) await setImmediate();
  leaving.abort();
  expect(await left).toEqual(refusal("OUTCOME_UNKNOWN"));
  return { started };
}

describe("a refresh handle", () => {
  it("becomes fresh tokens with a new handle, which works in its turn", async () => {
    const first = await handleOf();
    const { trail, notes } = recordingTrail();
    const tokens = await refresh(first, { trail });
    expect(tokens.refreshToken?.reveal()).toMatch(/^cambio_rt_/);
    expect(tokens.refreshToken?.reveal()).not.toBe(first.reveal());
    await expect(refresh(tokens.refreshToken as Secret, { provider: "main" })).resolves.toHaveProperty("accessToken");
    expect([notes().provider, refreshCalls(), rig.fake.violations]).toEqual(["main", 2, []]);
  });

  it.each([
    ["another client's", async () => handleOf("other")],
    ["a service's raw token", async () => handleOf("backend")],
    [
      "a raw token inside a made-up handle",
      async () => new Secret(`cambio_rt_${Buffer.from((await handleOf("backend")).reveal()).toString("base64url")}`),
    ],
    ["changed in its first sealed byte", async () => flipped(await handleOf(), "cambio_rt_".length)],
    ["changed in its last byte", async () => flipped(await handleOf(), -2)],
    ["cut", async () => new Secret((await handleOf()).reveal().slice(0, -8))],
    ["longer", async () => new Secret(`${(await handleOf()).reveal()}AAAA`)],
    ["without its prefix", async () => new Secret((await handleOf()).reveal().slice("cambio_rt_".length))],
    ["the prefix alone", async () => new Secret("cambio_rt_")],
    ["any text", async () => new Secret("x")],
  ])("that is none of this client's asks for a new sign-in, and the provider hears nothing: %s", async (_name, make) => {
    const handle = await make();
    await expect(refresh(handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(refreshCalls()).toBe(0);
  });

  it("does not open under another provider's name", async () => {
    const handle = await handleOf();
    await expect(refresh(handle, { provider: "second" })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect([refreshCalls(), rig.second.callsTo("token")]).toEqual([0, 0]);
  });

  it("is of no use to a client that holds raw tokens: the provider does not know it", async () => {
    await expect(refresh(await handleOf(), { client: rig.client("backend"), provider: "main" })).rejects.toThrow(
      refusal("REAUTHENTICATION_REQUIRED"),
    );
  });

  it("that the provider has already replaced asks for a new sign-in", async () => {
    const handle = await handleOf();
    await refresh(handle);
    await expect(refresh(handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  });
});

describe("a service's raw refresh token", () => {
  it("becomes fresh tokens with the provider's next one", async () => {
    const first = await handleOf("backend");
    const tokens = await refresh(first, { client: rig.client("backend") });
    expect(tokens.refreshToken?.reveal()).toMatch(/^refresh-/);
    expect(tokens.refreshToken?.reveal()).not.toBe(first.reveal());
  });

  it("goes to no provider that the service may not use", async () => {
    const token = await handleOf("backend");
    await expect(refresh(token, { client: rig.client("backend"), provider: "second" })).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
    await expect(refresh(token, { client: rig.client("backend"), provider: "nowhere" })).rejects.toThrow(refusal("PROVIDER_UNKNOWN"));
    expect([refreshCalls(), rig.second.callsTo("token")]).toEqual([0, 0]);
  });
});

describe("fresh tokens", () => {
  it("are asked for with the scopes named, and never more than the client may have", async () => {
    const tokens = await refresh(await handleOf(), { scopes: ["orders:read"] });
    expect(tokens.scopes).toEqual(["orders:read"]);
    const handle = await handleOf();
    const before = refreshCalls();
    await expect(refresh(handle, { scopes: ["admin"] })).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    expect(refreshCalls()).toBe(before);
  });

  it("are not given out where the provider grants more than the client may have", async () => {
    const handle = await handleOf();
    rig.fake.faults.next("token", {
      kind: "status",
      status: 200,
      body: { access_token: "a", token_type: "Bearer", scope: "openid admin" },
    });
    await expect(refresh(handle)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it.each(["web", "backend"] as const)("without a refresh token leave the old one in force (RFC 6749 §6), for %s", async (id) => {
    const given = { client: rig.client(id) };
    const old = await handleOf(id);
    rig.fake.faults.next("token", { kind: "status", status: 200, body: { access_token: "a", token_type: "Bearer" } });
    const { refreshToken } = await refresh(old, given);
    expect(refreshToken).toBeInstanceOf(Secret);
    await expect(refresh(refreshToken as Secret, given)).resolves.toHaveProperty("accessToken");
    const sent = rig.fake.requests
      .filter((request) => request.body.includes("refresh_token="))
      .map((request) => new URLSearchParams(request.body).get("refresh_token"));
    expect([sent.length, new Set(sent).size]).toEqual([2, 1]);
  });

  it("for twenty who ask at once with one token come from one call", async () => {
    const handle = await handleOf();
    const all = await Promise.all(Array.from({ length: 20 }, () => refresh(handle)));
    expect(new Set(all.map((tokens) => tokens.accessToken.reveal())).size).toBe(1);
    expect(refreshCalls()).toBe(1);
  });

  it("for two who ask at once with one token and other scopes come from one call, and say which scopes they are for", async () => {
    const handle = await handleOf();
    const all = await Promise.all([refresh(handle, { scopes: ["openid"] }), refresh(handle, { scopes: ["orders:read"] })]);
    expect(all.map((tokens) => tokens.scopes)).toEqual([all[0]?.scopes, all[0]?.scopes]);
    expect(all[0]?.scopes).toContain("openid");
    expect(refreshCalls()).toBe(1);
  });

  it("for two different tokens do not mix", async () => {
    const [one, two] = [await handleOf(), await handleOf()];
    const [first, second] = await Promise.all([refresh(one), refresh(two)]);
    expect(first.accessToken.reveal()).not.toBe(second.accessToken.reveal());
    expect(refreshCalls()).toBe(2);
  });
});

describe("a refresh that comes to nothing", () => {
  it("because the connection was refused can be asked for again", async () => {
    const handle = await handleOf();
    await rig.relay.shut();
    await expect(refresh(handle)).rejects.toThrow(refusal("UPSTREAM_UNAVAILABLE"));
    await rig.relay.open();
    await expect(refresh(handle)).resolves.toHaveProperty("accessToken");
    expect(refreshCalls()).toBe(1);
  });

  it("because the time was over before anything was sent spends nothing, and can be asked for again", async () => {
    const handle = await handleOf();
    await expect(refresh(handle, {}, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(refreshCalls()).toBe(0);
    await expect(refresh(handle)).resolves.toHaveProperty("accessToken");
  });

  const lost: readonly (readonly [string, Fault])[] = [
    ["was reset", { kind: "reset" }],
    ["was cut off", { kind: "truncate" }],
    ["was a page", { kind: "html" }],
    ["was a 502", { kind: "status", status: 502 }],
  ];
  it.each(lost)("because the answer %s may have spent the token", async (_name, fault) => {
    const handle = await handleOf();
    rig.fake.faults.next("token", fault);
    await expect(refresh(handle)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
  });

  it("because everyone who asked has left may have spent the token, and runs to its end", async () => {
    await leftUnderWay(await handleOf());
    rig.relay.release();
    while (!(await rig.metrics.expose()).text.includes('endpoint="token",outcome="2xx"} 2')) await setImmediate();
    expect(refreshCalls()).toBe(1);
  });

  it("for one who left and asks again comes from the call under way: the token is not presented twice", async () => {
    const handle = await handleOf();
    await leftUnderWay(handle);
    const again = refresh(handle);
    rig.relay.release();
    await expect(again).resolves.toHaveProperty("accessToken");
    expect(refreshCalls()).toBe(1);
  });

  it("for one who left does not take the tokens from those who stayed", async () => {
    const handle = await handleOf();
    const { started: stayed } = await leftUnderWay(handle, () => refresh(handle));
    rig.relay.release();
    await expect(stayed).resolves.toHaveProperty("accessToken");
    expect(refreshCalls()).toBe(1);
  });
});

it("an operator who ends all that a subject has ends the sealed handles of that subject, their successors included", async () => {
  const first = await rig.tokensOf(rig.client("web"));
  const subject = first.subject ?? "";
  rig.clock.advance(60_000);
  const second = await refresh(first.refreshToken);
  const until = Math.floor(rig.clock() / 1_000) - 30;
  await rig.wired.storage.revocations.revoke({ kind: "subject", provider: "main", id: subject, until, expiresAt: until + 86_400 });
  const before = refreshCalls();
  for (const handle of [first.refreshToken, second.refreshToken as Secret])
    await expect(refresh(handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
  expect([subject, refreshCalls()]).toEqual([expect.stringMatching(/./), before]);
  await expect(refresh(await handleOf())).resolves.toHaveProperty("accessToken");
});
