import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Actor, Verification } from "../../src/exchange/claims.ts";
import { actedForOf, boundedByActor, proposedBy, withActor } from "../../src/exchange/delegation.ts";
import { subjectOfToken } from "../../src/exchange/mint-subject.ts";
import { verification } from "../cache/fixtures.ts";
import { outcomeOf } from "../exchange/fixtures.ts";
import { actorsOf, clientId, identifierOf, names, nowMs, planner, readAgain } from "./minted-world.ts";

const main = "https://login.example.com";
const grant = { audiences: [...names.audiences], scopes: [...names.scopes] };

/** Everybody gets tokens of everybody, and whoever has a token of `main` may act: what is left are the rules of the chain. */
const plan = planner({
  providers: {},
  clients: { [clientId]: { kind: "service", secrets: ["secret-of-some-service"], providers: { main: grant, cambio: grant } } },
  audiences: Object.fromEntries(
    names.audiences.map((name) => {
      const from = { main: { scope_map: { a: ["a", "b"], b: ["c"] } }, cambio: {} };
      const actors = [{ provider: "main", clients: ["agent", "tool"], for: ["main", "cambio"] }];
      const accepts = { cambio: { identifiers: [identifierOf(name)], clients: [] } };
      return [name, { accepts, mint: { lifetime: "24h", from, actors } }];
    }),
  ),
});

/** Whose token is shown as the actor's, and how many seconds are left of it. */
interface Shown {
  readonly subject: string;
  readonly clientId: string;
  readonly left: number;
}

const shownActors: fc.Arbitrary<Shown> = fc.record({
  subject: fc.constantFrom(...names.actors),
  clientId: fc.constantFrom("agent", "tool"),
  left: fc.integer({ min: 1, max: 7_200 }),
});
const steps = fc.array(
  fc.record({
    audience: fc.constantFrom(...names.audiences),
    scopes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.subarray([...names.scopes])),
    shown: fc.option(shownActors, { nil: undefined, freq: 3 }),
  }),
  { minLength: 1, maxLength: 6 },
);
type Step = typeof steps extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

const begun = fc.record({
  scopes: fc.subarray(["a", "b", "unmapped"]),
  actors: fc.array(
    actorsOf(fc.constantFrom(...names.actors)).map((one) => ({ ...one, issuer: one.clientId === "" ? "" : one.issuer })),
    { maxLength: 4 },
  ),
  mayAct: fc.constantFrom<Actor | undefined>(
    undefined,
    undefined,
    undefined,
    { issuer: "", subject: "robot", clientId: "" },
    { issuer: "", subject: "", clientId: "agent" },
    { issuer: main, subject: "robot", clientId: "tool" },
    { issuer: "", subject: "", clientId: "" },
  ),
});

/** All that may_act names is so; one that names nobody means nobody. */
function isAllowed(mayAct: Actor | undefined, shown: Shown | undefined): boolean {
  if (mayAct === undefined || shown === undefined) return true;
  if (mayAct.subject === "" && mayAct.clientId === "") return false;
  return ["", shown.subject].includes(mayAct.subject) && ["", shown.clientId].includes(mayAct.clientId);
}

/** As the operation does it. Undefined: refused. */
function exchanged(held: Verification, { audience, scopes, shown }: Step): Verification | undefined {
  const of = { ...verification().claims, issuer: main, actors: [] };
  const actor =
    shown === undefined
      ? undefined
      : verification({ provider: "main", claims: { ...of, ...shown, expiresAt: nowMs / 1_000 + shown.left } });
  const chain = actor && outcomeOf(() => withActor(actedForOf(held.claims), actor.claims));
  if (chain instanceof Error) return undefined;
  const subject = boundedByActor(subjectOfToken(held, chain as readonly Actor[] | undefined), actor);
  const planned = plan({ subject, audience, scopes, actor: proposedBy(actor), refreshToken: false });
  return planned && readAgain(planned);
}

/** All that is gained or lost in one step, in words; empty: nothing is. */
function faultsOf(held: Verification, next: Verification, shown: Shown | undefined): readonly string[] {
  const { claims: before, provider } = held;
  const { claims: after } = next;
  const named = before.actors.map((one) => ({ ...one, issuer: one.issuer === "" ? before.issuer : one.issuer }));
  const added = shown === undefined ? [] : [{ issuer: main, subject: shown.subject, clientId: shown.clientId }];
  const told = ({ mayAct }: typeof before) => mayAct && [mayAct.subject, mayAct.clientId];
  const holds: Readonly<Record<string, boolean>> = {
    "the chain": JSON.stringify(after.actors) === JSON.stringify([...added, ...named]),
    "its length": after.actors.length <= 4,
    may_act: JSON.stringify(told(after)) === JSON.stringify(told(before)),
    "who may act": isAllowed(before.mayAct, shown),
    "the subject": after.subject === before.subject,
    "the scope": provider !== "cambio" || new Set(after.scopes).isSubsetOf(new Set(before.scopes)),
    "the end": after.expiresAt <= Math.min(before.expiresAt, nowMs / 1_000 + (shown?.left ?? Infinity)),
  };
  return Object.keys(holds).filter((what) => holds[what] !== true);
}

it("over any sequence of exchanges a chain only grows, at its front, to four; may_act stays; subject, scope and end gain nothing", () => {
  const lengths = new Set<number>();
  const carried = { times: 0, refused: 0 };
  fc.assert(
    fc.property(begun, steps, (start, asked) => {
      const claims = { ...verification().claims, issuer: main, subject: "alice", expiresAt: nowMs / 1_000 + 3_600, ...start };
      let held = verification({ provider: "main", claims });
      for (const step of asked) {
        const next = exchanged(held, step);
        const faults = next === undefined ? [] : faultsOf(held, next, step.shown);
        expect(faults).toEqual([]);
        carried.times += Number(next?.claims.mayAct !== undefined);
        carried.refused += Number(next === undefined && !isAllowed(held.claims.mayAct, step.shown));
        held = next ?? held;
        lengths.add(held.claims.actors.length);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(lengths).toEqual(new Set([0, 1, 2, 3, 4]));
  expect([carried.times > 100, carried.refused > 100]).toEqual([true, true]);
});
