// Replicas with everything that they share, real and of their own for every test: PostgreSQL, Redis, both, or a SQLite file. And
// what the tests of several replicas have in common: signing in, refreshing, waiting for all of them.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "vitest";
import { eventually } from "../support/eventually.ts";
import {
  type Answer,
  type FakeCode,
  type FakeStack,
  type FakeStackOptions,
  type Instance,
  page,
  reasonOf,
  startFakeStack,
} from "../support/fake-stack.ts";
import type { PostgresAddress } from "../../src/store/open-postgres.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

export interface Where {
  readonly postgres?: boolean;
  readonly redis?: boolean;
  readonly sqlite?: boolean;
}

export const everywhereShared = [
  ["PostgreSQL", { postgres: true }],
  ["Redis", { redis: true }],
  ["PostgreSQL and Redis", { postgres: true, redis: true }],
] as const;

/** A revocation is in force on every replica within it. */
const revocationLimitMs = 1_000;

export interface Given {
  readonly stack: FakeStack;
  readonly replicas: readonly [Instance, Instance, Instance];
}

export interface Servers {
  postgres(): PostgresServer;
  redis(): RedisServer;
  /** Where `cambio` as a child process finds the same, through its environment. */
  environment(where: Where): Readonly<Record<string, string>>;
  /** @param options `behind`: PostgreSQL is reached at this port, which leads to it */
  given(where: Where, options?: FakeStackOptions & { readonly behind?: number }): Promise<Given>;
  /** A database of its own at PostgreSQL, for stacks that a test starts itself. */
  freshDatabase(): Promise<PostgresAddress>;
  /** Runs after the test, before what was there earlier is closed. */
  defer(close: () => Promise<unknown>): void;
  /** Kills one of them. The returned function starts it again, which the end of the test does at the latest. */
  kill(server: Pick<PostgresServer, "kill" | "start">): Promise<() => Promise<void>>;
}

/** Servers live as long as the file's tests, databases as long as one test. */
export function useServers(): Servers {
  let postgres: PostgresServer;
  let redis: RedisServer;
  let folder: string;
  let number = 0;
  let closers: (() => Promise<unknown>)[] = [];
  const database = () => `cambio_${number}`;

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedisServer()]);
    folder = await mkdtemp(join(tmpdir(), "cambio-replicas-"));
  });
  afterAll(async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    const all = closers.toReversed();
    closers = [];
    for (const close of all) await close();
    await redis.flush();
  });

  return {
    postgres: () => postgres,
    redis: () => redis,
    environment: (where) => ({
      ...(where.postgres === true ? { DATABASE_URL: `postgres://cambio@127.0.0.1:${postgres.port}/${database()}` } : {}),
      ...(where.redis === true ? { REDIS_URL: redis.url.reveal() } : {}),
    }),
    defer: (close) => void closers.push(close),
    async kill(server) {
      await server.kill();
      let started: Promise<void> | undefined;
      const start = () => (started ??= server.start());
      closers.push(start);
      return start;
    },
    async freshDatabase() {
      number += 1;
      await postgres.query(`create database ${database()}`);
      return postgres.address(database());
    },
    async given(where, { behind, ...options } = {}) {
      number += 1;
      if (where.postgres === true) await postgres.query(`create database ${database()}`);
      const address = { ...postgres.address(database()), ...(behind === undefined ? {} : { port: behind }) };
      const stack = await startFakeStack({
        instances: 3,
        ...(where.redis === true ? { redis: redis.url } : {}),
        ...(where.postgres === true ? { database: { location: { kind: "postgres" as const, address } } } : {}),
        ...(where.sqlite === true
          ? { database: { location: { kind: "sqlite" as const, file: join(folder, `${database()}.sqlite`) } }, instances: 1 }
          : {}),
        ...options,
      });
      closers.push(() => stack.close());
      if (where.redis === true) await untilReady(stack.instances, "redis");
      const [one = stack.cambio, other = one, third = other] = stack.instances;
      return { stack, replicas: [one, other, third] };
    },
  };
}

export async function untilReady(instances: readonly Instance[], part: "redis" | "database", limitMs?: number): Promise<void> {
  await eventually(`every replica reaches ${part}`, () => allSay(instances, part, "ready"), limitMs);
}

async function allSay(instances: readonly Instance[], part: string, status: string): Promise<boolean> {
  const said = await Promise.all(
    instances.map(async ({ url }) => (await fetch(`${url}/readyz`)).json() as Promise<Record<string, unknown>>),
  );
  return said.every((parts) => parts[part] === status);
}

/** The reason of an error, else its status. */
export const outcomeOf = (answer: Answer): string => reasonOf(answer) ?? String(answer.status);

/** Outcomes with how often each came. */
export function counted(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const outcome of answers.map(outcomeOf)) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** So many calls at once, in turn over the replicas. */
export const atOnce = (count: number, replicas: readonly Instance[], call: (at: Instance, number: number) => Promise<Answer>) =>
  Promise.all(
    Array.from({ length: count }, (_, number) => {
      const at = replicas[number % replicas.length];
      if (at === undefined) throw new Error("there is no replica");
      return call(at, number);
    }),
  );

export const redeem = (at: Instance, { code, codeVerifier, redirectUri, state }: FakeCode): Promise<Answer> =>
  at.rpc("Exchange", { clientId: "web", authorizationCode: { code, codeVerifier, redirectUri, state } }, { origin: page });

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** @throws Error where there are none */
export function tokensOf(answer: Answer): Tokens {
  const { accessToken, refreshToken } = (answer.body["tokens"] ?? {}) as Partial<Tokens>;
  if (accessToken === undefined || refreshToken === undefined) throw new Error(`no tokens: ${outcomeOf(answer)}`);
  return { accessToken, refreshToken };
}

/** The tokens of a user of `web`: an access token, and a handle. */
export async function signedIn({ stack }: Pick<Given, "stack">, at: Instance = stack.cambio): Promise<Tokens> {
  return tokensOf(await redeem(at, await stack.newCode(at)));
}

export const refresh = (at: Instance, refreshToken: string): Promise<Answer> =>
  at.rpc("Refresh", { clientId: "web", refreshToken }, { origin: page });

/** As the public client `web`. */
export const revokeAsPage = (at: Instance, token: string): Promise<Answer> =>
  at.rpc("Revoke", { clientId: "web", token: { value: token } }, { origin: page });

/** As the service `backend`. */
export const revokeAsService = ({ stack }: Pick<Given, "stack">, at: Instance, token: string): Promise<Answer> =>
  at.rpc("Revoke", { token: { value: token } }, { authorization: stack.authorization("backend") });

/** What replicas say about tokens that is not this, after waiting for all of them no longer than a revocation may take. */
export async function answersOtherThan(
  outcome: string,
  replicas: readonly Instance[],
  tokens: readonly string[],
): Promise<readonly string[]> {
  let others: readonly string[] = [];
  const ask = async () => {
    const answers = await Promise.all(replicas.flatMap((replica) => tokens.map((token) => replica.validate(token))));
    others = answers.map(outcomeOf).filter((said) => said !== outcome);
    return others.length === 0;
  };
  await eventually("the same answer everywhere", ask, revocationLimitMs).catch(() => undefined);
  return others;
}

/** Refreshes that reached the provider. */
export const refreshesAt = ({ stack }: Pick<Given, "stack">): number =>
  stack.provider.requests.filter(({ endpoint, body }) => endpoint === "token" && body.includes("grant_type=refresh_token")).length;
