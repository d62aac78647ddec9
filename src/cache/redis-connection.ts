// The one way to Redis, whichever its topology: how long a command may take, how many wait at one time, and what its caller learns.
// It owns no key and no value. Nothing here waits for a Redis that is away: a command then fails at once, and start does not need it.

import { openCluster } from "./redis-cluster.ts";
import { classifyRedisError, RedisFailure } from "./redis-failure.ts";
import type { LineOptions, RedisClient, RedisEvent, RedisLine } from "./redis-line.ts";
import { commandLimitMs } from "./redis-options.ts";
import { endConnectionsThatLie } from "./redis-replies.ts";
import { openSentinel } from "./redis-sentinel.ts";
import { openSingle } from "./redis-single.ts";
import type { RedisTarget } from "./redis-target.ts";

/** Commands waiting for a reply. At 250 ms each this is far more than a healthy Redis ever owes. */
const maxInFlight = 4_096;

export interface RedisOptions {
  /** Told once per change, never per attempt. */
  readonly log: (event: RedisEvent) => void;
  /** 0 to 1, spreads the replicas' attempts to come back. */
  readonly random?: () => number;
}

export interface RedisConnection {
  status(): "ready" | "away";
  /**
   * Runs one command within its time limit; its keys share a slot.
   * @throws RedisFailure, whose outcome says whether the command may have been carried out
   */
  run<T>(command: (redis: RedisClient) => Promise<T>): Promise<T>;
  /** Aborted by close(): ends background work that waits for Redis to come back. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

/** Connects in the background. */
export function createRedis(target: RedisTarget, options: RedisOptions): RedisConnection {
  endConnectionsThatLie();
  const closing = new AbortController();
  let inFlight = 0;
  const line = openLine(target, { log: options.log, random: options.random ?? Math.random });
  const status = () => (line.ready() && !closing.signal.aborted ? "ready" : "away");

  async function run<T>(command: (redis: RedisClient) => Promise<T>): Promise<T> {
    if (status() === "away") throw new RedisFailure("AWAY", "refused");
    if (inFlight >= maxInFlight) throw new RedisFailure("BUSY", "refused");
    const issued = command(line.client);
    inFlight += 1;
    // A command past its limit stays counted until the library lets go of it: by its reply, or when the socket is dropped.
    const reply = issued.then(
      (answer) => {
        settle(undefined);
        return answer;
      },
      (error: unknown) => {
        const failure = classifyRedisError(error);
        settle(failure);
        throw failure;
      },
    );
    const limit = Promise.withResolvers<never>();
    let answered = false;
    let timer: NodeJS.Timeout | undefined;
    const over = (): void => {
      if (answered) return;
      line.overdue();
      limit.reject(new RedisFailure("TIMEOUT", "unknown"));
    };
    // It leaves at the end of this turn (gathered-writes.ts), and its time begins then.
    const leaving = setImmediate(() => {
      // After one more look at the socket: a stall of this process is not a silence of Redis.
      timer = setTimeout(() => setImmediate(over), commandLimitMs);
    });
    try {
      return await Promise.race([reply, limit.promise]);
    } finally {
      answered = true;
      clearImmediate(leaving);
      clearTimeout(timer);
    }
  }

  function settle(failure: RedisFailure | undefined): void {
    inFlight -= 1;
    line.settled(failure);
  }

  return {
    status,
    run,
    closed: closing.signal,
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await line.close();
    },
  };
}

function openLine(target: RedisTarget, options: LineOptions): RedisLine {
  switch (target.kind) {
    case "single":
      return openSingle(target, options);
    case "sentinel":
      return openSentinel(target, options);
    case "cluster":
      return openCluster(target, options);
  }
}
