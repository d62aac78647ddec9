import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Answer, detailOf, type FakeStack, type Instance, reasonOf, startFakeStack } from "../support/fake-stack.ts";

let stack: FakeStack;
beforeAll(async () => {
  stack = await startFakeStack();
});
afterAll(() => stack.close());

const often = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const ask = fc.record({
  kind: fc.constant("ask" as const),
  token: fc.oneof(fc.constantFrom("usual", "short", "wide"), fc.constantFrom("early", "games", "payroll", "forged", "stranger", "typed")),
  provider: often("", "main", "nothing"),
  audience: often("", "orders", "payroll"),
  requiredScopes: fc.subarray(["orders:read", "orders:write"]),
});
const wait = fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 999, 10_000, 29_999, 30_000, 59_999, 60_000) });
const program = fc.array(fc.oneof({ weight: 4, arbitrary: ask }, { weight: 1, arbitrary: wait }), {
  minLength: 10,
  maxLength: 16,
  size: "max",
});

/** Tokens of every kind, made now. */
async function makeTokens(): Promise<Readonly<Record<string, string>>> {
  const now = Math.floor(stack.time.nowMs / 1000);
  return {
    usual: await stack.token(),
    short: await stack.token({ exp: now + 121 }),
    early: await stack.token({ nbf: now + 60 }),
    games: await stack.token({ client_id: "games" }),
    payroll: await stack.token({ aud: "https://payroll.example" }),
    wide: await stack.token({ scope: "orders:read orders:write" }),
    forged: (await stack.token()).replace(/.{10}$/, "AAAAAAAAAA"),
    stranger: await stack.token({ iss: "https://evil.example" }),
    typed: await stack.token({}, { typ: "JWT" }),
  };
}

/** Everything but how the answer came about and how long it counts. */
function essence(answer: Answer): unknown {
  const { claims, source } = answer.body;
  return { status: answer.status, claims, source, reason: reasonOf(answer), expiredAt: detailOf(answer)?.["expiredAt"] };
}

/** 0 for a refusal. */
function untilOf({ body }: Answer): number {
  const { validUntil } = body as { readonly validUntil?: string };
  return validUntil === undefined ? 0 : Date.parse(validUntil);
}

async function askFresh(question: (instance: Instance) => Promise<Answer>): Promise<Answer> {
  const fresh = await stack.another();
  try {
    return await question(fresh);
  } finally {
    await fresh.close();
  }
}

it("with and without anything remembered the answer is the same, at every instant", { timeout: 120_000 }, async () => {
  let hits = 0;
  await fc.assert(
    fc.asyncProperty(program, async (steps) => {
      const tokens = await makeTokens();
      for (const step of steps) {
        if (step.kind === "wait") {
          stack.time.nowMs += step.ms;
          continue;
        }
        const { token, provider, audience, requiredScopes } = step;
        const question = (instance: Instance) => instance.validate(tokens[token] ?? "", { provider, audience, requiredScopes });
        const remembering = await question(stack.cambio);
        const fresh = await askFresh(question);
        expect(essence(remembering)).toEqual(essence(fresh));
        expect(fresh.body["cached"]).toBeUndefined();
        if (remembering.body["cached"] === true) hits += 1;
        expect(untilOf(remembering)).toBeLessThanOrEqual(untilOf(fresh));
      }
    }),
    { numRuns: 20 },
  );
  // Otherwise nothing was compared.
  expect(hits).toBeGreaterThan(5);
});
