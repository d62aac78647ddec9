import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { RefreshedTokens } from "../../src/exchange/tokens.ts";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import { handedOut, withToken } from "../../src/store/family-tokens.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { longDeadMs, removeSpools } from "../vault/vault-rig.ts";
import { type Behind, client, createFamilyRig, eachBehind, handleIn, refusedUpstream } from "./family-rig.ts";

removeSpools();

/** What a call to the origin comes to. `lost`: what was shown was spent, and nobody learns for what. */
type Answer = "tokens" | "tokens without a refresh token" | "down" | "rejected" | "lost";
const answers = fc.constantFrom<Answer>("tokens", "tokens", "tokens", "tokens without a refresh token", "down", "down", "rejected", "lost");

/** What a piece of work with the database comes to. */
type Fate = "fine" | "refused" | "unanswered";
const fates: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 12, arbitrary: fc.constant("fine" as const) },
  { weight: 1, arbitrary: fc.constant("refused" as const) },
  { weight: 1, arbitrary: fc.constant("unanswered" as const) },
);

/** `handle` picks one of those known so far, the latest first. */
type Step =
  | { readonly kind: "use" | "end"; readonly handle: number; readonly replica: number }
  | { readonly kind: "time"; readonly ms: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("use" as const), handle: fc.nat(2), replica: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("end" as const), handle: fc.nat(2), replica: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(1_000, 300_000, longDeadMs) }) },
);
/** The steps of one round begin together. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 });

let real: Database;
beforeAll(async () => {
  real = openSqlite(":memory:");
  await migrate(real);
});
afterAll(() => real.close());

interface Plan {
  readonly behind: Behind;
  readonly rounds: readonly (readonly Step[])[];
  readonly answers: () => Answer;
  readonly fates: () => Fate;
  readonly turn: () => Promise<void>;
}

/** Everything that must hold of one history, as what was seen to break it. */
async function violationsOf(plan: Plan): Promise<readonly string[]> {
  const violations: string[] = [];
  const rig = createFamilyRig(plan.behind);
  async function piece<T>(work: () => Promise<T>): Promise<T> {
    await plan.turn();
    const fate = plan.fates();
    if (fate === "refused") throw new DatabaseFailure("AWAY", "refused");
    const result = await work();
    await plan.turn();
    if (fate === "unanswered") throw new DatabaseFailure("TIMEOUT", "unknown");
    return result;
  }
  const database: Database = {
    ...real,
    run: (work, options) => piece(() => real.run(work, options)),
    transaction: (work) => piece(() => real.transaction(work)),
  };
  const replicas = [0, 1, 2].map(() => rig.replica(database, { wait: plan.turn }));
  const replica = (index: number) => replicas[index] ?? rig.replica(database);
  await real.run((db) => db.deleteFrom("handle_families").execute());
  await real.run((db) => db.deleteFrom("connections").execute());
  const known = [await rig.issue(rig.replica(real))];

  const spent = new Set<string>();
  async function send(refreshToken: Secret, onSending: () => void): Promise<RefreshedTokens> {
    await plan.turn();
    onSending();
    if (spent.has(refreshToken.reveal())) violations.push("a spent token was shown to the provider again");
    const answer = plan.answers();
    await plan.turn();
    if (answer === "down") throw new ExchangeError("UPSTREAM_UNAVAILABLE");
    if (answer !== "tokens without a refresh token") spent.add(refreshToken.reveal());
    if (answer === "rejected") throw refusedUpstream();
    if (answer === "lost") throw new ExchangeError("OUTCOME_UNKNOWN");
    const fresh = rig.provider.give();
    return answer === "tokens" ? fresh : { ...fresh, refreshToken: undefined };
  }
  /** A session may be read again after anything that happened. */
  function nextReading(): void {
    if (plan.behind === "connection") return;
    const answer = plan.answers();
    if (answer === "down" || answer === "lost") rig.origin.fails(async () => Promise.reject(new ExchangeError("UPSTREAM_UNAVAILABLE")));
    if (answer === "rejected") rig.origin.fails(async () => Promise.reject(refusedUpstream()));
  }

  const successors = new Map<string, string>();
  const handedOver: Secret[] = [];
  const isOver = async () =>
    (await real.run((db) => db.selectFrom("handle_families").select("ended_at").executeTakeFirst()))?.ended_at !== null;

  async function use(handle: Secret, index: number): Promise<void> {
    const wasOver = await isOver();
    const grant = await replica(index).find(client, handle);
    if (grant === undefined) return;
    nextReading();
    const tokens = await rig.rotate(replica(index), grant, { send, signal: new AbortController().signal });
    const successor = handleIn(tokens);
    if (wasOver) violations.push("an ended family answered");
    const answer = `${successor.reveal()} ${tokens.accessToken.reveal()}`;
    if ((successors.get(handle.reveal()) ?? answer) !== answer) violations.push("one handle got two successors, or one of two tokens");
    if (!successors.has(handle.reveal())) known.push(successor);
    successors.set(handle.reveal(), answer);
    handedOver.push(tokens.accessToken);
  }

  async function act(one: Step): Promise<void> {
    if (one.kind === "time") return rig.clock.advance(one.ms);
    const handle = known.at(-1 - one.handle) ?? known[0] ?? new Secret("");
    try {
      if (one.kind === "use") await use(handle, one.replica);
      else await (await replica(one.replica).findToEnd(client, handle))?.end();
    } catch (failure) {
      if (!(failure instanceof ExchangeError)) throw failure;
      if (isReuse(failure) && !(await isOver())) violations.push("reuse did not end the family");
    }
  }

  for (const round of plan.rounds) await Promise.all(round.map(act));

  const row = await real.run((db) => db.selectFrom("handle_families").selectAll().executeTakeFirst());
  if (row?.ended_reason === "reused" || row?.ended_reason === "revoked" || row?.ended_reason === "rejected") {
    const revoked = new Set(rig.revoked.map((one) => one.id));
    const live = handedOver.flatMap((token) => handedOut(withToken("[]", { accessToken: token }, rig.clock())));
    if (live.some(({ id }) => !revoked.has(id))) violations.push("an ended family's access token lives on");
  }
  return violations;
}

function isReuse({ reason, cause }: ExchangeError): boolean {
  return reason === "REAUTHENTICATION_REQUIRED" && cause !== undefined;
}

it.each(eachBehind)(
  "however uses, failures, ends and time interleave: nothing spent is shown again, one handle has one successor, what has ended is silent: %s",
  async (behind) => {
    await fc.assert(
      fc.asyncProperty(
        rounds,
        fc.infiniteStream(answers),
        fc.infiniteStream(fates),
        fc.scheduler(),
        async (given, said, became, scheduler) => {
          const history = violationsOf({
            behind,
            rounds: given,
            answers: () => said.next().value ?? "tokens",
            fates: () => became.next().value ?? "fine",
            turn: () => scheduler.schedule(Promise.resolve()),
          });
          expect(await scheduler.waitFor(history)).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  },
);
