import { describe, expect, it } from "vitest";
import type { Account } from "../../src/exchange/account.ts";
import { createAccountSubjects } from "../../src/exchange/account-subjects.ts";
import type { Client } from "../../src/exchange/clients.ts";
import { createGetAccount, type GetAccountDeps, type GetAccountQuestion } from "../../src/exchange/get-account.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { Session, SessionProvider } from "../../src/exchange/session-ports.ts";
import type { AccountsProvider, KeptAccount } from "../../src/exchange/vault-ports.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { clientOf, grantOf, outcomeOf, recordingTrail, refusal, roomyPlaces } from "./fixtures.ts";

// Over the real policy, with doubles of what lies outside: a token was verified already, and a session read.

const user: Account = { providerUserId: "u1", username: "alice", displayName: "Alice", email: "", emailVerified: false, avatarUrl: "" };
const kept: KeptAccount = { id: "account-1", provider: "main", issuer: "https://main.example", user, disabled: false };
const backend = clientOf({
  id: "backend",
  kind: "service",
  providers: new Map([
    ["main", grantOf({})],
    ["site", grantOf({})],
  ]),
});

interface World {
  readonly accounts?: boolean;
  /** The provider's issuer. */
  readonly at?: string;
  readonly disabled?: boolean;
  readonly impersonator?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

function ask(world: World, given: Partial<GetAccountQuestion> = {}, client: Client = backend) {
  const claims = {
    issuer: "https://main.example",
    subject: "u1",
    clientId: "cambio",
    audiences: [],
    scopes: [],
    issuedAt: 1,
    expiresAt: 2,
    tokenId: "",
    actors: [],
    name: "",
    preferredUsername: "",
    email: "",
    ...world.claims,
  };
  const verification = { claims, provider: "main", source: "LOCAL_KEYS", keyId: "k", revocationId: "jti:1", validUntilMs: 2_000 } as const;
  const main = {
    name: "main",
    issuer: world.at ?? claims.issuer,
    clientId: "cambio",
    pkce: "S256",
    accounts: world.accounts ?? true,
  } as const;
  const providers = new Map([
    ["main", { ...main, lostAnswer: "reauthenticate" as const, prepare: () => Promise.reject(new Error("nobody is asked")) }],
  ]);
  const session: Session = { account: user, startedAt: 0, expiresAtMs: 1, impersonator: world.impersonator };
  const site: SessionProvider = {
    name: "site",
    issuer: "https://site.example",
    cookieName: "session",
    impersonation: "refuse",
    accepts: ({ token }) => token.reveal() !== "odd",
    readSession: async () => session,
  };
  const found = { ...kept, disabled: world.disabled ?? false };
  const accounts = {
    find: async () => found,
    findByUser: async ({ name, issuer }: AccountsProvider, id: string) =>
      name === found.provider && issuer === found.issuer && id === "u1" ? found : undefined,
  };
  const deps: GetAccountDeps = {
    providers,
    sessions: new Map([["site", site]]),
    verifySubject: async () => ({ verification, cached: false }),
    verifiers: { byIssuer: () => undefined },
    audiences: new Map(),
    decide: createDecide(new Map()),
    revocations: { check: () => undefined },
    accounts,
    subjects: createAccountSubjects({ providers, subjectPrefixes: new Map([["site", "site:"]]), accounts }),
    freshAccount: () => Promise.reject(new Error("nothing is asked for anew")),
    readSession: async () => session,
    budget: { check: () => undefined },
    places: roomyPlaces,
  };
  const token = { kind: "token", token: new Secret("a.b.c") } as const;
  const question = { client, provider: "", subject: token, fresh: false, trail: recordingTrail().trail, ...given };
  return createGetAccount(deps)(question, AbortSignal.timeout(10_000));
}

describe("a provider's own token", () => {
  it("leads to the account of whom it is about", async () => {
    await expect(ask({})).resolves.toEqual({ account: user, subject: "account-1", provider: "main" });
    await expect(ask({}, { provider: "main" })).resolves.toBeDefined();
  });

  it.each([
    ["of an issuer that was given another one's name, by the same user id,", { at: "https://another.example" }, "ACCOUNT_NOT_FOUND"],
    ["of somebody who has never signed in", { claims: { subject: "u2" } }, "ACCOUNT_NOT_FOUND"],
    ["of a provider without accounts", { accounts: false }, "ACCOUNT_NOT_FOUND"],
    ["of a disabled account", { disabled: true }, "ACCOUNT_DISABLED"],
    ["that was issued to somebody else's registration", { claims: { clientId: "another-app" } }, "TARGET_NOT_ALLOWED"],
  ] as const)("%s leads nowhere", async (_, world, reason) => {
    await expect(ask(world)).rejects.toThrow(refusal(reason));
  });

  it("tells a client nothing that may not use its provider", async () => {
    await expect(ask({}, {}, clientOf({ id: "stranger", kind: "service" }))).rejects.toThrow(refusal("CALLER_NOT_ALLOWED"));
  });
});

function shown(token: string): GetAccountQuestion["subject"] {
  return { kind: "session", shown: () => ({ token: new Secret(token), from: "message" }) };
}

describe("a session", () => {
  const nothingShown: GetAccountQuestion["subject"] = { kind: "session", shown: () => undefined };

  it("is read where it is kept, and called as tokens out of it are", async () => {
    const answer = await ask({}, { provider: "site", subject: shown("good") });
    expect(answer).toEqual({ account: user, subject: "site:u1", provider: "site" });
  });

  it.each([
    ["is not there", nothingShown, {}],
    ["has not the form of one", shown("odd"), {}],
    ["is looked through by somebody else", shown("good"), { impersonator: "admin" }],
  ] as const)("that %s says nothing", async (_, subject, world) => {
    await expect(ask(world, { provider: "site", subject })).rejects.toThrow(refusal("SESSION_INVALID"));
  });
});

it("an account is found by its own provider's prefix only, and only while that name is its issuer's", async () => {
  const providers = new Map([
    ["main", { issuer: "https://main.example", accounts: true }],
    ["site", { issuer: "https://site.example", accounts: false }],
  ]);
  const subjectPrefixes = new Map([["main", "main:"]]);
  const accounts = { find: async (id: string) => (id === "account-1" ? kept : undefined) };
  const subjects = createAccountSubjects({ providers, subjectPrefixes, accounts });
  const other = createAccountSubjects({
    providers: new Map([["other", { issuer: "https://main.example", accounts: true }]]),
    subjectPrefixes,
    accounts,
  });
  expect(await subjects.find(subjects.subjectOf("main", "account-1"))).toBe(kept);
  expect([await subjects.find("account-1"), await subjects.find("main:x"), await other.find("account-1")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  const renamed = new Map([["main", { issuer: "https://another.example", accounts: true }]]);
  expect(await createAccountSubjects({ providers: renamed, subjectPrefixes, accounts }).find("main:account-1")).toBeUndefined();
  expect(outcomeOf(() => subjects.subjectOf("site", "u1"))).toBe("u1");
});
