// A real redis-server for tests: on a free port, in a temporary directory, with nothing kept on disk. It can be killed,
// started again on the same port, stopped in its tracks (SIGSTOP) and emptied; stop() leaves nothing behind.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { RedisAddress } from "../../src/cache/redis-target.ts";
import { Secret } from "../../src/exchange/secret.ts";

const startLimitMs = 5_000;

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
  const port = await freePort();
  const clients: Redis[] = [];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = await launch(port, dir, options.args ?? []);
  }
  async function kill(): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, "exit");
    running.kill("SIGKILL");
    await exited;
  }
  function raw(): Redis {
    const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 50 });
    // It loses its connection whenever a test kills the server.
    client.on("error", () => undefined);
    clients.push(client);
    return client;
  }

  if (options.started !== false) await start();
  return {
    port,
    url: new Secret(`redis://127.0.0.1:${port}`),
    address: redisAddress(port),
    raw,
    kill,
    start,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async flush() {
      const client = raw();
      await client.flushall();
      client.disconnect();
    },
    async stop() {
      for (const client of clients) client.disconnect();
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function redisAddress(port: number, password?: Secret): RedisAddress {
  return { kind: "single", host: "127.0.0.1", port, tls: false, username: undefined, password, db: 0 };
}

async function launch(port: number, dir: string, args: readonly string[]): Promise<ChildProcess> {
  const base = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir];
  const child = spawn("redis-server", [...base, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  // A run that dies half-way must not leave servers behind.
  const orphaned = () => void child.kill("SIGKILL");
  process.once("exit", orphaned);
  child.once("exit", () => process.removeListener("exit", orphaned));
  const ready = Promise.withResolvers<void>();
  const timer = setTimeout(() => ready.reject(new Error("redis-server did not start in time")), startLimitMs);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes("Ready to accept connections")) ready.resolve();
  });
  child.once("error", (error) => ready.reject(new Error("redis-server cannot be run: is it installed?", { cause: error })));
  child.once("exit", () => ready.reject(new Error(`redis-server ended: ${output}`)));
  try {
    await ready.promise;
    return child;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
