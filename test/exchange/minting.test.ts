import { describe, expect, it } from "vitest";
import {
  type ActorRule,
  claimSources,
  fitsActor,
  isMinted,
  mappedClaims,
  type Minting,
  type MintRule,
  type MintSource,
  openedScopes,
  ownProvider,
  type ProposedActor,
} from "../../src/exchange/minting.ts";

const source = (given: Partial<MintSource> = {}): MintSource => ({
  subjectPrefix: "",
  scopes: [],
  scopeMap: new Map(),
  claims: new Map(),
  ...given,
});
const rule = (...providers: readonly string[]): MintRule => ({
  signing: { kind: "published", algorithm: "ES256" },
  identifier: "urn:one",
  lifetimeMs: 900_000,
  from: new Map(providers.map((name) => [name, source()])),
  actors: [],
});
const minting: Minting = new Map([
  ["backend", rule("site", "main")],
  ["stock", rule("main")],
]);

describe("whether tokens are issued here", () => {
  it.each<[string, string, readonly string[], boolean]>([
    ["for an audience that gets some for that provider's subjects: yes", "site", ["backend"], true],
    ["for an audience that gets some for other subjects only: no", "site", ["stock"], false],
    ["for two that both get some: yes", "main", ["backend", "stock"], true],
    ["for two of which one gets none: no", "site", ["backend", "stock"], false],
    ["for an audience that there is not: no", "site", ["constructor"], false],
    ["for nobody: no", "site", [], false],
  ])("%s", (_what, provider, audiences, expected) => {
    expect(isMinted(minting, provider, audiences)).toBe(expected);
  });
});

describe("what a subject opens", () => {
  const mapped = source({
    scopes: ["base"],
    scopeMap: new Map([
      ["a", ["one", "two"]],
      ["b", ["two"]],
    ]),
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ["without scopes: what every subject there opens", [], ["base"]],
    ["with scopes: what they mean here, each once", ["a", "b"], ["base", "one", "two"]],
    ["with scopes that mean nothing here: nothing more", ["one", "two", "base2", "A"], ["base"]],
  ])("of another issuer, %s", (_what, scopes, expected) => {
    expect(openedScopes(mapped, { provider: "main", scopes })).toEqual(expected);
  });

  it("of our own is what its token has, whatever else is written there", () => {
    expect(openedScopes(mapped, { provider: ownProvider, scopes: ["a", "x", "a"] })).toEqual(["a", "x"]);
    expect(openedScopes(mapped, { provider: ownProvider, scopes: [] })).toEqual([]);
  });
});

const one = (given: Partial<ActorRule> = {}): ActorRule => ({
  provider: "main",
  clients: new Set(["agent"]),
  subjects: new Set(["robot"]),
  for: new Set(["site"]),
  ...given,
});

describe("an actor", () => {
  const robot: ProposedActor = { provider: "main", clientId: "agent", subject: "robot" };

  it.each<[string, Partial<ActorRule>]>([
    ["by client and subject", {}],
    ["by client alone", { subjects: new Set() }],
    ["by subject alone", { clients: new Set() }],
  ])("that is listed %s may act", (_what, given) => {
    expect(fitsActor(one(given), robot, "site")).toBe(true);
  });

  it.each<[string, Partial<ActorRule>, Partial<ProposedActor>, string]>([
    ["of another provider", {}, { provider: "second" }, "site"],
    ["for subjects of another provider", {}, {}, "main"],
    ["of another client", {}, { clientId: "web" }, "site"],
    ["with another subject", {}, { subject: "alice" }, "site"],
    ["of another client, where clients decide alone", { subjects: new Set() }, { clientId: "web" }, "site"],
    ["of no client, where clients decide alone", { subjects: new Set() }, { clientId: "" }, "site"],
    ["of nobody: a rule without clients and subjects means nobody", { clients: new Set(), subjects: new Set() }, {}, "site"],
    ["for nobody: a rule that lists no subjects' providers means nobody", { for: new Set() }, {}, "site"],
  ])("%s may not", (_what, given, actor, subjectProvider) => {
    expect(fitsActor(one(given), { ...robot, ...actor }, subjectProvider)).toBe(false);
  });
});

describe("claims of a new token", () => {
  const everything = { name: "Alice", preferred_username: "alice", email: "a@example.com", email_verified: false, picture: "https://p" };

  it("are those of the map and no others, by their new names", () => {
    const claims = new Map([
      ["nick", "preferred_username"],
      ["mail", "email"],
    ] as const);
    expect(mappedClaims(source({ claims }), everything)).toEqual({ nick: "alice", mail: "a@example.com" });
    expect(mappedClaims(source(), everything)).toEqual({});
  });

  it("are left out where they are not known, and said where they are false", () => {
    const claims = new Map(claimSources.map((name) => [name, name] as const));
    expect(mappedClaims(source({ claims }), { name: "", email_verified: false })).toEqual({ email_verified: false });
  });
});
