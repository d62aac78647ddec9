// The log of revocations in Redis: the authority where there is no database. A flush forgets it; replicas that run then keep what
// they know. Entries are sealed, and an entry that cannot be read is no reason to go on without it.

import { createHmac, randomUUID } from "node:crypto";
import type { Clock } from "../exchange/ports.ts";
import type { LogEntry, LogPosition, RevocationLog } from "../exchange/revocation-ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import { lengthPrefixed } from "../sealing/length-prefix.ts";
import { deriveKey, type MasterKey } from "../sealing/master-keys.ts";
import { createSealer } from "../sealing/sealer.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { decodeRevocation, encodeRevocation } from "./revocation-codec.ts";
import { appendScript, readScript } from "./revocation-scripts.ts";
import { rethrowUnavailable } from "./unavailable.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";

const head = "cambio:v1:{revocations}:head";
const entries = "cambio:v1:{revocations}:entries";
const expiries = "cambio:v1:{revocations}:expiries";
const names = "cambio:v1:{revocations}:names";
/** A subject at its longest, sealed; a longer value is not read into memory, whoever wrote it. */
const maxEntryBytes = 16 * 1024;
/** As many as a follower holds. */
const maxEntries = 1_000_000;
/** What a log's name and a number come to at most. */
const maxWordBytes = 64;

export interface RevocationLogRedisParts {
  readonly redis: Pick<RedisConnection, "run">;
  /** The first seals and names, all of them open. */
  readonly keys: readonly [MasterKey, ...MasterKey[]];
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
  readonly maxEntries?: number;
}

export function createRevocationLogRedis({ redis, keys, clock, onAlarm, ...options }: RevocationLogRedisParts): RevocationLog {
  const sealer = createSealer(keys, "revocation");
  const nameKey = deriveKey(keys[0], "cambio/v1/revocation-name");
  const limit = options.maxEntries ?? maxEntries;

  function unreadable(): never {
    onAlarm({ kind: "unreadable", store: "revocations" });
    throw storeUnavailable({ code: "UNREADABLE", outcome: "refused" });
  }

  /** What was revoked may stand in it: to leave it out would be to accept that. */
  function entryOf(seq: string, sealed: Buffer): LogEntry {
    const opened = sealer.open(sealed, [entries]);
    const revocation = opened === undefined ? undefined : decodeRevocation(opened);
    return { seq: numberOf(seq) ?? unreadable(), revocation: revocation ?? unreadable() };
  }

  function positionOf(log: unknown, seq: unknown): LogPosition {
    const number = numberOf(wordOf(seq));
    return { log: wordOf(log) ?? unreadable(), seq: number ?? unreadable() };
  }

  return {
    async append(revocation) {
      const { kind, provider, id, expiresAt } = revocation;
      const name = createHmac("sha256", nameKey)
        .update(lengthPrefixed([kind, provider, id]))
        .digest("base64url");
      const sealed = Buffer.from(sealer.seal(encodeRevocation(revocation), [entries]));
      if (sealed.length > maxEntryBytes) throw new Error("a revocation is larger than its bound");
      const until = revocation.kind === "subject" ? revocation.until : 0;
      const about = [randomUUID(), sealed, name, until, expiresAt, Math.floor(clock()), limit];
      const answer = await redis
        .run((client) => client.callBuffer("EVAL", appendScript, 4, head, entries, expiries, names, ...about))
        .catch(rethrowUnavailable);
      if (!Array.isArray(answer)) throw storeUnavailable({ code: "FULL", outcome: "refused" });
      return positionOf(answer[0], answer[1]);
    },
    async readSince(since, most) {
      const answer = await redis
        .run((client) => client.callBuffer("EVAL", readScript, 2, head, entries, since, most, maxEntryBytes))
        .catch(rethrowUnavailable);
      const [log, seq, ...found]: unknown[] = Array.isArray(answer) ? answer : [];
      const pairs = Array.from({ length: found.length / 2 }, (_, index) => ({ seq: found[2 * index], sealed: found[2 * index + 1] }));
      return {
        head: positionOf(log, seq),
        entries: pairs.map((pair) => (Buffer.isBuffer(pair.sealed) ? entryOf(wordOf(pair.seq) ?? "", pair.sealed) : unreadable())),
      };
    },
  };
}

function wordOf(reply: unknown): string | undefined {
  return Buffer.isBuffer(reply) && reply.length <= maxWordBytes ? reply.toString() : undefined;
}

function numberOf(word: string | undefined): number | undefined {
  return word !== undefined && /^[0-9]{1,15}$/.test(word) ? Number(word) : undefined;
}
