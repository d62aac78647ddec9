// Connections as the bench keeps and refreshes them: by a vault over PostgreSQL, at a provider that is a process of its own; and the keeper
// with 10,000 of them that are due at the same moment.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Secret } from "../src/exchange/secret.ts";
import type { RefreshedTokens, TokenSet } from "../src/exchange/tokens.ts";
import type { SendRefresh } from "../src/exchange/vault-ports.ts";
import type { Database } from "../src/store/database.ts";
import { createKeeper } from "../src/vault/keeper.ts";
import type { Vault } from "../src/vault/vault.ts";
import { closedLoop } from "./closed-loop.ts";

export const benchIssuer = "https://provider.example";

export const refreshes = 10_000;

export interface BenchVault {
  readonly database: Database;
  readonly vault: Vault;
  readonly send: SendRefresh;
}

export interface KeptAll {
  readonly seconds: number;
  readonly failed: number;
  /** From the first thousand to the last. */
  readonly grownBytes: number;
}

/** All of them due at the same moment, at a provider that allows as much as there is. */
export async function keepAll({ database, vault, send }: BenchVault): Promise<KeptAll> {
  await closedLoop(
    Array.from({ length: refreshes }, (_one, number) => `kept-${number}`),
    (account) => keepOne(vault, account),
  );
  await database.run((db) => db.updateTable("connections").set({ due_at: Date.now() }).where("provider", "=", "kept").execute());
  const done = Promise.withResolvers<void>();
  let [count, failed] = [0, 0];
  let grownFrom = 0;
  const keeper = createKeeper(
    {
      database,
      vault,
      clock: Date.now,
      holder: "bench",
      providers: () => ["kept"],
      senderOf: () => ({ issuer: benchIssuer, send, lostAnswer: "reauthenticate", perSecond: 1_000, atOnce: 16 }),
      tell: undefined,
    },
    {
      refreshed({ outcome }) {
        count += 1;
        if (outcome !== "OK") failed += 1;
        // Pools and caches are as large as they become.
        if (count === refreshes / 10) grownFrom = heapBytes();
        if (count === refreshes) done.resolve();
      },
      lag: () => undefined,
      refused: () => undefined,
      told: () => undefined,
      failed: () => undefined,
    },
  );
  const beganMs = performance.now();
  keeper.start();
  await done.promise;
  const seconds = (performance.now() - beganMs) / 1_000;
  await keeper.close();
  return { seconds, failed, grownBytes: heapBytes() - grownFrom };
}

/** Of what is still in use. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

export function keepOne(vault: Vault, accountId: string): Promise<{ readonly id: string }> {
  const tokens: TokenSet = { ...tokensFrom({ access_token: "a".repeat(80), refresh_token: "r".repeat(80), expires_in: 3_600 }) };
  return vault.connections.keep({ clientId: "bench", provider: "kept", accountId, byId: true, issue: undefined, tokens });
}

interface Answer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

function tokensFrom(answer: Answer): TokenSet {
  return {
    accessToken: new Secret(answer.access_token),
    refreshToken: new Secret(answer.refresh_token),
    tokenType: "Bearer",
    expiresAtMs: Date.now() + answer.expires_in * 1_000,
    idToken: undefined,
    scopes: undefined,
    issuer: benchIssuer,
  };
}

export function sendingTo(url: string): SendRefresh {
  return async (refreshToken, onSending): Promise<RefreshedTokens> => {
    onSending();
    const response = await fetch(url, { method: "POST", body: new URLSearchParams({ refresh_token: refreshToken.reveal() }) });
    // The provider of the bench answers so.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return tokensFrom((await response.json()) as Answer);
  };
}
