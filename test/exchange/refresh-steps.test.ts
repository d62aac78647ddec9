import { beforeEach, describe, expect, it } from "vitest";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { RefreshHandles } from "../../src/exchange/handle-ports.ts";
import type { RevocableToken } from "../../src/exchange/ports.ts";
import type { Provider } from "../../src/exchange/provider-ports.ts";
import { createRefresh, type RefreshQuestion } from "../../src/exchange/refresh.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { Trail, TrailNotes } from "../../src/exchange/trail.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { createRefreshHandles } from "../../src/cache/refresh-handles.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { clientOf, grantOf, refusal, roomyPlaces } from "./fixtures.ts";
import { unsigned } from "./unsigned-tokens.ts";
import { type OneTimeUpstream, oneTimeUpstream, tokenSet } from "./one-time-upstream.ts";

const grant = grantOf({ scopes: ["openid", "orders:read"] });
const web = clientOf({ id: "web", kind: "browser", providers: new Map([["main", grant]]) });
const backend = clientOf({ id: "backend", kind: "service", providers: new Map([["main", grant]]) });

/** The operation over sealed handles, in front of a provider that is a double; `steps` is what happened, in order. */
function createRig(clock: FrozenClock, upstream: OneTimeUpstream, flightLimitMs = 10_000) {
  const steps: string[] = [];
  const notes: TrailNotes[] = [];
  const failing: Partial<Record<"budget" | "prepare" | "intent" | "revocations", Reason>> = {};
  const checked: RevocableToken[] = [];
  const payers: string[] = [];

  function step(name: "budget" | "prepare" | "intent"): void {
    steps.push(name);
    const reason = failing[name];
    if (reason !== undefined) throw new ExchangeError(reason);
  }

  const provider: Provider = {
    name: "main",
    issuer: "https://issuer.example",
    clientId: "cambio",
    pkce: "S256",
    accounts: false,
    lostAnswer: "reauthenticate",
    async prepare() {
      step("prepare");
      return {
        authorizationUrl: () => "",
        redeemCode: async () => tokenSet(0, clock),
        async refresh(refreshToken, { scopes }) {
          steps.push(["send", ...scopes].join(" "));
          return upstream.send(refreshToken);
        },
        exchange: () => Promise.reject(new Error("nothing is exchanged here")),
        revoke: undefined,
        readUser: undefined,
      };
    },
  };
  const trail: Trail = {
    payer: { client: "web", address: "192.0.2.1" },
    note: (given) => void notes.push(given),
    intent: async () => step("intent"),
  };
  const refresh = createRefresh({
    providers: new Map([["main", provider]]),
    decide: createDecide(new Map()),
    handles: { find: (client, shown) => handles.find(client, shown) },
    revocations: {
      check(token) {
        checked.push(token);
        if (failing.revocations !== undefined) throw new ExchangeError(failing.revocations);
      },
    },
    flights: createSingleFlight(() => flightLimitMs),
    budget: {
      check: () => step("budget"),
      spend: (payer, name) => void payers.push(`${payer.client} ${payer.address} ${name}`),
    },
    places: roomyPlaces,
    clock: clock,
    refreshSession: () => Promise.reject(new Error("no handle here stands for a session")),
    refreshHeld: () => Promise.reject(new Error("no handle here stands for a connection")),
    fingerprint: (secret, purpose) => `${purpose} ${secret.reveal()}`,
  });
  return {
    steps,
    failing,
    /** What revocation was asked about. */
    checked,
    /** For whom the budget was spent. */
    payers,
    noted: (): TrailNotes => Object.assign({}, ...notes) as TrailNotes,
    async refresh(client: Client, refreshToken: Secret, given: Partial<RefreshQuestion> = {}, signal = AbortSignal.timeout(10_000)) {
      return (await refresh({ client, provider: "", refreshToken, scopes: [], trail, ...given }, signal)).tokens;
    },
  };
}

let clock: FrozenClock;
let upstream: OneTimeUpstream;
let handles: RefreshHandles;
let rig: ReturnType<typeof createRig>;
let handle: Secret;
beforeEach(async () => {
  clock = frozenClock();
  upstream = oneTimeUpstream(clock);
  handles = createRefreshHandles(createSealer([masterKey("a")], "refresh-handle"), clock);
  rig = createRig(clock, upstream);
  handle = await handles.issue("web", "main", tokenSet(0, clock));
});

const handleIn = ({ refreshToken }: TokenSet): Secret => refreshToken ?? new Secret("none");
const failUpstream = (reason: Reason) => upstream.instead.push(async () => Promise.reject(new ExchangeError(reason)));
const answerUpstream = (changes: Partial<TokenSet>) => upstream.instead.push(async () => ({ ...tokenSet(1, clock), ...changes }));

describe("a refresh", () => {
  it("puts on record what it is about to do before anything reaches the provider", async () => {
    await rig.refresh(web, handle);
    expect(rig.steps).toEqual(["budget", "prepare", "intent", "send"]);
    expect(rig.noted()).toMatchObject({ provider: "main", credential: handle, subject: "alice", issuer: "https://issuer.example" });
  });

  it.each([
    ["the caller has failed there too often", "budget", "RATE_LIMITED", ["budget"]],
    ["the provider cannot be reached", "prepare", "UPSTREAM_UNAVAILABLE", ["budget", "prepare"]],
    ["it cannot be put on record", "intent", "AUDIT_UNAVAILABLE", ["budget", "prepare", "intent"]],
  ] as const)("sends nothing where %s, and the handle stays good", async (_why, step, reason, steps) => {
    rig.failing[step] = reason;
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal(reason));
    expect(rig.steps).toEqual(steps);
    delete rig.failing[step];
    await expect(rig.refresh(web, handle)).resolves.toBeDefined();
  });

  it.each([
    ["of a client that was disabled since", { ...web, disabled: true }, [], "CALLER_NOT_ALLOWED"],
    ["of a client that lost the provider since", { ...web, providers: new Map() }, [], "CALLER_NOT_ALLOWED"],
    ["for more than the client may have", web, ["admin"], "SCOPE_NOT_ALLOWED"],
  ] as const)("%s is refused by policy before anything is spent", async (_what, client, scopes, reason) => {
    await expect(rig.refresh(client, handle, { scopes })).rejects.toThrow(refusal(reason));
    expect(rig.steps).toEqual([]);
  });

  it.each([
    ["its ID token", { subject: "mallory" }],
    ["its access token", { accessToken: new Secret(unsigned({ sub: "mallory" })) }],
  ])("of a raw token is refused once %s says whose it is, and that account is disabled", async (_where, said) => {
    const service = { ...backend, rawRefreshTokens: true };
    const answer = () => {
      const { subject: _, ...tokens } = tokenSet(1, clock);
      upstream.instead.push(async () => ({ ...tokens, ...said }));
    };
    answer();
    await expect(rig.refresh(service, new Secret("raw"))).resolves.toBeDefined();
    expect(rig.checked).toEqual([{ provider: "main", id: "", subject: "mallory", issuedAt: Infinity }]);
    answer();
    rig.failing.revocations = "ACCOUNT_DISABLED";
    await expect(rig.refresh(service, new Secret("raw"))).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
  });

  it("whose time is over when it is on record spends nothing", async () => {
    await expect(rig.refresh(web, handle, {}, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(upstream.shown).toEqual([]);
  });

  it("with a handle under another provider's name is refused", async () => {
    await expect(rig.refresh(web, handle, { provider: "second" })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refresh(web, handle, { provider: "main" })).resolves.toBeDefined();
  });
});

describe("the failure budget", () => {
  it("is spent by what the provider refused, once for all who asked at the same time", async () => {
    failUpstream("REAUTHENTICATION_REQUIRED");
    await Promise.allSettled([rig.refresh(web, handle), rig.refresh(web, handle), rig.refresh(web, handle)]);
    expect(rig.payers).toEqual(["web 192.0.2.1 main"]);
  });

  it.each<Reason>(["OUTCOME_UNKNOWN", "UPSTREAM_UNAVAILABLE"])("is not spent by %s", async (reason) => {
    failUpstream(reason);
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal(reason));
    expect(rig.payers).toEqual([]);
  });

  it.each<Reason>(["UPSTREAM_RATE_LIMITED", "UPSTREAM_REJECTED_CLIENT"])("is spent by %s, which the provider counts", async (reason) => {
    failUpstream(reason);
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal(reason));
    expect(rig.payers).toEqual(["web 192.0.2.1 main"]);
  });

  it("is not spent by a handle that is none", async () => {
    await expect(rig.refresh(web, new Secret("cambio_rt_x"))).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.payers).toEqual([]);
  });
});

describe("fresh tokens", () => {
  it("of somebody else are not handed out", async () => {
    answerUpstream({ subject: "mallory" });
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
  });

  it("without an ID token are still the user's who signed in", async () => {
    const { subject: _, ...unnamed } = tokenSet(1, clock);
    upstream.instead.push(async () => unnamed);
    expect((await rig.refresh(web, handle)).subject).toBe("alice");
  });

  it("that are wider than the client may have are refused", async () => {
    answerUpstream({ scopes: ["openid", "admin"] });
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
  });

  it("are for the scopes that were asked for where the provider says nothing", async () => {
    answerUpstream({ scopes: undefined });
    expect((await rig.refresh(web, handle, { scopes: ["openid"] })).scopes).toEqual(["openid"]);
    expect(rig.steps).toContain("send openid");
  });

  it("are never called safe to ask for again once their time was over while they were shared", async () => {
    const call = upstream.hold();
    const impatient = createRig(clock, upstream, 50);
    await expect(impatient.refresh(web, handle)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    await call.arrived;
    call.answer();
    expect(upstream.shown).toEqual(["upstream-0"]);
  });
});

describe("a service's raw refresh token", () => {
  it("goes to the provider as it is, and gives way to the provider's next one", async () => {
    const tokens = await rig.refresh(backend, new Secret("upstream-0"));
    expect([upstream.shown, tokens.refreshToken?.reveal()]).toEqual([["upstream-0"], "upstream-1"]);
  });

  it("stays in force where the answer brings none (RFC 6749 §6)", async () => {
    answerUpstream({ refreshToken: undefined });
    expect((await rig.refresh(backend, new Secret("upstream-0"))).refreshToken?.reveal()).toBe("upstream-0");
  });
});

describe("of a subject that an operator has revoked", () => {
  it("a thief's handle is good for nothing: the provider hears nothing", async () => {
    rig.failing.revocations = "TOKEN_REVOKED";
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect([rig.steps, upstream.shown]).toEqual([[], []]);
  });

  it("a sign-in gets no younger by refreshes", async () => {
    const issuedAt = Math.floor(clock() / 1_000);
    clock.advance(60_000);
    const second = handleIn(await rig.refresh(web, handle));
    clock.advance(60_000);
    await rig.refresh(web, second);
    const asked = { provider: "main", id: "", subject: "alice", issuedAt };
    // Before the provider was asked, and after.
    expect(rig.checked).toEqual([asked, asked, asked, asked]);
  });

  it("nothing is refreshed while that is not known", async () => {
    rig.failing.revocations = "STORE_UNAVAILABLE";
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
    expect(rig.steps).toEqual([]);
    delete rig.failing.revocations;
    await expect(rig.refresh(web, handle)).resolves.toHaveProperty("accessToken");
  });
});

describe("of a subject whose account is disabled", () => {
  it("nothing is refreshed: the account may be enabled again", async () => {
    rig.failing.revocations = "ACCOUNT_DISABLED";
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
    expect([rig.steps, upstream.shown]).toEqual([[], []]);
    delete rig.failing.revocations;
    await expect(rig.refresh(web, handle)).resolves.toHaveProperty("accessToken");
  });

  it("fresh tokens of one that is disabled while the provider answers are not handed out", async () => {
    const call = upstream.hold();
    const refreshing = rig.refresh(web, handle);
    await call.arrived;
    rig.failing.revocations = "ACCOUNT_DISABLED";
    call.answer();
    await expect(refreshing).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
  });
});
