import { describe, expect, it } from "vitest";
import { createActorToken } from "../../src/exchange/actor-token.ts";
import type { AuditEntry } from "../../src/exchange/ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { VerifySubject } from "../../src/exchange/subject-token.ts";
import type { Trail } from "../../src/exchange/trail.ts";
import { createUserProof } from "../../src/exchange/user-proof.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import type { Call } from "../../src/rpc/call.ts";
import { auditEntry, createTrail } from "../../src/rpc/trail.ts";
import { clientOf } from "../exchange/fixtures.ts";
import { callOf } from "./fixtures.ts";

const client = clientOf({ id: "app", kind: "browser" });

const callOfApp = () => callOf({ caller: "app", address: "192.0.2.7", audited: "Exchange" });

function trailOf(call: Call) {
  const intents: AuditEntry[] = [];
  const intend = async (entry: AuditEntry) => void intents.push(entry);
  const trail = createTrail(call, { audit: { intend, record: () => undefined }, tokenHash: (token) => `hash of ${token.reveal()}` });
  return { trail, intents };
}

describe("a second token, which the trail of a call is not about", () => {
  const deps = {
    decide: createDecide(new Map()),
    revocations: { check: () => undefined },
    audiences: new Map(),
    providers: new Map(),
    subjects: { find: async () => undefined },
    accounts: undefined,
  };
  const token = new Secret("opaque");
  const { signal } = new AbortController();

  const verifications: readonly [string, (verifySubject: VerifySubject, trail: Trail) => Promise<unknown>][] = [
    [
      "an actor's",
      (verifySubject, trail) =>
        createActorToken({ ...deps, verifySubject })({ client, actorToken: token, trail, mayAsk: () => undefined }, signal),
    ],
    [
      "a user's",
      (verifySubject, trail) => createUserProof({ ...deps, verifySubject })({ client, proof: { kind: "token", token }, trail }, signal),
    ],
  ];

  it.each(verifications)("%s, is paid for by whoever calls where a provider has to be asked about it", async (_whose, verify) => {
    const call = callOfApp();
    const { trail, intents } = trailOf(call);
    const asked = Promise.withResolvers<Trail>();
    const denied = new Error("the provider knows no such token");
    const verifySubject: VerifySubject = (question) => {
      asked.resolve(question.trail);
      throw denied;
    };
    await expect(verify(verifySubject, trail)).rejects.toBe(denied);
    const quiet = await asked.promise;
    expect(quiet.payer).toEqual({ client: "app", address: "192.0.2.7" });
    quiet.note({ provider: "site", credential: token });
    expect(call.notes).toEqual({});
    await quiet.intent();
    expect(intents).toEqual([expect.objectContaining({ kind: "intent", requestId: "r1" })]);
  });
});

describe("what is on record of a call", () => {
  it("is not changed by what is noted afterwards", async () => {
    const { trail, intents } = trailOf(callOfApp());
    trail.note({ provider: "site", scopes: ["read"], reported: ["one"] });
    await trail.intent();
    trail.note({ provider: "other", scopes: ["write"], reported: ["two", "one"] });
    await trail.intent();
    expect(intents).toEqual([
      expect.objectContaining({ provider: "site", scopes: ["read"], reported: ["one"] }),
      expect.objectContaining({ provider: "other", scopes: ["write"], reported: ["one", "two"] }),
    ]);
  });

  it("says who called, and what, whatever was noted", () => {
    const call = callOfApp();
    const forged = { kind: "checkpoint", requestId: "r-2", method: "Revoke", protocol: "http", address: "203.0.113.1", caller: "other" };
    trailOf(call).trail.note(forged as object);
    expect(auditEntry("outcome", call)).toMatchObject({
      kind: "outcome",
      requestId: "r1",
      method: "Exchange",
      protocol: "connect",
      address: "192.0.2.7",
      caller: "app",
    });
  });

  it("has a credential as its hash alone", () => {
    const call = callOfApp();
    trailOf(call).trail.note({ credential: new Secret("once") });
    expect(call.notes).toEqual({ token: "hash of once" });
  });
});
