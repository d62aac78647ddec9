import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ExchangeError } from "../../src/exchange/errors.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import type { RefreshedTokens } from "../../src/exchange/tokens.ts";
import { type Database, DatabaseFailure } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import type { RefreshStep } from "../../src/vault/refresh-steps.ts";
import type { Spool, SpoolPlace } from "../../src/vault/spool.ts";
import { theIssuer } from "./fake-provider.ts";
import { createVaultRig, foundIn, longDeadMs, removeSpools, type VaultProcess } from "./vault-rig.ts";

removeSpools();

/** What a call upstream comes to. `lost`: the token was spent, and nobody learns for what. */
type Answer = "tokens" | "without a refresh token" | "not sent" | "busy" | "rejected" | "lost";
const answers = fc.oneof(
  { weight: 14, arbitrary: fc.constant<Answer>("tokens") },
  { weight: 6, arbitrary: fc.constantFrom<Answer>("without a refresh token", "not sent", "busy") },
  { weight: 1, arbitrary: fc.constantFrom<Answer>("rejected", "lost") },
);

/** What a piece of work with the database, or with the spool, comes to. */
type Fate = "fine" | "refused" | "unanswered";
const fates = fc.oneof(
  { weight: 14, arbitrary: fc.constant<Fate>("fine") },
  { weight: 1, arbitrary: fc.constantFrom<Fate>("refused", "unanswered") },
);

type Step =
  | { readonly kind: "use" | "refresh" | "end"; readonly at: number; readonly who: number }
  | { readonly kind: "sign in"; readonly at: number; readonly who: number; readonly gives: boolean }
  | { readonly kind: "die"; readonly at: number; readonly when: RefreshStep | "now" }
  | { readonly kind: "restart"; readonly at: number }
  | { readonly kind: "time"; readonly ms: number };

const at = fc.nat(2);
const who = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("refresh" as const), at, who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("use" as const), at, who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const), at, who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("sign in" as const), at, who, gives: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("die" as const),
      at,
      when: fc.constantFrom<RefreshStep | "now">("now", "intended", "sending", "answered", "spooled", "committed"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("restart" as const), at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(1_000, 21_000, 130_000, longDeadMs) }) },
);
/** The steps of one round begin together. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 });

let real: Database;
beforeAll(async () => {
  real = openSqlite(":memory:");
  await migrate(real);
});
afterAll(() => real.close());

interface Plan {
  readonly rounds: readonly (readonly Step[])[];
  readonly answers: () => Answer;
  readonly fates: () => Fate;
  readonly turn: () => Promise<void>;
}

interface Slot {
  process: VaultProcess;
  /** Kills what runs here; whoever waits for it is told. */
  kill(): void;
  readonly died: Promise<void>;
  dieAt: RefreshStep | undefined;
}

const spools = ["one", "two", "three"];
const accounts = ["account-1", "account-2"];

/** Everything that must hold of one history, as what was seen to break it. */
async function violationsOf(plan: Plan): Promise<readonly string[]> {
  const violations: string[] = [];
  const rig = createVaultRig();
  await real.run((db) => db.deleteFrom("connections").execute());
  let calm = false;
  /** Something happened by which an answer may have been lost for good. */
  let mayBeLost = false;
  let mayBeRejected = false;

  const spent = new Set<string>();
  async function send(refreshToken: Secret, onSending: () => void): Promise<RefreshedTokens> {
    const token = refreshToken.reveal();
    await plan.turn();
    const answer = calm ? "tokens" : plan.answers();
    if (answer === "not sent") throw new ExchangeError("UPSTREAM_UNAVAILABLE");
    onSending();
    if (spent.has(token)) {
      violations.push("a spent token was presented again");
      throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    }
    if (answer === "tokens" || answer === "rejected" || answer === "lost") spent.add(token);
    if (answer === "rejected") mayBeRejected = true;
    if (answer === "lost") mayBeLost = true;
    const fresh = rig.provider.give();
    await plan.turn();
    if (answer === "busy") throw new ExchangeError("UPSTREAM_RATE_LIMITED");
    if (answer === "rejected") throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    if (answer === "lost") throw new ExchangeError("OUTCOME_UNKNOWN");
    return answer === "tokens" ? fresh : { ...fresh, refreshToken: undefined };
  }

  function slotOf(spool: string): Slot {
    let dead = false;
    const { promise: died, resolve } = Promise.withResolvers<void>();
    /** Sent, and in no spool nor database yet. */
    const exposed = new Set<string>();
    const unspooled = new Set<string>();

    async function piece<T>(work: () => Promise<T>): Promise<T> {
      await plan.turn();
      if (dead) return new Promise<never>(() => undefined);
      const fate = calm ? "fine" : plan.fates();
      if (fate === "refused") throw new DatabaseFailure("AWAY", "refused");
      const result = await work();
      await plan.turn();
      if (fate === "unanswered") throw new DatabaseFailure("TIMEOUT", "unknown");
      return result;
    }

    const spoolAs = (own: Spool): Spool => ({
      ...own,
      async keep(place, answer) {
        if (!calm && plan.fates() !== "fine") {
          unspooled.add(keyOf(place));
          throw new Error("the disk is full");
        }
        return own.keep(place, answer);
      },
    });

    const slot: Slot = {
      process: rig.process(
        {
          dialect: "sqlite",
          run: (work) => piece(() => real.run(work)),
          transaction: (work) => piece(() => real.transaction(work)),
          close: () => real.close(),
        },
        {
          spool,
          spoolAs,
          wait: plan.turn,
          dies(reached, place) {
            const key = keyOf(place);
            if (reached === "intended" || reached === "committed" || (reached === "spooled" && !unspooled.has(key))) exposed.delete(key);
            if (reached === "sending") exposed.add(key);
            if (reached !== slot.dieAt) return false;
            slot.kill();
            return true;
          },
        },
      ),
      kill() {
        if (dead) return;
        dead = true;
        if (exposed.size > 0) mayBeLost = true;
        slot.process.kill();
        resolve();
      },
      died,
      dieAt: undefined,
    };
    return slot;
  }

  const slots = spools.map(slotOf);
  const restarts = spools.map(() => Promise.resolve());
  const slotAt = (index: number) => slots[index] ?? slotOf("one");
  const ended = new Set<string>();
  /** Whose provider did not give a refresh token at some time. */
  const tokenless = new Set<string>();
  const rowsOf = () => real.run((db) => db.selectFrom("connections").selectAll().execute());
  const known = new Map<string, number>();

  /** The next process in its place, once it has taken up what the one before it left. */
  async function restart(index: number): Promise<void> {
    slotAt(index).kill();
    await rig.restart(real, spools[index] ?? "");
    slots[index] = slotOf(spools[index] ?? "");
  }

  async function ask({ process }: Slot, accountId: string, fresh: boolean): Promise<void> {
    const found = await process.connections.findOfAccount(accountId, ["web"]);
    if (found === undefined) return;
    const beyond = fresh ? found.generation : undefined;
    const tokens = await found.tokens({ issuer: theIssuer, beyond, send, lostAnswer: "reauthenticate" }, new AbortController().signal);
    if (tokens.generation < (known.get(found.id) ?? 0) && fresh) violations.push("a generation came back");
    if (beyond !== undefined && tokens.generation <= beyond) violations.push("tokens came that were not fresh");
    known.set(found.id, Math.max(known.get(found.id) ?? 0, beyond ?? 0));
  }

  async function signIn({ process }: Slot, accountId: string, gives: boolean): Promise<void> {
    const tokens = rig.provider.give();
    if (!gives) tokenless.add(accountId);
    await rig.signIn(process, { accountId, tokens: gives ? tokens : { ...tokens, refreshToken: undefined } });
  }

  async function end({ process }: Slot, accountId: string): Promise<void> {
    const found = await process.connections.findOfAccount(accountId, ["web"]);
    if (found === undefined) return;
    ended.add(found.id);
    await found.end("revoked");
  }

  async function passTime(ms: number): Promise<void> {
    // Whoever has not come back after that is given up.
    const open = await real.run((db) => db.selectFrom("refresh_intents").select("call").where("outcome", "is", null).execute());
    if (ms === longDeadMs && open.length > 0) mayBeLost = true;
    rig.clock.advance(ms);
  }

  async function act(one: Step): Promise<void> {
    if (one.kind === "time") return passTime(one.ms);
    if (one.kind === "restart") {
      restarts[one.at] = (restarts[one.at] ?? Promise.resolve()).then(() => restart(one.at));
      return restarts[one.at];
    }
    const slot = slotAt(one.at);
    if (one.kind === "die") {
      if (one.when === "now") slot.kill();
      else slot.dieAt = one.when;
      return;
    }
    const accountId = accounts[one.who] ?? "";
    const work = async () => {
      if (one.kind === "end") return end(slot, accountId);
      return one.kind === "sign in" ? signIn(slot, accountId, one.gives) : ask(slot, accountId, one.kind === "refresh");
    };
    try {
      await Promise.race([work(), slot.died]);
    } catch (failure) {
      if (!(failure instanceof ExchangeError) && !isKill(failure)) throw failure;
    }
  }

  for (const accountId of accounts) await signIn(slotAt(0), accountId, true).catch(ignoreRefusal);
  for (const round of plan.rounds) await Promise.all(round.map(act));

  // Everybody is back, and nothing fails any more: each connection lives, or says that it needs its user.
  calm = true;
  for (const index of spools.keys()) await restart(index);
  const { process } = slotAt(0);
  const asked = { issuer: theIssuer, beyond: undefined, send, lostAnswer: "reauthenticate" } as const;
  for (const { id } of await rowsOf()) {
    const found = await foundIn(process, id);
    if (found === undefined) continue;
    const tokens = await found.tokens(asked, new AbortController().signal).catch(reauthenticated);
    if (tokens?.tokens.refreshToken === undefined) continue;
    const fresh = await found.tokens({ ...asked, beyond: tokens.generation }, new AbortController().signal).catch(reauthenticated);
    if (fresh === undefined && !mayBeLost) violations.push("a grant did not live, and had not ended");
  }
  for (const { id, ended_at: endedAt, ended_reason: reason, account_id: account } of await rowsOf()) {
    if (reason === "in_doubt" && !mayBeLost) violations.push("a grant was given up without a reason");
    if (reason === "revoked" && !ended.has(id)) violations.push("a connection was ended by nobody");
    if (reason === "rejected" && !mayBeRejected && !tokenless.has(account)) violations.push("a connection was rejected by nobody");
    if (endedAt === null && (await foundIn(process, id)) === undefined) violations.push("a connection is gone");
  }
  const left = await real.run((db) => db.selectFrom("refresh_intents").selectAll().where("outcome", "is", null).execute());
  if (left.length > 0) violations.push("an intent has no outcome");
  if (rig.alarms.length > 0) violations.push("an alarm was raised");
  return violations;
}

function isKill(failure: unknown): boolean {
  return failure instanceof Error && failure.message === "killed";
}

function ignoreRefusal(failure: unknown): void {
  if (!(failure instanceof ExchangeError)) throw failure;
}

function reauthenticated(failure: unknown): undefined {
  if (!(failure instanceof ExchangeError) || failure.reason !== "REAUTHENTICATION_REQUIRED") throw failure;
}

it("however refreshes, sign-ins, deaths, restarts, failures and time interleave: no spent token is presented again, and no grant is lost in silence", async () => {
  await fc.assert(
    fc.asyncProperty(
      rounds,
      fc.infiniteStream(answers),
      fc.infiniteStream(fates),
      fc.scheduler(),
      async (given, said, became, scheduler) => {
        const history = violationsOf({
          rounds: given,
          answers: () => said.next().value ?? "tokens",
          fates: () => became.next().value ?? "fine",
          turn: () => scheduler.schedule(Promise.resolve()),
        });
        expect(await scheduler.waitFor(history)).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
}, 120_000);

function keyOf({ connection, generation, attempt }: SpoolPlace): string {
  return `${connection} ${generation} ${attempt}`;
}
