import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Validate, ValidateAnswer } from "../../src/exchange/validate.ts";
import { nowMs } from "../cache/fixtures.ts";
import { startValidateRig, type ValidateRig } from "./validate-rig.ts";

let rig: ValidateRig;
let tokens: readonly string[];

// Genuine tokens that differ in what is decided about them, and some that are not genuine.
beforeAll(async () => {
  rig = await startValidateRig();
  const now = nowMs / 1000;
  const usual = { iss: rig.fake.issuer, sub: "mallory", aud: "https://orders.example", client_id: "web", iat: now, exp: now + 600 };
  const signed = await Promise.all([
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
  ]);
  tokens = [...signed, "not-a-token"];
});
afterAll(() => rig.close());

/** Mostly questions that may be answered with yes, or what is remembered would hardly ever be asked for. */
const mostly = <T>(usual: readonly T[], others: readonly T[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const step = fc.record({
  token: mostly([0, 1, 4, 5], [2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
  client: mostly(["orders"] as const, ["billing", "nothing"] as const),
  audience: mostly(["", "orders"], ["reports", "billing"]),
  provider: mostly(["", "main"], ["lenient"]),
  requiredScopes: mostly([["orders:read"], []], [["orders:write"]]),
  waitMs: mostly([0, 1], [9_999, 15_000, 40_000, 60_000]),
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
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30, size: "max" }), async (steps) => {
        rig.clock.advance(nowMs - rig.clock());
        const remembering = rig.fresh();
        for (const { token, client, waitMs, ...given } of steps) {
          rig.clock.advance(waitMs);
          const question = rig.question(tokens[token] ?? "", { ...given, client: rig.client(client) });
          const ask = async (validate: Validate) => validate(question, new AbortController());
          const answer = ask(remembering);
          hits += await answer.then(
            ({ cached, verification }) => {
              expect(verification.validUntilMs).toBeGreaterThan(rig.clock());
              return cached ? 1 : 0;
            },
            () => 0,
          );
          const outcome = await outcomeOf(answer);
          seen.add((outcome as { reason?: string }).reason ?? "allowed");
          expect(outcome).toEqual(await outcomeOf(ask(rig.fresh())));
        }
      }),
      { numRuns: 150 },
    );
    // What was compared was worth comparing.
    expect(hits).toBeGreaterThan(50);
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
