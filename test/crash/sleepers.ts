// Processes that are put to sleep in the middle of a refresh and wake late: shortly, so that everybody waits for them, or for so long that
// others have given them up. Each is one more replica that nobody else asks.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { type Asked, type AskingCounts, askOnce, askUntilDecided, type Decided, hangMs, type Question } from "./asking.ts";
import { type Order, readJournal } from "./deaths.ts";
import { handleOf, type Holding, type Holdings } from "./holdings.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { FakeProviders, ProviderName } from "./vault-configuration.ts";
import { placeCount, type VaultPlaces } from "./vault-places.ts";

export interface Sleep {
  readonly provider: ProviderName;
  readonly at: Order["at"];
  /** short: the others wait. long: they have given it up, and gone on, when it wakes. */
  readonly length: "short" | "long";
}

/** Where a sleeper neither has sent nor will, or has what it was answered: a short sleep there must cost nothing. */
export const sleeps: readonly Sleep[] = [
  { provider: "strict", at: "intended", length: "short" },
  { provider: "strict", at: "answered", length: "short" },
  { provider: "strict", at: "spooled", length: "short" },
  { provider: "strict", at: "committed", length: "short" },
  { provider: "brief", at: "intended", length: "long" },
  { provider: "brief", at: "sending", length: "long" },
  { provider: "forgiving", at: "sending", length: "long" },
  { provider: "forgiving", at: "in_flight", length: "long" },
  { provider: "forgiving", at: "answered", length: "long" },
  { provider: "forgiving", at: "spooled", length: "long" },
];

const shortMs = 8_000;
/** What it does when it wakes is done after so long: no provider takes longer, and the database is there. */
const settleMs = 4_000;
const pollMs = 20;
const asleepLimitMs = 60_000;
const maxTries = 8;

export interface SleepersDeps {
  readonly places: VaultPlaces;
  readonly holdings: Holdings;
  readonly providers: FakeProviders;
  readonly counts: AskingCounts;
}

interface Asleep {
  readonly holding: Holding;
  readonly sleeper: ReplicaProcess;
  readonly asked: Promise<Asked>;
}

/** @param calm whoever goes on in the sleepers' place: nobody kills it */
export function createSleepers({ places, holdings, providers, counts }: SleepersDeps, calm: ReplicaProcess) {
  /** @returns `well`, or what is wrong */
  return async function sleepOnce(what: Sleep, number: number): Promise<string> {
    const { holding, sleeper, asked } = await putToSleep(what, number % placeCount);
    const others = goOn(holding);
    if (what.length === "short") {
      await sleep(shortMs);
      sleeper.resume();
    }
    const given = await others;
    if (given.kind === "refusal") return over(holding, given.reason);
    const stored = providers[what.provider].chainOf(holding.user).at(-1);
    sleeper.resume();
    const told = await asked;
    if (told.kind === "refusal") return over(holding, `who asked it was told ${told.reason}`);
    await sleep(settleMs);
    await sleeper.stop();

    // What others have stored is there, and is what is refreshed next.
    holding.handle = handleOf(given.body);
    const next = await goOn(holding);
    if (next.kind === "refusal") return over(holding, `afterwards ${next.reason}`);
    holding.handle = handleOf(next.body);
    const link = providers[what.provider].chainOf(holding.user).find(({ token }) => token === stored?.token);
    return link?.presented === 1 ? "well" : "what others had stored was not refreshed next";
  };

  function goOn(holding: Holding): Promise<Decided> {
    return askUntilDecided(() => calm, asking(holding), counts);
  }

  /** Again where it never came to that: a machine with too much to do does not answer in time. */
  async function putToSleep(what: Sleep, place: number, tries = 1): Promise<Asleep> {
    const { provider, at } = what;
    const holding = await holdings.signIn("handle", provider);
    const { connection } = holding;
    const sleeper = await places.another(place);
    await sleeper.give({ kind: "sleep", at, connection });
    let asleep = false;
    async function askOn(): Promise<Asked> {
      const answer = await askOnce(sleeper, asking(holding), 2 * hangMs);
      // A database that is being started again sends everybody away.
      if (asleep || answer.kind !== "undecided") return answer;
      await sleep(pollMs);
      return askOn();
    }
    const asked = askOn();
    const first = await Promise.race([untilAsleep(sleeper, what), asked]);
    asleep = first === true;
    if (first === true) return { holding, sleeper, asked };
    if (first.kind === "answer") holding.handle = handleOf(first.body);
    if (first.kind === "refusal") holding.over = first.reason;
    await sleeper.end();
    if (tries === maxTries) throw new Error(`nobody falls asleep at ${provider} ${at}`);
    return putToSleep(what, place, tries + 1);
  }
}

/** By its handle: what stands behind one is not refreshed in the background. */
function asking({ handle }: Holding): Question {
  return { method: "Refresh", by: "app", message: { refreshToken: handle } };
}

function over(holding: Holding, why: string): string {
  holding.over ??= why;
  return why;
}

async function untilAsleep(sleeper: ReplicaProcess, { at, provider }: Sleep): Promise<true> {
  const isThere = async () => readJournal(await readFile(sleeper.journal, "utf8")).some(({ what }) => what === `sleep ${at}`);
  await eventually(`a refresh at ${provider} that comes to ${at}`, isThere, asleepLimitMs);
  return true;
}
