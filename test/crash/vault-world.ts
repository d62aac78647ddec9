// All that the killed replicas stand between: three strict providers, a real PostgreSQL, a real Redis, three places, and what can be asked
// of them from beside.

import { setTimeout as sleep } from "node:timers/promises";
import { type FakeJsonProvider, startFakeJsonProvider } from "../support/fake-json-provider.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { upstreamMs } from "./deaths.ts";
import { accessSeconds, type FakeProviders, type ProviderName, redirectUriOf, writeVaultConfigurations } from "./vault-configuration.ts";
import { placeCount, startPlaces, type VaultPlaces } from "./vault-places.ts";

/** How long a token may be shown again: shorter than anybody waits for a process without an outcome, and longer than any run. */
const repeatsMs: Readonly<Record<ProviderName, number>> = { strict: 0, brief: 1_000, forgiving: 24 * 3_600_000 };

export interface VaultRow {
  readonly id: string;
  readonly kept: boolean;
  readonly generation: number;
  readonly ended: string | null;
}

export interface VaultWorld {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly providers: FakeProviders;
  readonly places: VaultPlaces;
  rows(): Promise<readonly VaultRow[]>;
  close(): Promise<void>;
}

export async function startVaultWorld(): Promise<VaultWorld> {
  const parts = new AsyncDisposableStack();
  try {
    // Each of up to fifteen processes may hold ten.
    const postgres = await startPostgres({ maxConnections: 200 });
    parts.defer(() => postgres.stop());
    const redis = await startRedisServer();
    parts.defer(() => redis.stop());
    const provider = async (name: ProviderName): Promise<FakeJsonProvider> => {
      const times = { repeatMs: repeatsMs[name] };
      const fake = await startFakeJsonProvider({ expiresIn: accessSeconds, redirectUris: [redirectUriOf(name)], times });
      parts.defer(() => fake.close());
      fake.faults.always("token", { kind: "slow", ms: upstreamMs });
      return fake;
    };
    const providers = { strict: await provider("strict"), forgiving: await provider("forgiving"), brief: await provider("brief") };
    const written = { database: postgres.url.reveal(), redis: redis.url.reveal(), providers };
    const files = await writeVaultConfigurations(placeCount, written);
    parts.defer(() => files.remove());
    const places = await startPlaces(files);
    parts.defer(() => places.close());
    const running = parts.move();
    return { postgres, redis, providers, places, rows: () => rowsOf(postgres), close: () => running.disposeAsync() };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

/** Also while the database is being started again. */
async function rowsOf(postgres: PostgresServer): Promise<readonly VaultRow[]> {
  for (let tries = 0; ; tries += 1) {
    try {
      const rows = await postgres.query("select id, kept, generation, ended_reason from connections");
      return rows.map(({ id, kept, generation, ended_reason: ended }) => ({
        id: String(id),
        kept: Number(kept) === 1,
        generation: Number(generation),
        ended: typeof ended === "string" ? ended : null,
      }));
    } catch (failure) {
      if (tries === maxTries) throw failure;
      await sleep(retryMs);
    }
  }
}

const maxTries = 50;
const retryMs = 200;
