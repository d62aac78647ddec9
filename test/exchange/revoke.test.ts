import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/exchange/clients.ts";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { PreparedProvider, Provider } from "../../src/exchange/provider-ports.ts";
import { createRevoke, type RevokeAnswer, type RevokeDeps } from "../../src/exchange/revoke.ts";
import type { RevokeQuestion } from "../../src/exchange/revoke-target.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { nowMs } from "../cache/fixtures.ts";
import { eventually } from "../support/eventually.ts";
import { type CoreRig, orders, patience, startCoreRig } from "./core-rig.ts";
import { clientOf, grantOf, recordingTrail, refusal, roomyPlaces, silentTrail } from "./fixtures.ts";

let rig: CoreRig;
beforeEach(async () => {
  rig = await startCoreRig();
});
afterEach(() => rig.close());

const nothing: RevokeAnswer = { upstreamPending: false };
const told: RevokeAnswer = { upstreamPending: false };
const revoked = refusal("TOKEN_REVOKED", { field: "SUBJECT_TOKEN" });
const nowSeconds = nowMs / 1_000;

function question(client: Client, token: Secret | string, given: Partial<RevokeQuestion> = {}): RevokeQuestion {
  return {
    client,
    provider: "",
    token: typeof token === "string" ? new Secret(token) : token,
    isRefreshToken: false,
    trail: silentTrail(),
    ...given,
  };
}

function revoke(client: Client, token: Secret | string, given: Partial<RevokeQuestion> = {}): Promise<RevokeAnswer> {
  return rig.core.revoke(question(client, token, given), patience());
}

async function validate(token: string, provider = ""): Promise<string> {
  const asked = {
    client: rig.client("backend"),
    token: new Secret(token),
    provider,
    audience: "orders",
    requiredScopes: [],
    exchange: false,
  };
  const { verification } = await rig.core.validate({ ...asked, trail: silentTrail() }, { signal: patience() });
  return verification.claims.tokenId;
}

const refresh = (client: Client, refreshToken: Secret) =>
  rig.core.refresh({ client, provider: "", refreshToken, scopes: [], trail: silentTrail() }, patience());

/** A token as the provider makes it for a browser client of its own. */
const mint = (claims: Record<string, unknown> = {}) => rig.fake.mint({ aud: orders, ...claims });

describe("an access token that a service revokes", () => {
  it("is refused at once, whether or not it was remembered, and others are not", async () => {
    const [token, fresh, other] = [await mint(), await mint(), await mint()];
    await validate(token);
    expect(await revoke(rig.client("backend"), token)).toEqual(nothing);
    expect(await revoke(rig.client("backend"), fresh, { provider: "main" })).toEqual(nothing);
    await expect(validate(token)).rejects.toEqual(revoked);
    await expect(validate(fresh)).rejects.toEqual(revoked);
    await validate(other);
  });

  it("is refused also where an attacker respells its signature, which verifies as well (ECDSA: r, n − s)", async () => {
    const original = await rig.fake.mint({ aud: orders, jti: undefined }, { alg: "ES256" });
    const respelled = withOtherSignature(original);
    await validate(respelled);
    await revoke(rig.client("backend"), original);
    await expect(validate(original)).rejects.toEqual(revoked);
    await expect(validate(respelled)).rejects.toEqual(revoked);
  });

  it("takes no token of another provider with it that has the same id", async () => {
    const jti = "used twice";
    const [here, there] = [await mint({ jti }), await rig.second.mint({ aud: orders, jti })];
    await revoke(rig.client("backend"), here);
    await expect(validate(here)).rejects.toEqual(revoked);
    expect(await validate(there)).toBe(jti);
  });

  it("of another client is not shown to the provider, which would refuse; one of this service's own is", async () => {
    const own = await mint({ client_id: "cambio" });
    await revoke(rig.client("backend"), await mint());
    expect(await revoke(rig.client("backend"), own)).toEqual(told);
    expect(rig.fake.revoked).toEqual([own]);
    expect(rig.fake.violations).toEqual([]);
  });

  it("is on the trail with all that was verified about it, intended before it ended", async () => {
    const { trail, notes, intents } = recordingTrail();
    const token = new Secret(await mint({ sub: "alice" }));
    await revoke(rig.client("backend"), token, { trail });
    expect(notes()).toMatchObject({ provider: "main", credential: token, issuer: rig.fake.issuer, subject: "alice", originClient: "web" });
    expect(intents()).toBe(1);
  });
});

describe("a public client", () => {
  it("ends what this service was given for its users, here and upstream", async () => {
    const own = await mint({ client_id: "cambio" });
    expect(await revoke(rig.client("web"), own)).toEqual(told);
    await expect(validate(own)).rejects.toEqual(revoked);
    expect(rig.fake.revoked).toEqual([own]);
  });

  it("that shows another client's token changes nothing and learns nothing", async () => {
    const { trail, intents } = recordingTrail();
    const token = await mint();
    expect(await revoke(rig.client("web"), token, { trail })).toEqual(nothing);
    await validate(token);
    expect({ intents: intents(), revoked: rig.fake.revoked }).toEqual({ intents: 0, revoked: [] });
  });

  it("ends its refresh handle, and the provider hears of the refresh token", async () => {
    const { refreshToken: handle } = await rig.tokensOf(rig.client("web"));
    const raw = rig.fake.issued.findLast((one) => one.startsWith("refresh-")) ?? "";
    const { trail, notes, intents } = recordingTrail();
    expect(await revoke(rig.client("web"), handle, { isRefreshToken: true, trail })).toEqual(told);
    expect(rig.fake.revoked).toEqual([raw]);
    expect(notes()).toMatchObject({ provider: "main", credential: handle, subject: "alice" });
    expect(intents()).toBe(1);
    await expect(refresh(rig.client("web"), handle)).rejects.toEqual(refusal("REAUTHENTICATION_REQUIRED"));
    expect(await revoke(rig.client("web"), handle)).toEqual(told);
  });

  it("cannot end a handle of somebody else, and cannot tell it from one that never was", async () => {
    const { refreshToken: handle } = await rig.tokensOf(rig.client("web"));
    expect(await revoke(rig.client("other"), handle, { isRefreshToken: true })).toEqual(nothing);
    expect(await revoke(rig.client("other"), "cambio_rt_AAAA", { isRefreshToken: true })).toEqual(nothing);
    expect(rig.fake.revoked).toEqual([]);
    await refresh(rig.client("web"), handle);
  });

  it("that leaves while it signs out is signed out all the same", async () => {
    const { refreshToken: handle } = await rig.tokensOf(rig.client("web"));
    const left = AbortSignal.abort();
    await rig.core.revoke(question(rig.client("web"), handle), left).catch(() => undefined);
    await eventually("the provider has heard of it", () => rig.fake.revoked.length === 1);
    await expect(refresh(rig.client("web"), handle)).rejects.toEqual(refusal("REAUTHENTICATION_REQUIRED"));
  });

  it("that has stolen a provider's raw refresh token does not get it carried to the provider", async () => {
    await rig.tokensOf(rig.client("web"));
    const raw = rig.fake.issued.findLast((one) => one.startsWith("refresh-")) ?? "";
    expect(await revoke(rig.client("web"), raw, { isRefreshToken: true, provider: "main" })).toEqual(nothing);
    expect(rig.fake.callsTo("revocation")).toBe(0);
  });
});

describe("a service that holds raw refresh tokens", () => {
  it("ends one at the provider, and only by saying that it is one", async () => {
    const { refreshToken } = await rig.tokensOf(rig.client("backend"));
    expect(await revoke(rig.client("backend"), refreshToken)).toEqual(nothing);
    expect(rig.fake.revoked).toEqual([]);
    expect(await revoke(rig.client("backend"), refreshToken, { isRefreshToken: true })).toEqual(told);
    expect(rig.fake.revoked).toEqual([refreshToken.reveal()]);
  });
});

describe("a token that means nothing here succeeds and does nothing (RFC 7009 §2.2):", () => {
  it.each<[string, () => Promise<string>]>([
    ["random words", async () => "not a token"],
    ["of an unknown issuer", () => mint({ iss: "https://evil.example" })],
    ["of a stranger that calls itself trusted", () => rig.second.mint({ iss: rig.fake.issuer, aud: orders })],
    ["forged over a victim's token id", async () => `${(await mint({ jti: "victim" })).slice(0, -4)}AAAA`],
    ["expired", () => mint({ iat: nowSeconds - 600, exp: nowSeconds - 1 })],
    ["inside the expiry buffer", () => mint({ exp: nowSeconds + 30 })],
    ["an ID token", () => rig.fake.mint({ aud: "cambio", nonce: "n" }, { typ: "JWT" })],
    ["bound to a key", () => mint({ cnf: { jkt: "x" } })],
    ["larger than any token", async () => "x".repeat(20_000)],
  ])("%s", async (_, make) => {
    const { trail, intents } = recordingTrail();
    const token = await make();
    expect(await revoke(rig.client("backend"), token, { trail })).toEqual(nothing);
    expect(await revoke(rig.client("web"), token, { trail })).toEqual(nothing);
    expect({ intents: intents(), asked: rig.fake.callsTo("revocation") }).toEqual({ intents: 0, asked: 0 });
    await validate(await mint({ jti: "victim" }));
  });
});

describe("what cannot be decided or done is not called done:", () => {
  it("a token that is not valid yet, but will be", async () => {
    const token = await mint({ nbf: nowSeconds + 300, exp: nowSeconds + 900 });
    await expect(revoke(rig.client("backend"), token)).rejects.toEqual(refusal("TOKEN_NOT_YET_VALID"));
  });

  it("the provider's keys cannot be had", async () => {
    rig.fake.faults.always("jwks", { kind: "status", status: 503 });
    await expect(revoke(rig.client("backend"), await mint())).rejects.toEqual(refusal("UPSTREAM_UNAVAILABLE"));
  });

  it("there is no provider of that name", async () => {
    await expect(revoke(rig.client("backend"), await mint(), { provider: "nowhere" })).rejects.toEqual(refusal("PROVIDER_UNKNOWN"));
  });

  it("the client may not use that provider", async () => {
    const token = await rig.second.mint({ aud: orders });
    await expect(revoke(rig.client("backend"), token)).rejects.toEqual(refusal("CALLER_NOT_ALLOWED"));
    await validate(token);
  });

  it("the audit trail is away: then nothing ends", async () => {
    const refused = new ExchangeError("AUDIT_UNAVAILABLE");
    const trail = { ...silentTrail(), intent: () => Promise.reject(refused) };
    const [token, { refreshToken: handle }] = [await mint({ client_id: "cambio" }), await rig.tokensOf(rig.client("web"))];
    for (const one of [token, handle]) await expect(revoke(rig.client("web"), one, { trail })).rejects.toThrow(refused);
    expect(rig.fake.revoked).toEqual([]);
    await expect(validate(token)).rejects.toEqual(refusal("CLIENT_NOT_TRUSTED"));
    await refresh(rig.client("web"), handle);
  });

  it("its time is over before it began", async () => {
    const token = await mint();
    // From here on the provider's keys are known, and nothing in between looks at the time.
    await validate(token);
    await expect(rig.core.revoke(question(rig.client("backend"), token), AbortSignal.abort())).rejects.toMatchObject({
      reason: "DEADLINE_EXCEEDED",
    });
    await validate(token);
  });
});

describe("the provider's part", () => {
  it("comes after the local effect: while it hangs, the token is refused here already", async () => {
    const release = rig.fake.hold("revocation");
    const own = await mint({ client_id: "cambio" });
    const revoking = revoke(rig.client("web"), own);
    await eventually("the provider is asked", () => rig.fake.callsTo("revocation") === 1);
    await expect(validate(own)).rejects.toEqual(revoked);
    release();
    expect(await revoking).toEqual(told);
  });

  it("is pending while the provider is down; what was ended here stays ended", async () => {
    rig.fake.faults.always("revocation", { kind: "status", status: 503 });
    const own = await mint({ client_id: "cambio" });
    expect(await revoke(rig.client("web"), own)).toEqual({ upstreamPending: true });
    await expect(validate(own)).rejects.toEqual(revoked);
  });
});

/** The ports as they are needed here; what is told is kept. */
function core(prepared: () => Promise<PreparedProvider>): { deps: RevokeDeps; told: unknown[] } {
  const asked: unknown[] = [];
  const named = { name: "main", issuer: "https://issuer.example", clientId: "cambio", accounts: false } as const;
  const provider: Provider = { ...named, pkce: "S256", lostAnswer: "reauthenticate", prepare: prepared };
  const deps: RevokeDeps = {
    providers: new Map([["main", provider]]),
    verifiers: { byName: () => undefined, byIssuer: () => undefined },
    decide: () => ({ rule: "", refusal: undefined, reported: [] }),
    handles: { findToEnd: async () => undefined },
    revocations: { revoke: async () => undefined },
    budget: { check: () => undefined, spend: () => undefined },
    upstream: {
      tell: async (about) => {
        asked.push(about);
        return true;
      },
    },
    places: roomyPlaces,
  };
  return { deps, told: asked };
}

describe("where a provider has no revocation endpoint", () => {
  const service = clientOf({
    kind: "service",
    providers: new Map([["main", grantOf({})]]),
  });
  const raw = new Secret("raw");
  const without = {
    authorizationUrl: () => "",
    redeemCode: neverCalled,
    refresh: neverCalled,
    exchange: neverCalled,
    revoke: undefined,
    readUser: undefined,
  };

  it("a raw refresh token cannot end, and that is said (RFC 7009 §2.2.1)", async () => {
    const { deps, told: asked } = core(async () => without);
    const { trail, intents } = recordingTrail();
    await expect(createRevoke(deps)(question(service, raw, { isRefreshToken: true, trail }), patience())).rejects.toEqual(
      refusal("TOKEN_TYPE_MISMATCH", { field: "SUBJECT_TOKEN" }),
    );
    expect({ asked, intents: intents() }).toEqual({ asked: [], intents: 0 });
  });

  /** What happens when a handle is shown, in order. */
  function withHandle(stored: boolean) {
    const happened: string[] = [];
    const { deps } = core(async () => without);
    const end = async () => {
      happened.push("ended");
      return raw;
    };
    const trail = {
      ...silentTrail(),
      intent: async () => {
        happened.push("intended");
      },
    };
    const upstream = {
      tell: async () => {
        happened.push("told");
        return false;
      },
    };
    const handles = { findToEnd: async () => ({ provider: "main", stored, end }) };
    const revoking = createRevoke({ ...deps, handles, upstream })(question(service, "cambio_rt_AAAA", { trail }), patience());
    return { happened, revoking };
  }

  it("a handle that is stored nowhere cannot end either, and nothing is on record as ended", async () => {
    const { happened, revoking } = withHandle(false);
    await expect(revoking).rejects.toEqual(refusal("TOKEN_TYPE_MISMATCH", { field: "SUBJECT_TOKEN" }));
    expect(happened).toEqual([]);
  });

  it("a handle that is stored ends here all the same", async () => {
    const { happened, revoking } = withHandle(true);
    await expect(revoking).resolves.toEqual(told);
    expect(happened).toEqual(["intended", "ended", "told"]);
  });

  it("is not to be confused with a provider that is down, which is told later", async () => {
    const { deps, told: asked } = core(() => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
    const answer = await createRevoke(deps)(question(service, raw, { isRefreshToken: true }), patience());
    expect({ answer, asked }).toEqual({
      answer: { upstreamPending: true },
      asked: [{ provider: "main", token: raw, hint: "refresh_token" }],
    });
  });
});

function neverCalled(): never {
  throw new Error("nothing is issued here");
}

/** The order of the group of P-256 (SEC 2 §2.4.2). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function withOtherSignature(token: string): string {
  const [header, payload, signature = ""] = token.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const other = order - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  bytes.write(other.toString(16).padStart(64, "0"), 32, "hex");
  return `${header}.${payload}.${bytes.toString("base64url")}`;
}
