import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Answer, detailOf, type Instance } from "../support/fake-stack.ts";
import { readingStrike, strike } from "./strikes.ts";
import { createMint, type Kind, kinds, type Made, verdictOf } from "./token-model.ts";
import { outcomeOf, startWorld, unavailable, type World } from "./world.ts";
import type { Variant } from "./world-configuration.ts";

// Programs of validations and revocations at three replicas, while the provider's keys, PostgreSQL and Redis fail as they please.
// Whatever fails: a yes is for a genuine token that holds now, a no has its true reason, and what is remembered changes nothing.

/** Milliseconds that all programs together may take; a loaded machine runs fewer of them. */
const budgetMs = 12_000;
/** Of one program: with the servers, everything is asked of everyone now and then. */
const maxTokens = 8;
const revocationLimitMs = 8_000;
/** The place of a replica that has just begun. */
const nowhere = -1;

let world: World;
let make: (kind: Kind) => Promise<Made>;
beforeAll(async () => {
  world = await startWorld();
  make = createMint(world);
});
afterAll(() => world.close());

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("make" as const), kind: fc.constantFrom<Kind>(...kinds) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("ask" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("revoke" as const), token: fc.nat(), at: fc.nat({ max: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("compare" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 5_001, 20_000, 60_000, 600_001) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("reload" as const), variant: fc.constantFrom<Variant>("usual", "closed", "denied") }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant("strike" as const), what: readingStrike }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("heal" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const program = fc.array(step, { minLength: 14, maxLength: 22, size: "max" });

/** How often each was shown. */
const shown = { yes: 0, no: 0, hits: 0, compared: 0 };

/** @throws Error where the answer is not true */
function judge(made: Made, place: number, answer: Answer): void {
  const outcome = outcomeOf(answer);
  if (unavailable.has(outcome)) return;
  const { mayAccept, reasons } = verdictOf(world, made, place);
  expect({ outcome, true: outcome === "200" ? mayAccept : reasons.has(outcome) }).toEqual({ outcome, true: true });
  if (outcome === "200") shown.yes += 1;
  else shown.no += 1;
  if (answer.body["cached"] === true) shown.hits += 1;
  // What somebody knows to have ended, that one never accepts again.
  if (outcome === "TOKEN_REVOKED") made.revoked?.places.add(place);
}

/** Every replica about every token, all at once. */
async function askAll(tokens: readonly Made[]): Promise<readonly (readonly Answer[])[]> {
  return Promise.all(
    world.replicas.map(async (replica, place) => {
      const answers = await world.inTime(Promise.all(tokens.map((made) => replica.validate(made.text))));
      for (const [at, made] of tokens.entries()) judge(made, place, answers[at] as Answer);
      return answers;
    }),
  );
}

/** Everything but how the answer came about. */
function essence(answer: Answer): unknown {
  const { claims, source } = answer.body;
  return { status: answer.status, claims, source, reason: outcomeOf(answer), expiredAt: detailOf(answer)?.["expiredAt"] };
}

async function compare(tokens: readonly Made[]): Promise<void> {
  const remembered = await askAll(tokens);
  const unknown = await world.asFresh((fresh: Instance) => world.inTime(Promise.all(tokens.map((made) => fresh.validate(made.text)))));
  if (unknown === undefined) return;
  for (const [number, made] of tokens.entries()) {
    const fresh = unknown[number] as Answer;
    judge(made, nowhere, fresh);
    // A revocation may be on its way to some of them.
    if (made.revoked !== undefined) continue;
    for (const answers of remembered) {
      const old = answers[number] as Answer;
      if ([old, fresh].some((answer) => unavailable.has(outcomeOf(answer)))) continue;
      expect(essence(old)).toEqual(essence(fresh));
      shown.compared += 1;
    }
  }
}

async function revoke(made: Made, place: number): Promise<void> {
  const authorization = world.stack.authorization("backend");
  const nowMs = world.stack.time.nowMs;
  const answer = await world.inTime((world.replicas[place] as Instance).rpc("Revoke", { token: { value: made.text } }, { authorization }));
  const outcome = outcomeOf(answer);
  expect(outcome === "200" || unavailable.has(outcome) ? "" : outcome).toBe("");
  // One that is not accepted anyway succeeds, and there is nothing to remember.
  const { reasons } = verdictOf(world, made, place);
  if (["TOKEN_INVALID", "TOKEN_MALFORMED", "TOKEN_EXPIRED", "ISSUER_NOT_TRUSTED"].some((reason) => reasons.has(reason))) return;
  made.revoked ??= { places: new Set(), sinceMs: undefined };
  if (outcome !== "200") return;
  made.revoked.places.add(place);
  made.revoked.sinceMs ??= nowMs;
}

async function run(tokens: Made[], now: Step): Promise<void> {
  switch (now.do) {
    case "make":
      if (tokens.length < maxTokens) tokens.push(await make(now.kind));
      return;
    case "ask":
      await askAll(tokens);
      return;
    case "revoke": {
      const made = tokens[now.token % tokens.length];
      return made === undefined ? undefined : revoke(made, now.at);
    }
    case "compare":
      return compare(tokens);
    case "wait":
      world.stack.time.nowMs += now.ms;
      return;
    case "reload":
      return world.reload(now.variant);
    case "strike":
      return strike(world, now.what);
    case "heal":
      return world.heal();
  }
}

/** Once nothing fails any more, everyone knows what anybody was told. */
async function revokedEverywhere(tokens: readonly Made[]): Promise<boolean> {
  const ended = tokens.filter((made) => made.revoked?.sinceMs !== undefined);
  const answers = await askAll(ended);
  return answers.flat().every((answer) => ["TOKEN_REVOKED", "TOKEN_EXPIRED", "AUDIENCE_MISMATCH"].includes(outcomeOf(answer)));
}

it("a yes is true, a no is true, and what is remembered changes neither, whatever fails meanwhile", { timeout: 6 * budgetMs }, async () => {
  const until = performance.now() + budgetMs;
  await fc.assert(
    fc.asyncProperty(program, async (steps) => {
      if (performance.now() > until) return;
      const tokens: Made[] = [await make("usual")];
      for (const now of steps) {
        await run(tokens, now);
        expect(world.strangers()).toEqual([]);
      }
      await world.recover();
      await eventually("everyone knows what was revoked", () => revokedEverywhere(tokens), revocationLimitMs);
    }),
    { numRuns: 60, endOnFailure: true },
  );
  // Otherwise nothing was shown.
  expect(Object.entries(shown).filter(([, count]) => count < 5)).toEqual([]);
  const internal = world.replicas.flatMap((one) => one.logLines()).filter((line) => line["reason"] === "INTERNAL");
  expect(internal).toEqual([]);
});
