// One replica that announces and one that listens, before and after what a test does to their servers.

import type { RedisConnection } from "../../src/cache/redis-connection.ts";
import type { RedisTarget } from "../../src/cache/redis-target.ts";
import { createRevocationAnnouncements } from "../../src/cache/revocation-announcements.ts";
import { createSealer } from "../../src/sealing/sealer.ts";
import { eventually } from "../support/eventually.ts";
import { frozenClock, masterKey, nowMs } from "./fixtures.ts";

export interface Announcing {
  /** Resolves when something that was said from now on is heard. */
  again(): Promise<void>;
  close(): Promise<void>;
}

/** Resolves when the one hears the other. */
export async function announcing(redis: RedisConnection, target: RedisTarget): Promise<Announcing> {
  const parts = { redis, target, sealer: createSealer([masterKey("a")], "revocation-announcement"), clock: frozenClock() };
  const announcements = createRevocationAnnouncements({ ...parts, onAlarm: () => undefined });
  let seq = 0;
  let last = 0;
  announcements.listen((heard) => (last = heard.seq));
  async function again(): Promise<void> {
    const from = seq;
    await eventually("an announcement", () => {
      seq += 1;
      announcements.publish({ log: "database", seq, atMs: nowMs });
      return last > from;
    });
  }
  await again();
  return { again, close: () => announcements.close() };
}
