// How replicas tell one another of a revocation at once, and that they have just read the log: messages over Redis, sealed, with
// their time. Nothing relies on them: what is lost is read from the log, and with what is forged or replayed nothing gets fresher.

import type { Clock } from "../exchange/ports.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { openSubscriber } from "./redis-subscriber.ts";
import type { RedisTarget } from "./redis-target.ts";
import { type Announcement, decodeAnnouncement, encodeAnnouncement } from "./revocation-codec.ts";
import type { Announcements } from "./revocations.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";

/** A revocation at its longest, sealed. */
const maxMessageBytes = 16 * 1024;
/** How far clocks lie apart and a message may be late before it looks like one that was kept and sent again. */
const toleranceMs = 30_000;
/** Messages that Redis has not confirmed. Above this they are not sent: the log has what they say. */
const maxPublishing = 256;

export interface RevocationAnnouncementsParts {
  /** Sends. */
  readonly redis: RedisConnection;
  /** Where a connection of its own listens. */
  readonly target: RedisTarget;
  /** Purpose `revocation-announcement`. */
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
  /** 0 to 1, spreads the replicas' attempts to come back. */
  readonly random?: () => number;
}

export function createRevocationAnnouncements(parts: RevocationAnnouncementsParts): Announcements & { close(): Promise<void> } {
  const { redis, target, sealer, clock, onAlarm } = parts;
  // Channels know no databases: two deployments that share a Redis would hear one another.
  const channel = `cambio:v1:revocations:${target.kind === "cluster" ? 0 : target.db}`;
  const subscriber = openSubscriber(target, { channel, random: parts.random ?? Math.random });
  let publishing = 0;
  let closed = false;

  function believe(message: Buffer): Announcement | undefined {
    const opened = message.length > maxMessageBytes ? undefined : sealer.open(message, [channel]);
    const announcement = opened === undefined ? undefined : decodeAnnouncement(opened);
    if (announcement === undefined) {
      onAlarm({ kind: "unreadable", store: "revocations" });
      return undefined;
    }
    if (Math.abs(clock() - announcement.atMs) <= toleranceMs) return announcement;
    onAlarm({ kind: "implausible", store: "revocations" });
    return undefined;
  }

  return {
    publish(announcement) {
      if (publishing >= maxPublishing || redis.status() === "away") return;
      const message = Buffer.from(sealer.seal(encodeAnnouncement(announcement), [channel]));
      publishing += 1;
      const settled = () => {
        publishing -= 1;
      };
      redis.run((client) => client.publish(channel, message)).then(settled, settled);
    },
    listen(hear) {
      subscriber.listen((message) => {
        const announcement = closed ? undefined : believe(message);
        if (announcement !== undefined) hear(announcement);
      });
    },
    async close() {
      closed = true;
      await subscriber.close();
    },
  };
}
