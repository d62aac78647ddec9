// How every connection to a Redis server is made, whichever the topology: its time limits, and what the client library must not do
// by itself. Whoever opens one adds a listener for `error`: without one the library prints to the console.

import { Redis, type RedisOptions as LibraryOptions } from "ioredis";
import { type AddressSource, connectorOver, tlsOptions } from "./redis-connector.ts";
import { classifyRedisError } from "./redis-failure.ts";
import type { RedisAccess, RedisAddress } from "./redis-target.ts";

/** A local command takes well under a millisecond; beyond this Redis counts as not answering. */
export const commandLimitMs = 250;
/** With commands open and no byte arriving for this long, the socket is dead. Long, as nothing waits for it but the next connection. */
const silenceLimitMs = 1_000;
const connectLimitMs = 1_000;
const keepAliveMs = 10_000;
const firstRetryMs = 50;
export const maxRetryMs = 1_000;

export interface ClientHooks {
  /** 0 to 1, spreads the replicas' attempts to come back. */
  readonly random: () => number;
  /** A connection is given up although it is alive. */
  readonly onLeave: () => void;
}

/** One server at one address. */
export function openServer({ host, port, db, ...access }: RedisAddress, hooks: ClientHooks): Redis {
  return new Redis({ ...clientOptions(access, hooks), host, port, db });
}

/** @param source where the address is asked for at every attempt */
export function clientOptions(access: RedisAccess, { random, onLeave }: ClientHooks, source?: AddressSource) {
  const { username, password } = access;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(access.tls ? { tls: tlsOptions(access) } : {}),
    Connector: connectorOver(access, source),
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
    maxLoadingRetryTime: maxRetryMs,
    keepAlive: keepAliveMs,
    retryStrategy: (attempt: number) => retryDelayMs(attempt, random),
    // After a failover the old address may be a replica now: connect anew, but do not send the command again.
    reconnectOnError(error: Error) {
      const demoted = classifyRedisError(error).code === "READONLY";
      if (demoted) onLeave();
      return demoted;
    },
  } satisfies LibraryOptions;
}

export function retryDelayMs(attempt: number, random: () => number): number {
  const delay = Math.min(firstRetryMs * 2 ** Math.min(attempt - 1, 10), maxRetryMs);
  return delay / 2 + (random() * delay) / 2;
}

/** Resolves when nothing of the client is open any more. */
export async function closeClient(client: Redis): Promise<void> {
  // Between two attempts there is no socket, so nothing would ever report its end.
  const ended =
    client.status === "reconnecting" || client.status === "end"
      ? Promise.resolve()
      : new Promise<void>((resolve) => client.once("end", () => resolve()));
  client.disconnect();
  await ended;
}
