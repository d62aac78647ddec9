// Connections in a real PostgreSQL: what a page of a list, the look for what is due and one refresh take among a thousand of them and among
// a million, and whether 10,000 refreshes by the keeper leave memory as it was. The provider is a process of its own.

import { randomBytes } from "node:crypto";
import { listConnections } from "../src/store/connection-list.ts";
import { readDueConnections } from "../src/store/due-connections.ts";
import { migrate } from "../src/store/migrate.ts";
import { openPostgres } from "../src/store/open-postgres.ts";
import { noSpool } from "../src/vault/spool.ts";
import { createVault } from "../src/vault/vault.ts";
import { masterKey } from "../test/cache/fixtures.ts";
import { type PostgresServer, startPostgres } from "../test/support/postgres-server.ts";
import { startProcess } from "./child-process.ts";
import { benchIssuer, type BenchVault, keepAll, keepOne, refreshes, sendingTo } from "./kept-connections.ts";
import { inMs, type Measured } from "./report.ts";
import { median } from "./statistics.ts";

const few = 1_000;
const repeats = 200;
/** A million rows are read and written on other pages each time, a thousand on the same few; what grows with their number takes a thousand times as long. */
const ratioBar = 5;
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
      { idleMs: 86_400_000, inDoubtMs: 0, upstreamLimitMs: () => 10_000, aheadMs: () => 600_000, issuerOf: () => benchIssuer },
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

async function measureAmong({ database, vault, send }: BenchVault): Promise<Taken> {
  const page = { provider: "provider-3", client: undefined, account: undefined, ended: false, after: "8", limit: 50 };
  const { id } = await keepOne(vault, `one-${randomBytes(8).toString("hex")}`);
  const wish = { issuer: benchIssuer, send, lostAnswer: "reauthenticate", isUse: false } as const;
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
