// The one connection to Redis: how it connects, gives up and comes back, and how long a command may take. It owns no key and
// no value. Nothing here waits for a Redis that is away: a command then fails at once, and start does not need it.

import { Redis } from "ioredis";
import type { Secret } from "../exchange/secret.ts";
import { classifyRedisError, RedisFailure } from "./redis-failure.ts";

/** A local command takes well under a millisecond; beyond this Redis counts as not answering. */
const commandLimitMs = 250;
/** With commands open and no byte arriving for this long, the socket is dead. Long, as nothing waits for it but the next connection. */
const silenceLimitMs = 1_000;
const connectLimitMs = 1_000;
/** How long a closing socket may linger before it is destroyed. */
const lingerLimitMs = 250;
const keepAliveMs = 10_000;
const firstRetryMs = 50;
const maxRetryMs = 1_000;
/** Commands waiting for a reply. At 250 ms each this is far more than a healthy Redis ever owes. */
const maxInFlight = 4_096;

export interface RedisAddress {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly db: number;
}

export type RedisEvent =
  | { readonly kind: "redis_ready"; readonly host: string; readonly port: number }
  | { readonly kind: "redis_away"; readonly host: string; readonly port: number; readonly code: string };

export interface RedisOptions {
  /** Told once per change, never per attempt. */
  readonly log: (event: RedisEvent) => void;
  /** 0 to 1, spreads the replicas' attempts to come back. */
  readonly random?: () => number;
}

export interface RedisConnection {
  status(): "ready" | "away";
  /**
   * Runs one command within its time limit.
   * @throws RedisFailure, whose outcome says whether the command may have been carried out
   */
  run<T>(command: (redis: Redis) => Promise<T>): Promise<T>;
  /** Aborted by close(): ends background work that waits for Redis to come back. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

/** Connects in the background. */
export function createRedis(address: RedisAddress, options: RedisOptions): RedisConnection {
  const closing = new AbortController();
  // True from the decision to connect anew until the old socket is closed: the library still calls that state ready.
  let leaving = false;
  // True while a command is overdue: further ones would only queue behind it, each for its full time limit.
  let overdue = false;
  let inFlight = 0;
  const client = openClient(address, {
    random: options.random ?? Math.random,
    onLeave() {
      leaving = true;
    },
  });
  const status = () => (client.status === "ready" && !overdue && !leaving && !closing.signal.aborted ? "ready" : "away");

  const { noteTimeout } = watchState(client, options.log);
  client.on("close", () => {
    overdue = false;
    leaving = false;
  });

  async function run<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    if (status() === "away") throw new RedisFailure("AWAY", "refused");
    if (inFlight >= maxInFlight) throw new RedisFailure("BUSY", "refused");
    const issued = command(client);
    inFlight += 1;
    // A command past its limit stays counted until the library lets go of it: by its reply, or when the socket is dropped.
    const reply = issued.then(settle, (error: unknown) => settle(Promise.reject(classifyRedisError(error))));
    const limit = Promise.withResolvers<never>();
    let answered = false;
    const timer = setTimeout(() => {
      // After one more look at the socket: a stall of this process is not a silence of Redis.
      setImmediate(() => {
        if (answered) return;
        overdue = true;
        noteTimeout();
        limit.reject(new RedisFailure("TIMEOUT", "unknown"));
      });
    }, commandLimitMs);
    try {
      return await Promise.race([reply, limit.promise]);
    } finally {
      answered = true;
      clearTimeout(timer);
    }
  }

  /** Late or not, a reply shows that this connection answers; a connection that was lost has been reset by `close`. */
  function settle<T>(outcome: T): T {
    inFlight -= 1;
    overdue = false;
    return outcome;
  }

  return {
    status,
    run,
    closed: closing.signal,
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      // Between two attempts there is no socket, so nothing would ever report its end.
      const ended =
        client.status === "reconnecting" || client.status === "end"
          ? Promise.resolve()
          : new Promise<void>((resolve) => client.once("end", () => resolve()));
      client.disconnect();
      await ended;
    },
  };
}

/** Also for a subscriber, which needs a connection of its own. Add a listener for `error`. */
export function openClient(at: RedisAddress, { random, onLeave }: { readonly random: () => number; readonly onLeave: () => void }): Redis {
  const { tls, username, password, ...address } = at;
  return new Redis({
    ...address,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED does not hand the password to whoever is in the way.
    ...(tls ? { tls: { rejectUnauthorized: true } } : {}),
    disableClientInfo: true,
    // Away means failing now, not queueing for later.
    enableOfflineQueue: false,
    // Never sent twice: a SET NX that was applied before the connection broke would answer its second sending with "taken".
    autoResendUnfulfilledCommands: false,
    // Any value above 0 leaves what was in flight unsettled for good once resending is off: the queue is dropped without a word.
    maxRetriesPerRequest: 0,
    // The library's own attempt rejects where nobody hears it, and that ends the process: a subscriber subscribes anew by itself.
    autoResubscribe: false,
    connectTimeout: connectLimitMs,
    socketTimeout: silenceLimitMs,
    disconnectTimeout: lingerLimitMs,
    maxLoadingRetryTime: maxRetryMs,
    keepAlive: keepAliveMs,
    retryStrategy: (attempt) => {
      const delay = Math.min(firstRetryMs * 2 ** Math.min(attempt - 1, 10), maxRetryMs);
      return delay / 2 + (random() * delay) / 2;
    },
    // After a failover the old address may be a replica now: connect anew, but do not send the command again.
    reconnectOnError(error) {
      const demoted = classifyRedisError(error).code === "READONLY";
      if (demoted) onLeave();
      return demoted;
    },
  });
}

/** Reports changes of state. Without a listener for `error` the library prints to the console. */
function watchState(client: Redis, log: (event: RedisEvent) => void): { readonly noteTimeout: () => void } {
  const { host = "", port = 0 } = client.options;
  let reported: RedisEvent["kind"] | undefined;
  let lastCode = "LOST";
  client.on("error", (error: unknown) => {
    const { code } = classifyRedisError(error);
    if (code !== "LOST") lastCode = code;
  });
  client.on("ready", () => {
    lastCode = "LOST";
    if (reported === "redis_ready") return;
    reported = "redis_ready";
    log({ kind: reported, host, port });
  });
  client.on("close", () => {
    if (reported === "redis_away") return;
    reported = "redis_away";
    log({ kind: reported, host, port, code: lastCode });
  });
  return {
    noteTimeout() {
      lastCode = "TIMEOUT";
    },
  };
}
