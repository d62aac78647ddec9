// How long and how much at a time: every piece of work with a database has a time limit, and only so many are under way.
// What a piece does and how it is given up is known to whoever opened the database.

import { DatabaseFailure } from "./database.ts";

/** From asking for a connection to the last answer. A healthy database needs milliseconds; callers wait 15 s by default. */
export const workLimitMs = 5_000;
/** Pieces under way or waiting. More means that the database does not keep up: waiting would only make it worse. */
const maxUnderWay = 1_000;

export interface Piece<T> {
  readonly limitMs: number;
  readonly work: () => Promise<T>;
  /** Ends the work at its limit; what it returns is what the caller is told. */
  readonly giveUp: () => DatabaseFailure;
}

export interface BoundedWork {
  /** @throws DatabaseFailure CLOSED, BUSY or what `giveUp` returns; whatever the work throws */
  run<T>(piece: Piece<T>): Promise<T>;
  /** Refuses more work and waits for what is under way, no longer than one piece may take. False: it was called before. */
  close(): Promise<boolean>;
}

export function createBoundedWork(): BoundedWork {
  const idle = Promise.withResolvers<void>();
  let underWay = 0;
  let closed = false;

  function ended(): void {
    underWay -= 1;
    if (closed && underWay === 0) idle.resolve();
  }

  return {
    async run({ limitMs, work, giveUp }) {
      if (closed) throw new DatabaseFailure("CLOSED", "refused");
      if (underWay >= maxUnderWay) throw new DatabaseFailure("BUSY", "refused");
      underWay += 1;
      const limit = Promise.withResolvers<never>();
      const timer = setTimeout(() => limit.reject(giveUp()), limitMs);
      try {
        // Work that was given up stays counted until it has really ended: it may still hold a connection.
        return await Promise.race([work().finally(ended), limit.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      if (closed) return false;
      closed = true;
      if (underWay === 0) return true;
      const timer = setTimeout(() => idle.resolve(), workLimitMs);
      await idle.promise;
      clearTimeout(timer);
      return true;
    },
  };
}
