// Processes that are put to sleep in the middle of a refresh and wake late: shortly, so that everybody waits for them, or for so long that
// others have given them up. Each is one more replica that nobody else asks.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { type Asked, askOnce, hangMs } from "./asking.ts";
import { type Order, readJournal } from "./deaths.ts";
import type { Holding, Holdings } from "./holdings.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { ProviderName } from "./vault-configuration.ts";
import { placeCount, type VaultPlaces } from "./vault-places.ts";

export interface Sleep {
  readonly provider: ProviderName;
  readonly at: Order["at"];
  /** short: the others wait. long: they have given it up, and gone on twice, when it wakes. */
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
  readonly generationOf: (connection: string) => Promise<number>;
}

export interface Slept {
  readonly sleep: Sleep;
  /** Before it woke, and after. */
  readonly generations: readonly [number, number];
  /** What whoever asked the sleeper was answered in the end. */
  readonly told: Asked;
  /** It is not left alone after that: whoever refreshes it in the background may die of it. */
  readonly over: string | undefined;
}

interface Asleep {
  readonly holding: Holding;
  readonly sleeper: ReplicaProcess;
  readonly asked: Promise<Asked>;
}

export function createSleepers({ places, holdings, generationOf }: SleepersDeps) {
  return async function sleepOnce(what: Sleep, number: number): Promise<Slept> {
    const { holding, sleeper, asked } = await putToSleep(what, number % placeCount);
    const others = holdings.refresh(holding, 2);
    if (what.length === "short") {
      await sleep(shortMs);
      sleeper.resume();
      await others;
    } else {
      await others;
      if (holding.over === undefined) await holdings.refresh(holding, 1);
    }
    const before = await generationOf(holding.connection);
    sleeper.resume();
    const told = await asked;
    await sleep(settleMs);
    await sleeper.stop();
    return { sleep: what, over: holding.over, generations: [before, await generationOf(holding.connection)], told };
  };

  /** Again where it never came to that: a machine with too much to do does not answer in time. */
  async function putToSleep(what: Sleep, place: number, tries = 1): Promise<Asleep> {
    const { provider, at } = what;
    const holding = await holdings.signIn("kept", provider);
    const { connection } = holding;
    const sleeper = await places.another(place);
    sleeper.give({ kind: "sleep", at, connection });
    let asleep = false;
    async function askOn(): Promise<Asked> {
      const answer = await askOnce(sleeper, { method: "Refresh", by: "web", message: { connectionId: connection } }, 2 * hangMs);
      // A database that is being started again sends everybody away.
      if (asleep || answer.kind !== "undecided") return answer;
      await sleep(pollMs);
      return askOn();
    }
    const asked = askOn();
    asleep = await Promise.race([untilAsleep(sleeper, what), asked.then(() => false)]);
    if (asleep) return { holding, sleeper, asked };
    await sleeper.end();
    if (tries === maxTries) throw new Error(`nobody falls asleep at ${provider} ${at}`);
    return putToSleep(what, place, tries + 1);
  }
}

async function untilAsleep(sleeper: ReplicaProcess, { at, provider }: Sleep): Promise<true> {
  const isThere = async () => readJournal(await readFile(sleeper.journal, "utf8")).some(({ what }) => what === `sleep ${at}`);
  await eventually(`a refresh at ${provider} that comes to ${at}`, isThere, asleepLimitMs);
  return true;
}
