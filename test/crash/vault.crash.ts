// Replicas that are killed at every step of a refresh of a provider's single-use token (`make test-crash`). No token is presented twice,
// and no grant is lost but by a kill between the provider's answer and the spool; whoever holds such a one is told to sign in again.
//
//   KILLS       how often a replica is killed (500)
//   CRASH_SEED  the chance of an earlier run once more: which replica dies after how long, who asks whom how often

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../bench/random.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { eventually } from "../support/eventually.ts";
import { askOnce, askUntilDecided, createAsking, hangMs } from "./asking.ts";
import { createHoldings, type Holding } from "./holdings.ts";
import { killInTurn } from "./killer.ts";
import { say, seed, setting } from "./settings.ts";
import { createSleepers, sleeps } from "./sleepers.ts";
import type { ProviderName } from "./vault-configuration.ts";
import { createVaultTally, type Outcome, tellOutcome, tellRun } from "./vault-tally.ts";
import { startVaultWorld, type VaultWorld } from "./vault-world.ts";
import { noteKey, notesOf, verdictOf } from "./verdicts.ts";

const kills = setting("KILLS", 500);
/** A machine that has more to do takes a few seconds for each; those who sleep long take some minutes. */
const limitMs = 600_000 + kills * 5_000;

/** How many are refreshed at any time. */
const load: readonly (readonly [Holding["kind"], ProviderName, number])[] = [
  ["kept", "strict", 6],
  ["handle", "strict", 3],
  ["kept", "forgiving", 2],
  ["handle", "forgiving", 1],
];
const mostAtOnce = 3;
const longestPauseMs = 250;

const parts = new AsyncDisposableStack();
let world: VaultWorld;
beforeAll(async () => {
  say(`CRASH_SEED=${seed}`);
  world = await startVaultWorld();
  parts.defer(() => world.close());
});
afterAll(() => parts.disposeAsync());

/** After which everybody takes a refresh for dead, with this provider's time limit; and some more. */
const deadMs = 150_000;
const lapseMs = 1_200;

describe("a replica whose clock is ahead", () => {
  it("takes a refresh for dead that is under way: whoever loses the race at the provider is given the winner's tokens", async () => {
    const { places, providers } = world;
    const tally = createVaultTally();
    const ask = createAsking(places, tally);
    const random = createRandom(seed);
    const { signIn } = createHoldings({ ask, providers, random, handleConnections: () => Promise.resolve([]) });
    const { connection, user } = await signIn("kept", "brief");
    const [slow, ahead] = [await places.another(0), await places.another(1, deadMs)];
    const call = { method: "Refresh", by: "web", message: { connectionId: connection } } as const;

    // What has come to the provider waits there; what comes after it passes.
    const { brief } = providers;
    const before = brief.callsTo("token");
    const letArrive = brief.hold("token");
    const late = askOnce(slow, call, hangMs);
    await eventually("a refresh", () => brief.callsTo("token") > before);
    brief.hold("token")();
    const won = await askUntilDecided(() => ahead, call, tally);
    await sleep(lapseMs);
    letArrive();
    expect([won.kind, await late]).toEqual(["answer", expect.objectContaining({ kind: "answer" })]);
    expect(brief.chainOf(user)[0]).toMatchObject({ presented: 2 });
    await Promise.all([slow.end(), ahead.end()]);
  });
});

describe("three replicas that are killed at every step of a refresh of a single-use token", () => {
  it("no token is presented twice, and no grant is lost but between answer and spool", { timeout: limitMs }, async () => {
    const { places, providers, postgres, redis } = world;
    const tally = createVaultTally();
    const random = createRandom(seed);
    const ask = createAsking(places, tally);
    const handleConnections = async () => (await world.rows()).filter((row) => !row.kept).map(({ id }) => id);
    const holdings = createHoldings({ ask, providers, random, handleConnections });
    const sleepOnce = createSleepers({ places, holdings, providers, counts: tally }, await places.another(0));
    const tell = () => say(tellRun(tally, holdings));

    let over = false;
    const isOver = () => over;
    async function live(kind: Holding["kind"], provider: ProviderName): Promise<void> {
      let holding = await holdings.signIn(kind, provider);
      while (!isOver()) {
        const stands = await holdings.refresh(holding, 1 + Math.floor(random() * mostAtOnce));
        if (!stands) holding = await holdings.signIn(kind, provider);
        await sleep(random() * longestPauseMs);
      }
    }
    // All go on until all kills are done and everybody has woken; where one fails, nobody goes on.
    const end = () => void (over = true);
    const lives = load.flatMap(([kind, provider, often]) => Array.from({ length: often }, () => live(kind, provider).catch(fail)));
    const disturbances = Promise.all([
      killInTurn({ places, postgres, redis, random, kills, tell, isOver }, tally),
      Promise.all(sleeps.map(sleepOnce)),
    ]);
    function fail(failure: unknown): never {
      end();
      throw failure;
    }
    const [[, slept]] = await Promise.all([disturbances.finally(end), Promise.all(lives)]);
    tell();

    say("all sign-ins once more");
    for (const holding of holdings.all) if (holding.over === undefined) await holdings.refresh(holding, 1);
    const outcome = await outcomeOf(holdings.all);
    say(tellOutcome(outcome));
    const woke = sleeps.map(({ provider, at, length }, number) => `${provider} ${at} ${length}: ${slept[number]}`);
    say(`sleepers that woke: ${woke.join(", ")}`);

    for (const [name, given] of Object.entries(providers)) registerIssued(name, given.issued);
    expect(outcome.presentedTwice).toBe(0);
    expect(outcome.verdicts.filter(([, { kind }]) => kind === "lost otherwise").map(([, verdict]) => verdict)).toEqual([]);
    expect(slept).toEqual(slept.map(() => "well"));
    expect(Object.values(providers).flatMap(({ violations }) => violations)).toEqual([]);
    expect(outcome.verdicts.filter(([, { kind }]) => kind === "lost between answer and spool").length).toBeGreaterThan(0);
  });
});

async function outcomeOf(all: readonly Holding[]): Promise<Outcome> {
  const rows = new Map((await world.rows()).map((row) => [row.id, row]));
  const notes = notesOf(await world.places.journals());
  const verdicts = all.map((holding) => {
    const row = rows.get(holding.connection);
    const noted = notes.get(noteKey(holding.connection, row?.generation ?? 0)) ?? new Set();
    return [holding, verdictOf(holding, { chain: world.providers[holding.provider].chainOf(holding.user), row, noted })] as const;
  });
  return { verdicts, presentedTwice: world.providers.strict.presentedTwice.length };
}

function registerIssued(kind: string, issued: readonly string[]): void {
  const canary = createRunCanary();
  for (const secret of issued) canary.register(`code or token of ${kind}`, secret);
}
