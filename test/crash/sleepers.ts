// Processes that are put to sleep in the middle of a refresh and wake late: shortly, so that everybody waits for them, or for so long that
// others have given them up. Each is one more replica that nobody else asks.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { type Asked, askOnce, hangMs } from "./asking.ts";
import { inFlightMs, type Order, readJournal, upstreamMs } from "./deaths.ts";
import type { Holding, Holdings } from "./holdings.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { FakeProviders, ProviderName } from "./vault-configuration.ts";
import { placeCount, type VaultPlaces } from "./vault-places.ts";

export interface Sleep {
  readonly provider: ProviderName;
  readonly at: Order["at"];
  /** short: the others wait. long: they have given it up, and gone on twice, when it wakes. */
  readonly length: "short" | "long";
  /** in_flight: what its provider answers when it is about to wake, having seen the token from others before. */
  readonly refused?: true;
}

/** Where a sleeper neither has sent nor will, or has what it was answered: a short sleep there must cost nothing. */
export const sleeps: readonly Sleep[] = [
  { provider: "strict", at: "intended", length: "short" },
  { provider: "strict", at: "answered", length: "short" },
  { provider: "strict", at: "spooled", length: "short" },
  { provider: "strict", at: "committed", length: "short" },
  { provider: "brief", at: "intended", length: "long" },
  { provider: "brief", at: "in_flight", length: "long", refused: true },
  { provider: "forgiving", at: "sending", length: "long" },
  { provider: "forgiving", at: "answered", length: "long" },
  { provider: "forgiving", at: "spooled", length: "long" },
];

const shortMs = 8_000;
/** What it does when it wakes is done after so long: no provider takes longer, and the database is there. */
const settleMs = 4_000;
const pollMs = 20;
const asleepLimitMs = 60_000;

export interface SleepersDeps {
  readonly places: VaultPlaces;
  readonly holdings: Holdings;
  readonly providers: FakeProviders;
  readonly generationOf: (connection: string) => Promise<number>;
}

export interface Slept {
  readonly sleep: Sleep;
  readonly holding: Holding;
  /** Before it woke, and after. */
  readonly generations: readonly [number, number];
  /** What whoever asked the sleeper was answered in the end. */
  readonly told: Asked;
}

export function createSleepers({ places, holdings, providers, generationOf }: SleepersDeps) {
  return async function sleepOnce(what: Sleep, number: number): Promise<Slept> {
    const { provider, at, length, refused } = what;
    const holding = await holdings.signIn("kept", provider);
    const { connection } = holding;
    const sleeper = await places.another(number % placeCount);
    const letArrive = refused === undefined ? () => undefined : providers[provider].hold("token");
    const call = { method: "Refresh", by: "web", message: { connectionId: connection } } as const;
    if (at !== "in_flight") sleeper.give({ kind: "sleep", at, connection });
    let asleep = false;
    // A database that is being started again sends everybody away.
    async function askOn(): Promise<Asked> {
      const answer = await askOnce(sleeper, call, 2 * hangMs);
      if (asleep || answer.kind !== "undecided") return answer;
      await sleep(pollMs);
      return askOn();
    }
    const asked = askOn();
    await untilAsleep(sleeper, what);
    asleep = true;
    // What comes from now on passes; what has come waits.
    if (refused) providers[provider].hold("token")();

    const others = holdings.refresh(holding, 2);
    if (length === "short") {
      await sleep(shortMs);
      sleeper.resume();
      await others;
    } else {
      await others;
      if (holding.over === undefined) await holdings.refresh(holding, 1);
    }
    const before = await generationOf(connection);
    letArrive();
    // The answer is there when it wakes: its time limits are over by then, and count only after what has arrived.
    await sleep(refused ? 10 * upstreamMs : 0);
    sleeper.resume();
    const told = await asked;
    await sleep(settleMs);
    return { sleep: what, holding, generations: [before, await generationOf(connection)], told };
  };
}

/** In flight it sleeps where it waits for an answer, so that it reads the answer first when it wakes. */
async function untilAsleep(sleeper: ReplicaProcess, { at, provider }: Sleep): Promise<void> {
  const wanted = at === "in_flight" ? "sending" : `sleep ${at}`;
  const isThere = async () => readJournal(await readFile(sleeper.journal, "utf8")).some(({ what }) => what === wanted);
  await eventually(`a refresh at ${provider} that comes to ${at}`, isThere, asleepLimitMs);
  if (at !== "in_flight") return;
  await sleep(inFlightMs + pollMs);
  sleeper.pause();
}
