import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSingleFlight } from "../../src/cache/single-flight.ts";
import type { Verification } from "../../src/exchange/claims.ts";
import type { AccessTokenVerifier, VerificationCache } from "../../src/exchange/ports.ts";
import { createSubjectToken } from "../../src/exchange/subject-token.ts";
import { createValidate } from "../../src/exchange/validate.ts";
import { createDecide } from "../../src/policy/evaluate.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { nowMs, verification } from "../cache/fixtures.ts";
import { nothingMinted, refusal, roomyPlaces } from "../exchange/fixtures.ts";
import { startValidateRig, type ValidateRig } from "../exchange/validate-rig.ts";

let rig: ValidateRig;
beforeAll(async () => {
  rig = await startValidateRig();
});
afterAll(() => rig.close());

/** The operation before a cache that says what it is told to, whatever it is asked. */
function validating(remembered: Verification | undefined) {
  const asked: string[] = [];
  const cache: VerificationCache = {
    keyOf(token) {
      asked.push(token.reveal());
      return "key";
    },
    near: () => remembered,
    get: () => Promise.resolve(remembered),
    put: () => undefined,
    putNear: () => undefined,
    denials: { has: () => false, add: () => undefined },
  };
  const fresh = verification({ provider: "main", keyId: "fresh", validUntilMs: nowMs + 60_000 });
  const claims = { ...fresh.claims, audiences: ["urn:orders"], clientId: "web" };
  const verifier: AccessTokenVerifier = {
    provider: "main",
    issuer: "https://issuer.example",
    contentHash: "hash",
    denyKeyIds: new Set(),
    ours: false,
    asksProvider: () => false,
    verifyAtHand: () => undefined,
    verify: () => Promise.resolve({ ...fresh, claims }),
    verifyIssued: () => Promise.reject(new Error("nothing is issued here")),
  };
  const verifySubject = createSubjectToken({
    verifiers: { byName: (name) => (name === "main" ? verifier : undefined), byIssuer: () => verifier, contentHash: "hash" },
    cache,
    flights: createSingleFlight(() => 10_000),
    budget: { check: () => undefined, spend: () => undefined },
    places: roomyPlaces,
    clock: () => nowMs,
  });
  const validate = createValidate({
    verifySubject,
    swap: () => Promise.reject(new Error("nothing is exchanged here")),
    decide: createDecide(compilePolicy(rig.configuration).audiences),
    revocations: { check: () => undefined },
    ...nothingMinted,
  });
  return {
    asked,
    ask: async (token: string, given: Parameters<ValidateRig["question"]>[1] = {}) =>
      validate(rig.question(token, { provider: "main", ...given }), { signal: AbortSignal.timeout(10_000) }),
  };
}

describe("a cache that lies", () => {
  it.each([
    ["about an answer whose time is over", { provider: "main", validUntilMs: nowMs }],
    ["about a provider that is not configured any more", { provider: "gone", validUntilMs: nowMs + 1 }],
  ])("%s is not believed: the token is verified again", async (_name, remembered) => {
    const answer = await validating(verification(remembered)).ask("a.b.c");
    expect(answer).toMatchObject({ cached: false, verification: { keyId: "fresh" } });
  });
});

describe("before a token is worth any work", () => {
  it("its size is measured: one of more than 16 KiB is neither hashed nor looked up", async () => {
    const { ask, asked } = validating(verification({ provider: "main" }));
    await expect(ask("x".repeat(16 * 1024 + 1))).rejects.toThrow(refusal("TOKEN_MALFORMED"));
    expect(asked).toEqual([]);
  });

  it("a caller's right to the audience is: for another's it learns nothing, whatever the token", async () => {
    const { ask, asked } = validating(verification({ provider: "main" }));
    await expect(ask("a.b.c", { audience: "billing" })).rejects.toThrow(refusal("TARGET_NOT_ALLOWED"));
    expect(asked).toEqual([]);
  });
});
