import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { ValidateAnswer } from "../../src/exchange/validate.ts";
import { nowMs } from "../cache/fixtures.ts";
import { startValidateRig, type ValidateRig } from "./validate-rig.ts";

let rig: ValidateRig;
let tokens: readonly string[];

// Genuine tokens that differ in what is decided about them, and some that are not genuine.
beforeAll(async () => {
  rig = await startValidateRig();
  const now = nowMs / 1000;
  const usual = { iss: rig.fake.issuer, sub: "mallory", aud: "https://orders.example", client_id: "web", iat: now, exp: now + 600 };
  tokens = await Promise.all([
    rig.fake.mint(),
    rig.fake.mint({ client_id: "tool", scope: "orders:read orders:write" }, { alg: "ES256" }),
    rig.fake.mint({ client_id: "evil" }),
    rig.fake.mint({ aud: ["https://billing.example", "urn:orders"] }),
    rig.fake.mint({ exp: now + 75 }),
    rig.fake.mint({ exp: now + 150 }),
    rig.fake.mint({ exp: now + 30 }),
    rig.fake.mint({ iat: now + 45, exp: now + 600 }),
    rig.fake.mint({ nbf: now + 100 }),
    rig.fake.mint({ cnf: { jkt: "x" } }),
    rig.fake.mint({ iss: "https://public-name.example", aud: "https://billing.example" }),
    rig.fake.mint({}, { typ: "JWT" }),
    rig.fake.mint({}, { kid: "unknown" }),
    rig.stranger.mint(),
    rig.stranger.keys.sign(usual, { kid: rig.fake.keys.kidOf("RS256") }),
    "not-a-token",
  ]);
});
afterAll(() => rig.close());

const step = fc.record({
  token: fc.nat({ max: 15 }),
  client: fc.constantFrom("orders", "billing", "nothing"),
  audience: fc.constantFrom("", "orders", "reports", "billing"),
  provider: fc.constantFrom("", "", "main", "lenient"),
  requiredScopes: fc.constantFrom([], ["orders:read"], ["orders:write"]),
  waitMs: fc.constantFrom(0, 0, 0, 1, 9_999, 15_000, 40_000, 60_000),
});

async function outcomeOf(asking: Promise<ValidateAnswer>): Promise<unknown> {
  try {
    const { verification } = await asking;
    return { claims: verification.claims, provider: verification.provider, keyId: verification.keyId };
  } catch (failure) {
    if (!(failure instanceof ExchangeError)) throw failure;
    return { reason: failure.reason, field: failure.field, expiredAt: failure.expiredAt };
  }
}

describe("validation", () => {
  it("answers the same with what it remembers and with nothing remembered, whatever is asked in whatever order", async () => {
    let hits = 0;
    const seen = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 14 }), async (steps) => {
        rig.clock.advance(nowMs - rig.clock());
        const remembering = rig.fresh();
        for (const { token, client, waitMs, ...given } of steps) {
          rig.clock.advance(waitMs);
          const question = rig.question(tokens[token] ?? "", { ...given, client: rig.client(client) });
          const signal = new AbortController().signal;
          const answer = remembering(question, signal);
          hits += await answer.then(
            ({ cached, verification }) => {
              expect(verification.validUntilMs).toBeGreaterThan(rig.clock());
              return cached ? 1 : 0;
            },
            () => 0,
          );
          const outcome = await outcomeOf(answer);
          seen.add((outcome as { reason?: string }).reason ?? "allowed");
          expect(outcome).toEqual(await outcomeOf(rig.fresh()(question, signal)));
        }
      }),
      { numRuns: 150 },
    );
    // What was compared was worth comparing.
    expect(hits).toBeGreaterThan(20);
    expect([...seen]).toEqual(
      expect.arrayContaining([
        "allowed",
        "TOKEN_EXPIRED",
        "TOKEN_INVALID",
        "AUDIENCE_MISMATCH",
        "CLIENT_NOT_TRUSTED",
        "ISSUER_NOT_TRUSTED",
        "TOKEN_MALFORMED",
      ]),
    );
  });
});
