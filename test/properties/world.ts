// Three replicas on a real PostgreSQL and a real Redis, each behind a proxy that can fail, in front of a provider that can: the
// world in which random programs run. It owns the servers, how all
// of it recovers, and how a call is waited for.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "../../src/exchange/secret.ts";
import { redeem, untilReady } from "../e2e/replica-rig.ts";
import type { Limits } from "../../src/transport/limits.ts";
import { createSigningKey, type SigningKey } from "../keys/signing.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, type FakeStack, type Instance, reasonOf, startFakeStack } from "../support/fake-stack.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startDecoy, watchConnections } from "./watch-connections.ts";
import { deadlineMs, extended, type Variant, variants } from "./world-configuration.ts";

export interface World {
  readonly stack: FakeStack;
  readonly replicas: readonly Instance[];
  /** With those that have ended. */
  everyReplica(): readonly Instance[];
  readonly postgres: { readonly server: PostgresServer; readonly proxy: FaultProxy };
  readonly redis: { readonly server: RedisServer; readonly proxy: FaultProxy };
  /** A server that nobody named in the configuration. */
  readonly decoy: string;
  /** The key of the service that proves itself by assertions. */
  readonly courier: SigningKey;
  readonly audit: { broken: boolean };
  readonly variant: () => Variant;
  reload(variant: Variant): void;
  /** One of them ends and another process takes its place, with its spool. It finds the database and the audit trail well again. */
  restart(number: number): Promise<void>;
  /** Who connects to the provider from now on hangs. */
  holdProvider(): void;
  /** Nobody reaches the provider, users included. */
  providerHeld(): boolean;
  /** All faults are over; the servers run. What follows from them may still be felt. */
  heal(): Promise<void>;
  /** All faults are over, and every replica answers as if there had been none. @throws Error where one does not */
  recover(): Promise<void>;
  /** The answer; it comes within the service's own deadline. @throws Error where it does not */
  inTime<T>(call: Promise<T>): Promise<T>;
  /** Asks one more replica that remembers nothing. Undefined: none can start now. */
  asFresh<T>(question: (fresh: Instance) => Promise<T>): Promise<T | undefined>;
  /** Where this process connected to without any reason in the configuration. */
  strangers(): readonly string[];
  close(): Promise<void>;
}

/** What a loaded machine needs beyond the deadline to hand an answer over. */
const graceMs = 6_000;
const recoveryLimitMs = 15_000;
/** More than any cool-down after a failed fetch, and less than the time that an abandoned claim of a refresh is waited for. */
const coolDownMs = 31_000;

/** Neither decided: who asked learns that nobody could say. */
export const unavailable: ReadonlySet<string> = new Set([
  "STORE_UNAVAILABLE",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_INVALID_RESPONSE",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_REJECTED_CLIENT",
  "OUTCOME_UNKNOWN",
  "DEADLINE_EXCEEDED",
  "AUDIT_UNAVAILABLE",
]);

/** The reason of an error, else its status. */
export const outcomeOf = (answer: Answer): string => reasonOf(answer) ?? String(answer.status);

/** @param limits of the port, where they are not the usual ones */
export async function startWorld(limits: Partial<Limits> = {}): Promise<World> {
  const parts = new AsyncDisposableStack();
  try {
    const [postgresServer, redisServer] = await Promise.all([startPostgres(), startRedisServer()]);
    parts.defer(() => postgresServer.stop());
    parts.defer(() => redisServer.stop());
    const [postgresProxy, redisProxy] = await Promise.all([startFaultProxy(postgresServer.port), startFaultProxy(redisServer.port)]);
    parts.defer(() => postgresProxy.close());
    parts.defer(() => redisProxy.close());
    const decoy = await startDecoy();
    parts.defer(decoy.close);
    const spool = mkdtempSync(join(tmpdir(), "cambio-world-"));
    parts.defer(async () => rmSync(spool, { recursive: true, force: true }));
    const courier = createSigningKey("ES256", "courier-1");
    const audit = { broken: false };
    const stack = await startFakeStack({
      instances: 3,
      limits,
      redis: new Secret(`redis://127.0.0.1:${redisProxy.port}`),
      database: { location: { kind: "postgres", address: { ...postgresServer.address(), port: postgresProxy.port } } },
      change: (loaded) => ({ ...extended(loaded, courier), vault: { ...loaded.vault, spool } }),
      onAudit() {
        if (audit.broken) throw new Error("the trail cannot be written");
      },
    });
    const servers = [portOf(stack.provider.issuer), postgresProxy.port, redisProxy.port, postgresServer.port, redisServer.port];
    const watch = watchConnections([...servers, ...stack.instances.map(({ port }) => port)]);
    parts.defer(watch.close);
    const running = parts.move();
    return createWorld({ stack, postgresServer, postgresProxy, redisServer, redisProxy, decoy, courier, audit, watch, running });
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

interface Parts {
  readonly stack: FakeStack;
  readonly postgresServer: PostgresServer;
  readonly postgresProxy: FaultProxy;
  readonly redisServer: RedisServer;
  readonly redisProxy: FaultProxy;
  readonly decoy: Awaited<ReturnType<typeof startDecoy>>;
  readonly courier: SigningKey;
  readonly audit: { broken: boolean };
  readonly watch: ReturnType<typeof watchConnections>;
  readonly running: AsyncDisposableStack;
}

function createWorld(parts: Parts): World {
  const { stack, postgresProxy, redisProxy, audit, decoy, watch } = parts;
  const replicas = [...stack.instances];
  const ended: Instance[] = [];
  let variant: Variant = "usual";
  let release: (() => void) | undefined;

  function reload(next: Variant): void {
    variant = next;
    const configuration = variants(stack)[next];
    for (const replica of replicas) replica.reload(configuration);
  }

  async function heal(): Promise<void> {
    stack.provider.faults.clear();
    release?.();
    release = undefined;
    audit.broken = false;
    for (const proxy of [postgresProxy, redisProxy]) await healProxy(proxy);
  }

  async function recover(): Promise<void> {
    await heal();
    if (variant !== "usual") reload("usual");
    stack.time.nowMs += coolDownMs;
    await untilReady(replicas, "redis", recoveryLimitMs);
    const token = await stack.token();
    await eventually("every replica accepts a good token again", () => allAccept(token), recoveryLimitMs);
    for (const replica of replicas) await eventually("a user can sign in again", () => signsIn(replica), recoveryLimitMs);
  }

  async function signsIn(replica: Instance): Promise<boolean> {
    const code = await stack.newCode(replica).catch(() => undefined);
    return code !== undefined && (await redeem(replica, code)).status === 200;
  }

  async function allAccept(token: string): Promise<boolean> {
    const answers = await Promise.all(replicas.map((at) => at.validate(token)));
    return answers.every(({ status }) => status === 200);
  }

  return {
    stack,
    replicas,
    everyReplica: () => [...replicas, ...ended],
    postgres: { server: parts.postgresServer, proxy: postgresProxy },
    redis: { server: parts.redisServer, proxy: redisProxy },
    decoy: decoy.url,
    courier: parts.courier,
    audit,
    variant: () => variant,
    reload,
    async restart(number) {
      const index = number % replicas.length;
      const [old] = replicas.slice(index);
      await old?.close();
      if (old !== undefined) ended.push(old);
      audit.broken = false;
      await healProxy(postgresProxy);
      const fresh = await stack.another();
      watch.know(fresh.port);
      parts.running.defer(() => fresh.close());
      if (variant !== "usual") fresh.reload(variants(stack)[variant]);
      replicas[index] = fresh;
    },
    holdProvider: () => void (release ??= stack.provider.hold("connection")),
    providerHeld: () => release !== undefined,
    heal,
    recover,
    async inTime(call) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        late.reject(new Error("no answer within the deadline"));
      }, deadlineMs + graceMs);
      return Promise.race([call, late.promise]).finally(() => clearTimeout(timer));
    },
    async asFresh(question) {
      if (audit.broken) return undefined;
      // Neither does it find anything: what is shared is emptied too.
      await parts.redisServer.flush();
      const fresh = await stack.another().catch((failure: unknown) => {
        if (failure instanceof Error && failure.name === "DatabaseStartError") return undefined;
        throw failure;
      });
      if (fresh === undefined) return undefined;
      watch.know(fresh.port);
      try {
        if (variant !== "usual") fresh.reload(variants(stack)[variant]);
        return await question(fresh);
      } finally {
        await fresh.close();
      }
    },
    strangers: () => [...watch.strangers(), ...decoy.visits()],
    async close() {
      await heal();
      try {
        await stack.close();
      } finally {
        await parts.running.disposeAsync();
      }
    },
  };
}

async function healProxy(proxy: FaultProxy): Promise<void> {
  proxy.clear();
  // Listening already is what it was about.
  await proxy.accept().catch(() => undefined);
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
