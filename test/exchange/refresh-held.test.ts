import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { createConnectionStanding } from "../../src/exchange/connection-standing.ts";
import { createConnectionTokens } from "../../src/exchange/connection-tokens.ts";
import { ExchangeError, type Reason } from "../../src/exchange/errors.ts";
import type { RevocableToken } from "../../src/exchange/ports.ts";
import type { Provider } from "../../src/exchange/provider-ports.ts";
import { createRefresh, type RefreshQuestion } from "../../src/exchange/refresh.ts";
import { createRefreshHeld } from "../../src/exchange/refresh-held.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { Trail, TrailNotes } from "../../src/exchange/trail.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { createFamilyRig, type FamilyRig, handleIn, type Replica, reused } from "../store/family-rig.ts";
import { removeSpools } from "../vault/vault-rig.ts";
import { clientOf, grantOf, refusal, roomyPlaces } from "./fixtures.ts";

removeSpools();

const grant = grantOf({ scopes: ["openid", "orders:read"] });
const web = clientOf({ id: "web", kind: "browser", providers: new Map([["main", grant]]) });

/** The operation over handles of connections, in front of a provider that is a double; `steps` is what happened, in order. */
function createRig(families: FamilyRig, handles: Replica) {
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
        redeemCode: async () => families.provider.give(),
        async refresh(refreshToken, { scopes, onSending = () => undefined }) {
          steps.push(["send", ...scopes].join(" "));
          return families.provider.send(refreshToken, onSending);
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
  const parts = {
    providers: new Map([["main", provider]]),
    verifiers: { byName: () => undefined },
    audiences: new Map(),
    decide: createDecide(new Map()),
    handles,
    connections: handles.vault.connections,
    accounts: undefined,
    revocations: {
      check(token: RevocableToken) {
        checked.push(token);
        if (failing.revocations !== undefined) throw new ExchangeError(failing.revocations);
      },
    },
    subjects: { subjectOf: (_provider: string, account: string) => account },
    flights: createSingleFlight(() => 10_000),
    budget: {
      check: () => step("budget"),
      spend: (payer: Trail["payer"], name: string) => void payers.push(`${payer.client} ${payer.address} ${name}`),
    },
    places: roomyPlaces,
    clock: families.clock,
    mint: {
      plan: () => {
        throw new Error("nothing is minted here");
      },
      issue: () => Promise.reject(new Error("nothing is minted here")),
      checkReady: () => undefined,
    },
    fingerprint: (secret: Secret, purpose: string) => `${purpose} ${secret.reveal()}`,
  };
  const standing = createConnectionStanding(parts);
  const tokensOf = createConnectionTokens(parts);
  const refresh = createRefresh({
    ...parts,
    refreshSession: () => Promise.reject(new Error("no handle here stands for a session")),
    refreshHeld: createRefreshHeld({ ...parts, standing, tokensOf, edition: "1" }),
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

let families: FamilyRig;
let database: Database;
let handles: Replica;
let rig: ReturnType<typeof createRig>;
let handle: Secret;
beforeEach(async () => {
  families = createFamilyRig("connection");
  database = openSqlite(":memory:");
  await migrate(database);
  handles = families.replica(database);
  rig = createRig(families, handles);
  handle = await families.issue(handles);
});
afterEach(() => database.close());

const failUpstream = (reason: Reason) => families.origin.fails(async () => Promise.reject(new ExchangeError(reason)));
const answerUpstream = (changes: Partial<TokenSet>) => families.origin.fails(() => ({ ...families.provider.give(), ...changes }));
const presented = () => families.origin.presented.length;

describe("a refresh by the handle of a connection", () => {
  it("is on record before anything reaches the provider", async () => {
    await rig.refresh(web, handle);
    expect(rig.steps).toEqual(["intent", "budget", "prepare", "send"]);
    expect(rig.noted()).toMatchObject({ provider: "main", credential: handle, subject: "alice", issuer: "https://issuer.example" });
  });

  it.each([
    ["it cannot be put on record", "intent", "AUDIT_UNAVAILABLE", ["intent"]],
    ["the caller has failed there too often", "budget", "RATE_LIMITED", ["intent", "budget"]],
    ["the provider cannot be reached", "prepare", "UPSTREAM_UNAVAILABLE", ["intent", "budget", "prepare"]],
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

  it("whose time is over when it is on record spends nothing", async () => {
    await expect(rig.refresh(web, handle, {}, AbortSignal.abort())).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    expect(presented()).toBe(0);
  });

  it("tells a thief nothing but to sign in, and puts the handle on record", async () => {
    const second = handleIn(await rig.refresh(web, handle));
    await rig.refresh(web, second);
    await expect(rig.refresh(web, handle)).rejects.toThrow(reused);
    expect(rig.noted().credential).toBe(handle);
  });

  it("under another provider's name is refused", async () => {
    await expect(rig.refresh(web, handle, { provider: "second" })).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    await expect(rig.refresh(web, handle, { provider: "main" })).resolves.toBeDefined();
  });

  it("is left by whoever's time is over, and loses nothing: the answer is there for the next one who asks", async () => {
    const call = families.origin.hold();
    const leaving = new AbortController();
    const left = rig.refresh(web, handle, {}, leaving.signal);
    await call.arrived;
    leaving.abort();
    await expect(left).rejects.toThrow(refusal("DEADLINE_EXCEEDED"));
    call.answer();
    await expect(rig.refresh(web, handle)).resolves.toBeDefined();
    expect(presented()).toBe(1);
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
});

describe("fresh tokens", () => {
  it("of somebody else are not handed out, and end the sign-in: its token is spent", async () => {
    answerUpstream({ subject: "mallory" });
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("OUTCOME_UNKNOWN"));
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(presented()).toBe(1);
  });

  it("that are wider than the client may have are refused, also once more, and the provider's next token is not lost", async () => {
    answerUpstream({ scopes: ["openid", "admin"] });
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("SCOPE_NOT_ALLOWED"));
    const row = await database.run((db) => db.selectFrom("connections").selectAll().executeTakeFirstOrThrow());
    expect([presented(), row.generation, row.ended_at]).toEqual([1, 1, null]);
  });

  it("are for the scopes that were asked for where the provider says nothing", async () => {
    answerUpstream({ scopes: undefined });
    expect((await rig.refresh(web, handle, { scopes: ["openid"] })).scopes).toEqual(["openid"]);
    expect(rig.steps).toContain("send openid");
  });
});

describe("of a subject that an operator has revoked", () => {
  it("a thief's handle is good for nothing: the provider hears nothing, its tokens end, and it does not come back with time", async () => {
    rig.failing.revocations = "TOKEN_REVOKED";
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(rig.steps).toEqual([]);
    expect(families.revoked).toEqual([expect.objectContaining({ kind: "token", provider: "main", id: "jti:access-1" })]);
    delete rig.failing.revocations;
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("REAUTHENTICATION_REQUIRED"));
    expect(presented()).toBe(0);
  });

  it("a sign-in gets no younger by refreshes", async () => {
    const issuedAt = Math.floor(families.clock() / 1_000);
    families.clock.advance(60_000);
    const second = handleIn(await rig.refresh(web, handle));
    families.clock.advance(60_000);
    await rig.refresh(web, second);
    const asked = { provider: "main", id: "", subject: "alice", issuedAt };
    // Before the provider was asked, and after.
    expect(rig.checked.length).toBeGreaterThanOrEqual(4);
    expect(rig.checked).toEqual(rig.checked.map(() => asked));
  });

  it("nothing is refreshed and nothing ended while that is not known", async () => {
    rig.failing.revocations = "STORE_UNAVAILABLE";
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("STORE_UNAVAILABLE"));
    expect([rig.steps, families.revoked]).toEqual([[], []]);
    delete rig.failing.revocations;
    await expect(rig.refresh(web, handle)).resolves.toHaveProperty("accessToken");
  });
});

describe("of a subject whose account is disabled", () => {
  it("nothing is refreshed and nothing ended: the account may be enabled again", async () => {
    rig.failing.revocations = "ACCOUNT_DISABLED";
    await expect(rig.refresh(web, handle)).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
    expect([rig.steps, families.revoked, presented()]).toEqual([[], [], 0]);
    delete rig.failing.revocations;
    await expect(rig.refresh(web, handle)).resolves.toHaveProperty("accessToken");
  });

  it("fresh tokens of one that is disabled while the provider answers are not handed out, and not lost", async () => {
    const call = families.origin.hold();
    const refreshing = rig.refresh(web, handle);
    await call.arrived;
    rig.failing.revocations = "ACCOUNT_DISABLED";
    call.answer();
    await expect(refreshing).rejects.toThrow(refusal("ACCOUNT_DISABLED"));
    delete rig.failing.revocations;
    await expect(rig.refresh(web, handle)).resolves.toHaveProperty("accessToken");
    expect(presented()).toBe(1);
  });
});
