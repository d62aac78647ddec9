import { describe, expect, it } from "vitest";
import type { Actor, TokenClaims, Verification } from "../../src/exchange/claims.ts";
import { type ActedFor, actedForOf, boundedByActor, namedActors, proposedBy, withActor } from "../../src/exchange/delegation.ts";
import { verification } from "../cache/fixtures.ts";
import { refusal } from "./fixtures.ts";

const issuer = "https://login.example.com";
const robot: Actor = { issuer, subject: "robot", clientId: "agent" };
const earlier = (name: string): Actor => ({ issuer: "https://elsewhere.example", subject: name, clientId: "" });

const actorClaims = (given: Partial<TokenClaims> = {}): TokenClaims => ({
  ...verification().claims,
  ...robot,
  actors: [],
  ...given,
});
const nobodyYet: ActedFor = { issuer, actors: [], mayAct: undefined };
const notAllowed = (field: string) => refusal("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN", cause: { kind: "rule", field } });

describe("a chain of actors", () => {
  it("begins with whose token was verified, by its own issuer, subject and client", () => {
    expect(withActor(nobodyYet, actorClaims())).toEqual([robot]);
  });

  it("grows at its front only, and keeps everybody who stood in it", () => {
    const actors = [earlier("gateway"), earlier("batch"), earlier("portal")];
    expect(withActor({ ...nobodyYet, actors }, actorClaims())).toEqual([robot, ...actors]);
  });

  it("says of an actor without an issuer whose word it was, before it stands in a token of another issuer", () => {
    const actors = [{ issuer: "", subject: "gateway", clientId: "gw" }, earlier("batch")];
    const named = [{ issuer, subject: "gateway", clientId: "gw" }, earlier("batch")];
    expect(namedActors({ issuer, actors })).toEqual(named);
    expect(withActor({ ...nobodyYet, actors }, actorClaims({ issuer: "https://other.example" }))).toEqual([
      { ...robot, issuer: "https://other.example" },
      ...named,
    ]);
  });

  it.each([0, 1, 2, 3])("of %i takes one more", (length) => {
    const actors = Array.from({ length }, (_, index) => earlier(`a${index}`));
    expect(withActor({ ...nobodyYet, actors }, actorClaims())).toHaveLength(length + 1);
  });

  it("of four is never cut to let a fifth in", () => {
    const actors = ["a", "b", "c", "d"].map(earlier);
    expect(() => withActor({ ...nobodyYet, actors }, actorClaims())).toThrow(notAllowed("act"));
  });

  it("does not begin with somebody for whom somebody acts: whose deed it would be, nobody could say", () => {
    expect(() => withActor(nobodyYet, actorClaims({ actors: [earlier("puppeteer")] }))).toThrow(notAllowed("actor act"));
  });
});

const allowing = (given: Partial<Actor>): Actor => ({ issuer: "", subject: "", clientId: "", ...given });

const asked = (mayAct: Actor | undefined, claims: Partial<TokenClaims> = {}) => withActor({ ...nobodyYet, mayAct }, actorClaims(claims));

describe("may_act", () => {
  it.each<[string, Actor | undefined]>([
    ["is absent, so that policy alone decides", undefined],
    ["names the subject", allowing({ subject: "robot" })],
    ["names the client", allowing({ clientId: "agent" })],
    ["names both", allowing({ subject: "robot", clientId: "agent" })],
    ["names the subject with its issuer", allowing({ issuer, subject: "robot" })],
  ])("lets the actor in where it %s", (_what, mayAct) => {
    expect(asked(mayAct)).toEqual([robot]);
  });

  it.each<[string, Actor, Partial<TokenClaims>]>([
    ["names another subject", allowing({ subject: "somebody" }), {}],
    ["names another client", allowing({ clientId: "somebody" }), {}],
    ["names the subject, and another client", allowing({ subject: "robot", clientId: "somebody" }), {}],
    ["names the client, and another subject", allowing({ subject: "somebody", clientId: "agent" }), {}],
    ["names the subject of another issuer", allowing({ issuer: "https://elsewhere.example", subject: "robot" }), {}],
    ["names nobody", allowing({}), {}],
    ["names an issuer and nobody there", allowing({ issuer }), {}],
    [
      "means one of its own issuer, and the actor has the same name elsewhere",
      allowing({ subject: "robot" }),
      { issuer: "https://b.example" },
    ],
    ["names a client, and the actor's token has none", allowing({ clientId: "agent" }), { clientId: "" }],
    ["names the subject in another case", allowing({ subject: "Robot" }), {}],
  ])("keeps the actor out where it %s", (_what, mayAct, claims) => {
    expect(() => asked(mayAct, claims)).toThrow(notAllowed("may_act"));
  });
});

describe("as policy is asked", () => {
  const actor: Verification = verification({ provider: "main", claims: actorClaims() });

  it("an actor is its provider, its client and its subject", () => {
    expect(proposedBy(actor)).toEqual({ provider: "main", clientId: "agent", subject: "robot" });
    expect(proposedBy(undefined)).toBeUndefined();
  });

  it("a subject is who acts for it, and who alone may", () => {
    const mayAct = { issuer: "", subject: "robot", clientId: "" };
    expect(actedForOf({ ...actorClaims(), actors: [robot], mayAct })).toEqual({ issuer, actors: [robot], mayAct });
    expect(actedForOf(actorClaims())).toEqual({ issuer, actors: [], mayAct: undefined });
  });
});

const actor = (expiresAt: number) => verification({ claims: actorClaims({ expiresAt }) });

describe("a token in which somebody acts", () => {
  it.each([
    ["the subject's, which is earlier", 1_000_000, 1_001, 1_000_000],
    ["the actor's, which is earlier", 1_000_000, 999, 999_000],
  ])("ends at an end that is %s", (_what, expiresAtMs, exp, end) => {
    expect(boundedByActor({ expiresAtMs, other: "kept" }, actor(exp))).toEqual({ expiresAtMs: end, other: "kept" });
  });

  it("ends with its subject alone where nobody acts", () => {
    expect(boundedByActor({ expiresAtMs: 1_000 }, undefined)).toEqual({ expiresAtMs: 1_000 });
  });
});
