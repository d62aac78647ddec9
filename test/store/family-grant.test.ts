import { describe, expect, test } from "vitest";
import { Secret } from "../../src/exchange/secret.ts";
import { decodeFamilyGrant, encodeFamilyGrant, type FamilyGrant } from "../../src/store/family-grant.ts";

const session: FamilyGrant = {
  kind: "session",
  session: new Secret("of alice"),
  subject: "alice",
  minted: { audience: "backend", scopes: ["read"], from: "cookie" },
};
const connection: FamilyGrant = { kind: "connection", subject: "alice", connection: { id: "c1", generation: 3 } };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test.each([session, connection])("what a family stands for comes back equal: $kind", (grant) => {
  expect(decodeFamilyGrant(encodeFamilyGrant(grant))).toEqual(grant);
  const unnamed = { ...grant, subject: undefined };
  expect(decodeFamilyGrant(encodeFamilyGrant(unnamed))).toEqual(unnamed);
});

const written = (grant: FamilyGrant) => JSON.parse(Buffer.from(encodeFamilyGrant(grant)).toString());

describe("stands for nothing, so that nobody renews without bounds:", () => {
  const changed = (grant: FamilyGrant, change: (value: ReturnType<typeof written>) => void) => {
    const value = written(grant);
    change(value);
    return bytes(value);
  };
  test.each([
    ["no bytes", Buffer.alloc(0)],
    ["half of it", Buffer.from(encodeFamilyGrant(session)).subarray(0, 40)],
    ["null", bytes(null)],
    ["a list", bytes([])],
    ["a kind of its own", changed(session, (value) => (value.kind = "token"))],
    ["a session that is not there", changed(session, (value) => delete value.session)],
    ["a session without bounds", changed(session, (value) => delete value.minted)],
    ["a session for nobody", changed(session, (value) => delete value.minted.audience)],
    ["a session whose scopes nobody knows", changed(session, (value) => delete value.minted.scopes)],
    ["a session that was shown in no known way", changed(session, (value) => (value.minted.from = "mail"))],
    ["a session that is a connection, too", changed(session, (value) => (value.connection = { id: "c1", generation: 3 }))],
    ["a connection without an id", changed(connection, (value) => delete value.connection.id)],
    ["a connection at no generation", changed(connection, (value) => delete value.connection.generation)],
    ["a connection that says more than anybody reads", changed(connection, (value) => (value.minted = null))],
  ])("%s", (_, value) => {
    expect(decodeFamilyGrant(value)).toBeUndefined();
  });
});
