// A real redis-server for tests: on a free port, in a temporary directory, with nothing kept on disk. It can be killed,
// started again on the same port, stopped in its tracks (SIGSTOP) and emptied; stop() leaves nothing behind.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { RedisAddress } from "../../src/cache/redis-target.ts";
import { Secret } from "../../src/exchange/secret.ts";
import { freePorts, redisProcess } from "./redis-process.ts";

export interface RedisServer {
  readonly port: number;
  readonly url: Secret;
  /** The same, as the connection takes it. */
  readonly address: RedisAddress;
  /** A client of the test's own, as an attacker or an operator would have one. Closed by stop(). */
  raw(): Redis;
  /** SIGKILL: connections break, nothing is kept. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** `started: false`: the port is known and nothing listens there yet. */
export async function startRedisServer(
  options: { readonly started?: boolean; readonly args?: readonly string[] } = {},
): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), "cambio-redis-"));
  const [port = 0] = await freePorts(1);
  const clients: Redis[] = [];
  const base = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir];
  const server = redisProcess([...base, ...(options.args ?? [])]);

  function raw(): Redis {
    const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 50 });
    // It loses its connection whenever a test kills the server.
    client.on("error", () => undefined);
    clients.push(client);
    return client;
  }

  if (options.started !== false) await server.start();
  return {
    port,
    url: new Secret(`redis://127.0.0.1:${port}`),
    address: redisAddress(port),
    raw,
    ...server,
    async flush() {
      const client = raw();
      await client.flushall();
      client.disconnect();
    },
    async stop() {
      for (const client of clients) client.disconnect();
      await server.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function redisAddress(port: number, password?: Secret): RedisAddress {
  return { kind: "single", host: "127.0.0.1", port, tls: false, username: undefined, password, db: 0 };
}
