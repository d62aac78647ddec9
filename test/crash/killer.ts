// Who dies when, and what else is taken away meanwhile: replicas at every step of a refresh and at random, Redis, the database, and short
// naps in between, from which everybody wakes before anybody has given him up.

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../bench/random.ts";
import type { PostgresServer } from "../support/postgres-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { anyPlace } from "./asking.ts";
import type { Order } from "./deaths.ts";
import { count } from "./tally.ts";
import type { VaultPlaces } from "./vault-places.ts";

/** In turn. Nobody is killed on purpose between the mark and the first byte, where nothing can tell; by chance some are. */
const turns: readonly (Order["at"] | "random")[] = ["intended", "in_flight", "answered", "spooled", "committed", "random"];

/** Of all that are started. */
const deathsAtStart = 1 / 25;
const longestStartMs = 1_200;
const longestCalmMs = 150;
const longestNapMs = 400;
const tellEvery = 25;
/** How many kills lie between two of these. */
const every = { postgres: 35, redis: 25 } as const;

export interface KillerDeps {
  readonly places: VaultPlaces;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly random: Random;
  readonly kills: number;
  readonly tell: () => void;
  readonly isOver: () => boolean;
}

export interface KillCounts {
  /** By step. */
  readonly kills: Map<string, number>;
  naps: number;
  redisRestarts: number;
  databaseRestarts: number;
}

export async function killInTurn({ places, postgres, redis, random, kills, tell, isOver }: KillerDeps, counts: KillCounts): Promise<void> {
  const total = () => [...counts.kills.values()].reduce((sum, one) => sum + one, 0);
  let asked = 0;

  async function atStart(place: number): Promise<void> {
    if (random() >= deathsAtStart) return;
    await sleep(random() * longestStartMs);
    if (await places.deathAtStart(place)) count(counts.kills, "while it starts");
  }

  async function nap(place: number): Promise<void> {
    const sleeper = places.at(place);
    sleeper.pause();
    counts.naps += 1;
    await sleep(random() * longestNapMs);
    sleeper.resume();
  }

  async function kill(): Promise<void> {
    const turn = turns[asked % turns.length] ?? "random";
    asked += 1;
    const place = await places.untilStandby(anyPlace(random));
    await sleep(random() * longestCalmMs);
    const step = await places.death(place, turn === "random" ? undefined : { kind: "die", at: turn });
    count(counts.kills, step);
    await atStart(place);
  }

  async function takeAway(): Promise<void> {
    if (asked % every.redis === 0) {
      counts.redisRestarts += 1;
      await redis.kill();
      await redis.start();
    }
    if (asked % every.postgres === 0) {
      counts.databaseRestarts += 1;
      if (random() < 0.5) await postgres.restart();
      else {
        await postgres.kill();
        await postgres.start();
      }
    }
  }

  while (total() < kills && !isOver()) {
    await Promise.all([kill(), nap(anyPlace(random))]);
    await takeAway();
    if (asked % tellEvery === 0) tell();
  }
}
