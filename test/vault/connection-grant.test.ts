import { describe, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { decodeConnectionGrant, encodeConnectionGrant } from "../../src/vault/connection-grant.ts";

const terms = {
  as: "orders",
  audiences: ["inventory"],
  origin: "web",
  meantFor: ["urn:orders"],
  scopes: ["read"],
  actors: [{ issuer: "", subject: "gateway", clientId: "gw" }],
};
const issue = { audience: "backend", scopes: ["read"] };
const grant = { signIn: "one", issuer: "https://issuer.example", refreshToken: new Secret("refresh"), subject: "alice", terms, issue };
const written = () => JSON.parse(Buffer.from(encodeConnectionGrant(grant)).toString());
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test("a grant comes back equal, with the terms of the exchange that it came out of", () => {
  expect(decodeConnectionGrant(encodeConnectionGrant(grant))).toEqual(grant);
  const signedIn = { ...grant, terms: undefined, issue: undefined };
  expect(decodeConnectionGrant(encodeConnectionGrant(signedIn))).toEqual(signedIn);
  const unnamed = { ...signedIn, subject: undefined, refreshToken: undefined };
  expect(decodeConnectionGrant(encodeConnectionGrant(unnamed))).toEqual(unnamed);
});

describe("is no grant, so that nobody refreshes without the terms:", () => {
  const changed = (change: (value: ReturnType<typeof written>) => void) => {
    const value = written();
    change(value);
    return bytes(value);
  };
  test.each([
    ["no bytes", Buffer.alloc(0)],
    ["half of one", Buffer.from(encodeConnectionGrant(grant)).subarray(0, 40)],
    ["null", bytes(null)],
    ["one of no sign-in", changed((value) => delete value.signIn)],
    ["one whose terms are null", changed((value) => (value.terms = null))],
    ["one whose terms say nothing", changed((value) => (value.terms = {}))],
    ["one whose terms lack the registration", changed((value) => delete value.terms.as)],
    ["one whose terms lack the audiences", changed((value) => delete value.terms.audiences)],
    ["one whose terms lack the client of the subject token", changed((value) => delete value.terms.origin)],
    ["one whose terms lack whom that was for", changed((value) => delete value.terms.meantFor)],
    ["one whose terms lack the scopes", changed((value) => delete value.terms.scopes)],
    ["one whose terms lack the actors", changed((value) => delete value.terms.actors)],
    ["one whose terms have an actor of another shape", changed((value) => value.terms.actors.push({ subject: "x" }))],
    ["one whose answers have no audience", changed((value) => delete value.issue.audience)],
    ["one whose answers have no bound", changed((value) => delete value.issue.scopes)],
    ["one whose terms say more than anybody reads", changed((value) => (value.terms.wider = true))],
  ])("%s", (_, value) => {
    expect(decodeConnectionGrant(value)).toBeUndefined();
  });
});
