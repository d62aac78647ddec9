// Replicas that are killed while pages refresh handles that stand for sessions (`make test-crash`). Whoever dies at whatever instant:
// every generation has one successor, nobody loses a grant, and no family is taken for stolen.
//
//   SESSION_KILLS  how often a replica is killed (60)
//   CRASH_SEED     the chance of an earlier run once more: which replica dies after how long, who asks whom how often

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../bench/random.ts";
import { type BetterAuthServer, startBetterAuth } from "../support/better-auth.ts";
import { page } from "../support/fake-stack.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { createRunCanary } from "../support/run-canary.ts";
import { type ConfigurationFile, writeConfiguration } from "./configuration-file.ts";
import { createPage, type Held, type Page } from "./page.ts";
import { placeCount, type Replicas, startReplicas } from "./replicas.ts";
import { say, seed, setting } from "./settings.ts";
import { createTally, type Tally, tell } from "./tally.ts";

const kills = setting("SESSION_KILLS", 60);
const pageCount = 3;
const racedGenerations = 5;
/** Between two kills at most, beside what the start of the next one takes. */
const longestCalmMs = 500;
const tellEvery = 10;
/** A machine that has more to do takes a few seconds for each. */
const limitMs = 60_000 + kills * 5_000;

const parts = new AsyncDisposableStack();
const canary = createRunCanary();
let postgres: PostgresServer;
let site: BetterAuthServer;
let replicas: Replicas;

beforeAll(async () => {
  say(`CRASH_SEED=${seed}`);
  postgres = await startPostgres();
  parts.defer(() => postgres.stop());
  site = await startBetterAuth({ trustedOrigins: [page] });
  parts.defer(() => site.stop());
  const file: ConfigurationFile = await writeConfiguration({ site: site.url, database: postgres.url.reveal() });
  parts.defer(() => file.remove());
  replicas = await startReplicas(file.path);
  parts.defer(() => replicas.close());
});
afterAll(() => parts.disposeAsync());

let users = 0;
async function registered(): Promise<string> {
  users += 1;
  const { cookie } = await site.signUp({ name: `User ${users}`, email: `user-${users}@example.com`, password: `password-canary-${users}` });
  canary.register("session", cookie.slice(cookie.indexOf("=") + 1));
  return cookie;
}

const pageOf = (tally: Tally, number: number): Page => createPage({ replicas, random: createRandom(seed + number), tally, canary });

async function killAtRandom(tally: Tally, isOver: () => boolean): Promise<void> {
  const random = createRandom(seed);
  while (tally.kills < kills) {
    await replicas.untilStandby();
    await sleep(random() * longestCalmMs);
    if (isOver()) return;
    replicas.kill(Math.floor(random() * placeCount));
    tally.kills += 1;
    if (tally.kills % tellEvery === 0) say(tell(tally));
  }
}

const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);

/** Of all families there are. */
const rows = () => postgres.query("select generation, ended_reason from handle_families");
const rotations = async () => sum((await rows()).map((row) => Number(row["generation"])));

describe("three replicas of which one after the other is killed", () => {
  it("100 uses of one handle at once, over all of them, have one successor", async () => {
    const tally = createTally();
    const one = pageOf(tally, 0);
    const held = await one.signIn(await registered());
    // The first calls of a process take long, so that the others are done before them: later generations are raced for.
    for (const _ of Array(racedGenerations)) {
      const raced = await one.refreshAtOnce(held, 100);
      expect({ handles: raced?.handles.size, accessTokens: raced?.accessTokens.size }).toEqual({ handles: 1, accessTokens: 1 });
    }
    expect([...tally.grantsLost]).toEqual([]);
  });

  it("every generation has one successor, no grant is lost, and no family ends", { timeout: limitMs }, async () => {
    const tally = createTally();
    const before = await rotations();
    const pages = Array.from({ length: pageCount }, (_, number) => pageOf(tally, number + 1));
    let over = false;
    const isOver = () => over;
    // Pages go on until all kills are done; where one fails, nobody goes on.
    const end = () => void (over = true);
    const lives = pages.map(async (one) => one.live(await registered(), isOver).finally(end));
    const [lived] = await Promise.all([Promise.all(lives), killAtRandom(tally, isOver).finally(end)]);
    const families: readonly Held[] = lived.flat();
    say(`${tell(tally)}\nall families once more`);

    const [last] = pages;
    for (const held of families) await last?.refreshAtOnce(held, placeCount);
    const ended = (await rows()).filter((row) => row["ended_reason"] !== null).map((row) => String(row["ended_reason"]));
    say(`${tell(tally)}, families ended ${ended.length}`);
    expect(tally.kills).toBe(kills);
    expect(tally.answersLost).toBeGreaterThan(0);
    expect([...tally.grantsLost]).toEqual([]);
    expect([...tally.successors.keys()]).toEqual([1]);
    expect(ended).toEqual([]);
    // What the table counts is what pages were told: none was skipped, none came out of nowhere.
    expect((await rotations()) - before).toBe(sum(families.map(({ generation }) => generation)));
  });
});
