// Connections in a real PostgreSQL: what a page of a list, the look for what is due and one refresh take among a thousand of them and among
// a million, and whether 10,000 refreshes by the keeper leave memory as it was. The provider is a process of its own.

import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Secret } from "../src/exchange/secret.ts";
import type { RefreshedTokens, TokenSet } from "../src/exchange/tokens.ts";
import type { SendRefresh } from "../src/exchange/vault-ports.ts";
import { listConnections } from "../src/store/connection-list.ts";
import { readDueConnections } from "../src/store/due-connections.ts";
import { migrate } from "../src/store/migrate.ts";
import { openPostgres } from "../src/store/open-postgres.ts";
import { createKeeper } from "../src/vault/keeper.ts";
import { noSpool } from "../src/vault/spool.ts";
import { createVault, type Vault } from "../src/vault/vault.ts";
import { masterKey } from "../test/cache/fixtures.ts";
import { type PostgresServer, startPostgres } from "../test/support/postgres-server.ts";
import { startProcess } from "./child-process.ts";
import { closedLoop } from "./closed-loop.ts";
import { inMs, type Measured } from "./report.ts";
import { median } from "./statistics.ts";

const issuer = "https://provider.example";
const few = 1_000;
const refreshes = 10_000;
const repeats = 200;
/** A million rows have indexes of three levels where a thousand have two; beyond that a page takes what it takes. */
const ratioBar = 3;
/** So little that a clock's grain would decide. */
const leastMs = 1;
/** What a heap differs by from one collection to the next. */
const memoryBarBytes = 16 * 2 ** 20;

/** @param many rows in the end */
export async function measureConnections(many: number): Promise<Measured> {
  const server = await startPostgres();
  const provider = await startProcess("refreshing-provider.ts", { args: [] });
  const database = openPostgres(server.address());
  try {
    await migrate(database);
    const send = sendingTo(provider.url);
    const vault = createVault(
      {
        database,
        keys: [masterKey("bench")],
        spool: noSpool,
        clock: Date.now,
        onAlarm: () => undefined,
        onEnded: () => undefined,
        onUnspooled: () => undefined,
        tell: () => Promise.resolve(),
      },
      { idleMs: 86_400_000, inDoubtMs: 0, upstreamLimitMs: () => 10_000, aheadMs: () => 600_000, issuerOf: () => issuer },
    );
    const measure = () => measureAmong({ database, vault, send });
    await fill(server, 0, few);
    // The first statements find connections and plans that are not there yet.
    await measure();
    const amongFew = await measure();
    const beganMs = performance.now();
    await fill(server, few, many);
    const fillSeconds = (performance.now() - beganMs) / 1_000;
    const amongMany = await measure();
    const kept = await keepAll({ database, vault, send });
    await vault.close();
    return {
      title: "5. Connections in PostgreSQL",
      lines: [
        `medians of ${repeats} in ms, among ${few} and ${many} (filled in ${fillSeconds.toFixed(0)} s)`,
        ...taken.map((what) => `${what}: ${inMs(amongFew[what])}, ${inMs(amongMany[what])}`),
        `${refreshes} refreshes by the keeper in ${kept.seconds.toFixed(1)} s; the heap grew by ${(kept.grownBytes / 2 ** 20).toFixed(1)} MiB`,
      ],
      bars: [
        ...taken.map((what) => ({
          text: `${what} among ${many} takes less than ${ratioBar} times what it takes among ${few}`,
          holds: amongMany[what] < ratioBar * Math.max(leastMs, amongFew[what]),
        })),
        { text: `${refreshes} of ${refreshes} were refreshed (${kept.failed} failed)`, holds: kept.failed === 0 },
        { text: `they leave less than ${memoryBarBytes / 2 ** 20} MiB behind`, holds: kept.grownBytes < memoryBarBytes },
      ],
    };
  } finally {
    await database.close();
    await provider.close();
    await server.stop();
  }
}

const taken = ["a page of a list", "what is due", "a refresh"] as const;
type Taken = Readonly<Record<(typeof taken)[number], number>>;

interface Parts {
  readonly database: ReturnType<typeof openPostgres>;
  readonly vault: Vault;
  readonly send: SendRefresh;
}

/** Rows as others have left them: ten providers and clients, a hundredth of them due at this moment. */
async function fill(server: PostgresServer, from: number, to: number): Promise<void> {
  const now = Date.now();
  await server.query(`
    insert into connections
      (id, client_id, provider, account_id, kept, generation, sealed_grant, sealed_tokens, created_at, refreshed_at, used_at, due_at, expires_at)
    select substr(md5(n::text), 1, 22), 'client-' || n % 10, 'provider-' || n % 10, md5('account' || n), 1, n % 7,
      decode(repeat(md5(n::text), 8), 'hex'), decode(repeat(md5(n::text), 12), 'hex'),
      ${now}, ${now}, ${now}, ${now} + (n % 100 - 1) * 60000, ${now} + 86400000
    from generate_series(${from + 1}, ${to}) as n`);
  await server.query("vacuum analyze connections");
}

async function measureAmong({ database, vault, send }: Parts): Promise<Taken> {
  const page = { provider: "provider-3", client: undefined, account: undefined, ended: false, after: "8", limit: 50 };
  const { id } = await keepOne(vault, `one-${randomBytes(8).toString("hex")}`);
  const wish = { issuer, send, lostAnswer: "reauthenticate", isUse: false } as const;
  let generation = 0;
  return {
    "a page of a list": await medianOf(() => listConnections(database, page)),
    "what is due": await medianOf(() => readDueConnections(database, { provider: "provider-3", nowMs: Date.now(), limit: 100 })),
    "a refresh": await medianOf(async () => {
      ({ generation } = await vault.tokensOf(id, { ...wish, beyond: generation }, AbortSignal.timeout(10_000)));
    }),
  };
}

async function medianOf(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let number = 0; number < repeats; number += 1) {
    const beganMs = performance.now();
    await work();
    times.push(performance.now() - beganMs);
  }
  return median(times);
}

/** All of them due at the same moment, at a provider that allows as much as there is. */
async function keepAll({ database, vault, send }: Parts) {
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
      senderOf: () => ({ issuer, send, lostAnswer: "reauthenticate", perSecond: 1_000, atOnce: 16 }),
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

function keepOne(vault: Vault, accountId: string): Promise<{ readonly id: string }> {
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
    issuer,
  };
}

function sendingTo(url: string): SendRefresh {
  return async (refreshToken, onSending): Promise<RefreshedTokens> => {
    onSending();
    const response = await fetch(url, { method: "POST", body: new URLSearchParams({ refresh_token: refreshToken.reveal() }) });
    // The provider of the bench answers so.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return tokensFrom((await response.json()) as Answer);
  };
}
