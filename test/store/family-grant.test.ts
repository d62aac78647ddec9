import { describe, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { decodeFamilyGrant, encodeFamilyGrant } from "../../src/store/family-grant.ts";

const terms = {
  as: "orders",
  audiences: ["inventory"],
  origin: "web",
  meantFor: ["urn:orders"],
  scopes: ["read"],
  actors: [{ issuer: "", subject: "gateway", clientId: "gw" }],
};
const grant = { refreshToken: new Secret("refresh"), subject: "alice", terms };
const written = () => JSON.parse(Buffer.from(encodeFamilyGrant(grant)).toString());
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test("a grant comes back equal, with the terms of the exchange that it came out of", () => {
  expect(decodeFamilyGrant(encodeFamilyGrant(grant))).toEqual(grant);
  const signedIn = { ...grant, terms: undefined };
  expect(decodeFamilyGrant(encodeFamilyGrant(signedIn))).toEqual(signedIn);
  const unnamed = { ...signedIn, subject: undefined };
  expect(decodeFamilyGrant(encodeFamilyGrant(unnamed))).toEqual(unnamed);
});

test("a grant that was written before there were exchanges is still one, without terms", () => {
  expect(decodeFamilyGrant(bytes({ refreshToken: "refresh", subject: "alice" }))).toEqual({ ...grant, terms: undefined });
});

describe("is no grant, so that nobody refreshes without the terms:", () => {
  const changed = (change: (value: ReturnType<typeof written>) => void) => {
    const value = written();
    change(value);
    return bytes(value);
  };
  test.each([
    ["no bytes", Buffer.alloc(0)],
    ["half of one", Buffer.from(encodeFamilyGrant(grant)).subarray(0, 40)],
    ["null", bytes(null)],
    ["one without its token", changed((value) => delete value.refreshToken)],
    ["one whose terms are null", changed((value) => (value.terms = null))],
    ["one whose terms say nothing", changed((value) => (value.terms = {}))],
    ["one whose terms lack the registration", changed((value) => delete value.terms.as)],
    ["one whose terms lack the audiences", changed((value) => delete value.terms.audiences)],
    ["one whose terms lack the client of the subject token", changed((value) => delete value.terms.origin)],
    ["one whose terms lack whom that was for", changed((value) => delete value.terms.meantFor)],
    ["one whose terms lack the scopes", changed((value) => delete value.terms.scopes)],
    ["one whose terms lack the actors", changed((value) => delete value.terms.actors)],
    ["one whose terms have an actor of another shape", changed((value) => value.terms.actors.push({ subject: "x" }))],
    ["one whose terms say more than anybody reads", changed((value) => (value.terms.wider = true))],
  ])("%s", (_, value) => {
    expect(decodeFamilyGrant(value)).toBeUndefined();
  });
});
