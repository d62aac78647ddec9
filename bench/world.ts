// What is measured, and all around it: a real redis-server, two providers, Cambio by bench.yaml, each a process of its own. Each
// measurement begins with a fresh Cambio and an empty Redis.

import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signingAlgorithms } from "../src/exchange/minting-ports.ts";
import { createPrivateKeyFor } from "../src/keys/own-key.ts";
import { startRedisServer } from "../test/support/redis-server.ts";
import { type Caller, createCaller } from "./caller.ts";
import { startProcess } from "./child-process.ts";

/** Of every answer of the provider's token endpoint. */
export const providerDelayMs = 20;

export interface Cambio extends AsyncDisposable {
  readonly url: string;
  /** A caller with connections of its own. */
  connect(): Caller;
  /** Puts a simulated clock there. Epoch milliseconds. */
  setClock(ms: number): void;
  /** CPU time that the service's process has used, all its threads together. */
  cpuMs(): Promise<number>;
}

export interface World extends AsyncDisposable {
  /** Makes tokens of that provider. */
  mint(provider: "corporate" | "house", count: number): Promise<readonly string[]>;
  startCambio(clock: "real" | "simulated"): Promise<Cambio>;
}

export async function startWorld(): Promise<World> {
  const parts = new AsyncDisposableStack();
  try {
    const folder = mkdtempSync(join(tmpdir(), "cambio-bench-"));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    for (const algorithm of signingAlgorithms) {
      const key = await createPrivateKeyFor(algorithm);
      writeFileSync(join(folder, `${algorithm}.pem`), key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    }
    const redis = await startRedisServer();
    parts.defer(() => redis.stop());
    const corporate = await startProcess("provider-process.ts", { args: [String(providerDelayMs)] });
    parts.defer(() => corporate.close());
    const house = await startProcess("provider-process.ts", { args: [String(providerDelayMs)] });
    parts.defer(() => house.close());
    const ordersSecret = newSecret();
    const env = {
      FOLDER: folder,
      SEALING_KEY: newSecret(),
      REDIS: redis.url.reveal(),
      CORPORATE_ISSUER: corporate.url,
      CORPORATE_SECRET: newSecret(),
      HOUSE_ISSUER: house.url,
      HOUSE_SECRET: newSecret(),
      ORDERS_SECRET: ordersSecret,
      BACKEND_SECRET: newSecret(),
    };
    const issuers = { corporate: corporate.url, house: house.url };
    const log = openSync(join(folder, "log.jsonl"), "a");
    parts.defer(() => closeSync(log));
    const running = parts.move();
    return {
      mint: (provider, count) => mint(issuers[provider], count),
      async startCambio(clock) {
        await redis.flush();
        const started = await startProcess("service-process.ts", {
          args: [join(import.meta.dirname, "bench.yaml"), clock],
          env,
          output: log,
        });
        const callers: Caller[] = [];
        return {
          url: started.url,
          connect() {
            const caller = createCaller(started.url, { id: "orders", secret: ordersSecret });
            callers.push(caller);
            return caller;
          },
          setClock: (ms) => started.tell(ms),
          cpuMs: async () => cpuMsOf(await started.ask("cpu")),
          async [Symbol.asyncDispose]() {
            for (const caller of callers) caller.close();
            await started.close();
          },
        };
      },
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

async function mint(issuer: string, count: number): Promise<readonly string[]> {
  const response = await fetch(`${issuer}/mint?count=${count}`, { method: "POST" });
  const tokens: readonly string[] = JSON.parse(await response.text());
  return tokens;
}

function cpuMsOf(answer: unknown): number {
  if (typeof answer === "object" && answer !== null && "cpuMs" in answer && typeof answer.cpuMs === "number") return answer.cpuMs;
  throw new Error("the service said something else than its CPU time");
}

function newSecret(): string {
  return randomBytes(32).toString("base64url");
}
