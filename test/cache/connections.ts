// Connections to Redis that a file's tests open: closed after each test, and what they told kept until the next one.

import { afterEach, beforeEach } from "vitest";
import { createRedis, type RedisConnection } from "../../src/cache/redis-connection.ts";
import type { RedisEvent } from "../../src/cache/redis-line.ts";
import type { RedisTarget } from "../../src/cache/redis-target.ts";
import { ready } from "./fixtures.ts";

export function useConnections() {
  const opened: RedisConnection[] = [];
  const events: RedisEvent[] = [];
  beforeEach(() => {
    events.length = 0;
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((connection) => connection.close()));
  });

  function open(target: RedisTarget): RedisConnection {
    const connection = createRedis(target, { log: (event) => void events.push(event), random: () => 0 });
    opened.push(connection);
    return connection;
  }

  return {
    events: events as readonly RedisEvent[],
    open,
    /** Resolves when it can be used. */
    async connect(target: RedisTarget): Promise<RedisConnection> {
      const connection = open(target);
      await ready(connection);
      return connection;
    },
  };
}
