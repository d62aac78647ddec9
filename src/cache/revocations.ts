// What was revoked, followed: every replica holds all of it in memory, reads on from the authority's log, and hears of the newest
// from the others. It owns the question whether what is known is fresh enough to say yes; the log itself is elsewhere.

import { ExchangeError } from "../exchange/errors.ts";
import type { Clock, Revocations } from "../exchange/ports.ts";
import type { LogPosition, RevocationLog } from "../exchange/revocation-ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Announcement } from "./revocation-codec.ts";
import { createRevocationKnowledge } from "./revocation-knowledge.ts";

/** A revocation is in force everywhere within a second, also where nothing announces it: two reads and a slow one fit. */
const readEveryMs = 300;
const heartbeatEveryMs = 1_000;
/** Entries of one read; with ids of usual length some 100 KiB. */
const pageSize = 1_000;
/** Reads of one turn: what a replica that starts with nothing may have to catch up with, twice over. */
const maxPages = 2_000;
/** About 200 bytes each. A revocation beyond it is refused aloud; one that the log has is always held. */
const maxHeld = 1_000_000;
/** Entries looked at per turn for having expired: a million are seen within a minute, in about a millisecond each time. */
const forgetPerTurn = 5_000;
/** Announcements that came before those ahead of them. The next read fills the gap anyway. */
const maxAhead = 1_000;

/** cache/revocation-announcements.ts: how replicas hear of each other at once. */
export interface Announcements {
  /** Never waits and never throws: who does not hear it reads it from the log. */
  publish(announcement: Announcement): void;
  listen(hear: (announcement: Announcement) => void): void;
}

export interface RevocationsParts {
  readonly log: RevocationLog;
  /** Undefined: reading the log is all there is. */
  readonly announcements?: Announcements | undefined;
  readonly clock: Clock;
  /** How old what is known may be. Infinity where this process is the authority. */
  readonly lagMs: number;
  /** Told once per change. Stale: whatever is checked is STORE_UNAVAILABLE. */
  readonly onState: (state: "fresh" | "stale") => void;
}

export interface RevocationsOptions {
  readonly readEveryMs?: number;
  readonly pageSize?: number;
  readonly maxHeld?: number;
}

export interface FollowedRevocations extends Revocations {
  /** Begins to follow. Resolves after the first read, whether or not it succeeded: until one does, nothing is accepted. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createRevocations(parts: RevocationsParts, options: RevocationsOptions = {}): FollowedRevocations {
  const { log, announcements, clock, lagMs, onState } = parts;
  const limits = { readEveryMs, pageSize, maxHeld, ...options };
  const known = createRevocationKnowledge();
  /** Everything up to here is known. */
  let at: LogPosition = { log: "", seq: 0 };
  /** Numbers beyond, known too. */
  const ahead = new Set<number>();
  let freshAtMs: number | undefined;
  let lastBeatMs: number | undefined;
  let state: "fresh" | "stale" | undefined;
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> | undefined;
  let again = false;
  let closed = false;

  // Without a sign: a clock that is set back must not keep old knowledge fresh until it has caught up.
  const age = (sinceMs: number | undefined): number => (sinceMs === undefined ? Infinity : Math.abs(clock() - sinceMs));
  const isStale = (): boolean => freshAtMs === undefined || age(freshAtMs) > lagMs;

  function noteState(): void {
    const now = isStale() ? "stale" : "fresh";
    if (now === state) return;
    state = now;
    onState(now);
  }

  function learnedUpTo(seq: number): void {
    at = { log: at.log, seq: Math.max(at.seq, seq) };
    while (ahead.delete(at.seq + 1)) at = { log: at.log, seq: at.seq + 1 };
    for (const number of ahead) if (number <= at.seq) ahead.delete(number);
  }

  /** One entry is known; all before it are only where its number is the next one. */
  function learnedOne({ log: name, seq }: LogPosition): void {
    if (name !== at.log || seq <= at.seq || ahead.size >= maxAhead) return;
    ahead.add(seq);
    learnedUpTo(at.seq);
  }

  async function readToTheEnd(): Promise<void> {
    for (let page = 0; page < maxPages; page += 1) {
      if (closed) return;
      const askedAtMs = clock();
      const since = at.seq;
      const { head, entries } = await log.readSince(since, limits.pageSize);
      for (const { revocation } of entries) known.add(revocation);
      if (head.log !== at.log || head.seq < since) {
        // Emptied and begun anew: what is known stays known, and the new log is read from its beginning.
        at = { log: head.log, seq: 0 };
        ahead.clear();
        if (since > 0) continue;
      }
      const whole = entries.length < limits.pageSize;
      learnedUpTo(whole ? head.seq : (entries.at(-1)?.seq ?? since));
      if (!whole) continue;
      // From when it was asked: the answer may have been long on its way.
      freshAtMs = askedAtMs;
      beat(head, askedAtMs);
      return;
    }
  }

  function beat(head: LogPosition, atMs: number): void {
    if (announcements === undefined || age(lastBeatMs) < heartbeatEveryMs) return;
    lastBeatMs = atMs;
    announcements.publish({ ...head, atMs });
  }

  function hear({ log: name, seq, atMs, revocation }: Announcement): void {
    if (closed) return;
    if (revocation !== undefined) {
      known.add(revocation);
      learnedOne({ log: name, seq });
    } else if (name === at.log && seq === at.seq) {
      // Somebody has just read the log, and there was nothing that is not known here.
      const readAtMs = Math.min(atMs, clock());
      if (age(atMs) <= lagMs && age(readAtMs) < age(freshAtMs)) freshAtMs = readAtMs;
      noteState();
    }
    if (name !== at.log || seq > at.seq) readSoon();
  }

  function readSoon(): void {
    again = true;
    if (turn !== undefined) return;
    clearTimeout(timer);
    timer = setTimeout(takeTurn, 0);
  }

  function takeTurn(): void {
    again = false;
    // A log that does not answer is not an event of its own: what is known gets older, and that is one.
    turn = readToTheEnd()
      .catch(() => undefined)
      .finally(() => {
        turn = undefined;
        if (closed) return;
        known.forgetExpired(clock(), forgetPerTurn);
        noteState();
        timer = setTimeout(takeTurn, again && !isStale() ? 0 : limits.readEveryMs);
      });
  }

  return {
    async start() {
      announcements?.listen(hear);
      takeTurn();
      await turn;
    },
    check(token) {
      const refused = known.refusal(token);
      if (refused !== undefined) throw new ExchangeError(refused, { field: "SUBJECT_TOKEN" });
      if (isStale()) throw storeUnavailable({ code: "STALE", outcome: "refused" });
    },
    async revoke(revocation) {
      if (clock() >= revocation.expiresAt * 1_000) return;
      if (known.size >= limits.maxHeld && !known.covers(revocation)) throw storeUnavailable({ code: "FULL", outcome: "refused" });
      const position = await log.append(revocation);
      known.add(revocation);
      learnedOne(position);
      announcements?.publish({ ...position, atMs: clock(), revocation });
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await turn;
    },
  };
}
