// Stacks of vault-stack.ts on whatever they are to keep their sign-ins in: a database of its own for every stack, and a Redis that is
// empty at the start of every test. Servers are started when they are needed first; a stack is closed after its test, or with
// the file's last one where tests share it.

import { afterAll, afterEach } from "vitest";
import { type PostgresServer, startPostgres } from "./postgres-server.ts";
import { type RedisServer, startRedisServer } from "./redis-server.ts";
import { startVaultStack, type VaultStack, type VaultStackOptions } from "./vault-stack.ts";

export type Kept = "SQLite" | "PostgreSQL" | "PostgreSQL and Redis";

export interface VaultStacks {
  /** Starts the servers that this needs, so that no test has to wait for them. */
  ready(kept: Kept): Promise<void>;
  start(kept: Kept, options?: Omit<VaultStackOptions, "databaseUrl" | "redis">): Promise<VaultStack>;
  /** Runs after the test, before its stacks are closed. */
  defer(close: () => Promise<unknown>): void;
  /** Those that were started. */
  postgres(): PostgresServer | undefined;
  redis(): RedisServer | undefined;
}

export function useVaultStacks(sharedBy: "each test" | "the file" = "each test"): VaultStacks {
  let postgres: PostgresServer | undefined;
  let redis: RedisServer | undefined;
  let count = 0;
  let closers: (() => Promise<unknown>)[] = [];

  async function closeAll(): Promise<void> {
    const all = closers.toReversed();
    closers = [];
    for (const close of all) await close();
  }
  afterEach(async () => {
    if (sharedBy === "the file") return;
    await closeAll();
    await redis?.flush();
  });
  afterAll(async () => {
    await closeAll();
    await postgres?.stop();
    await redis?.stop();
  });

  async function ready(kept: Kept): Promise<void> {
    if (kept !== "SQLite") postgres ??= await startPostgres();
    if (kept === "PostgreSQL and Redis") redis ??= await startRedisServer();
  }

  async function freshDatabase(): Promise<string> {
    if (postgres === undefined) throw new Error("there is no PostgreSQL");
    count += 1;
    await postgres.query(`create database kept_${count}`);
    return postgres.url.reveal().replace(/[^/]+$/, `kept_${count}`);
  }

  return {
    ready,
    async start(kept, options = {}) {
      await ready(kept);
      const databaseUrl = kept === "SQLite" ? undefined : await freshDatabase();
      const stack = await startVaultStack({ ...options, databaseUrl, redis: kept === "PostgreSQL and Redis" ? redis?.url : undefined });
      closers.push(() => stack.close());
      return stack;
    },
    defer: (close) => void closers.push(close),
    postgres: () => postgres,
    redis: () => redis,
  };
}
