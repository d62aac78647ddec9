// What stands around Cambio: a real redis-server, two providers, keys and secrets, each server a process of its own. Whoever starts
// Cambio hands it `env`, which is what bench.yaml asks for.

import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signingAlgorithms } from "../src/exchange/minting-ports.ts";
import { createPrivateKeyFor } from "../src/keys/own-key.ts";
import { type RedisServer, startRedisServer } from "../test/support/redis-server.ts";
import { startProcess } from "./child-process.ts";
import type { BenchAlgorithm } from "./signing-keys.ts";

export const configurationPath = join(import.meta.dirname, "bench.yaml");

export type BenchProvider = "corporate" | "house";

export interface Surroundings extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly redis: RedisServer;
  /** The service of bench.yaml that calls. */
  readonly caller: { readonly id: string; readonly secret: string };
  /** File descriptor for what Cambio writes to its log. */
  readonly log: number;
  /** A folder that is gone afterwards. */
  readonly folder: string;
  /** Makes tokens of that provider. */
  readonly mint: (provider: BenchProvider, count: number, algorithm?: BenchAlgorithm) => Promise<readonly string[]>;
  /** How long that provider itself took for each exchange since it was asked last, in milliseconds, by the token's subject. */
  readonly answerMs: (provider: BenchProvider) => Promise<Readonly<Record<string, number>>>;
}

/** @param delayMs of every answer of the providers' token endpoints */
export async function startSurroundings(delayMs: number): Promise<Surroundings> {
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
    const corporate = await startProcess("provider-process.ts", { args: [String(delayMs)] });
    parts.defer(() => corporate.close());
    const house = await startProcess("provider-process.ts", { args: [String(delayMs)] });
    parts.defer(() => house.close());
    const providers = { corporate, house };
    const ordersSecret = newSecret();
    const log = openSync(join(folder, "log.jsonl"), "a");
    parts.defer(() => closeSync(log));
    const running = parts.move();
    return {
      env: {
        FOLDER: folder,
        SEALING_KEY: newSecret(),
        REDIS: redis.url.reveal(),
        CORPORATE_ISSUER: corporate.url,
        CORPORATE_SECRET: newSecret(),
        HOUSE_ISSUER: house.url,
        HOUSE_SECRET: newSecret(),
        ORDERS_SECRET: ordersSecret,
        BACKEND_SECRET: newSecret(),
      },
      redis,
      caller: { id: "orders", secret: ordersSecret },
      log,
      folder,
      mint: (provider, count, algorithm = "RS256") => mint(providers[provider].url, count, algorithm),
      answerMs: async (provider) => timesOf(await providers[provider].ask("times")),
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

async function mint(issuer: string, count: number, algorithm: BenchAlgorithm): Promise<readonly string[]> {
  const response = await fetch(`${issuer}/mint?count=${count}&alg=${algorithm}`, { method: "POST" });
  const tokens: readonly string[] = JSON.parse(await response.text());
  return tokens;
}

function timesOf(answer: unknown): Readonly<Record<string, number>> {
  if (typeof answer !== "object" || answer === null) throw new Error("a provider said something else than its times");
  return Object.fromEntries(Object.entries(answer).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

function newSecret(): string {
  return randomBytes(32).toString("base64url");
}
