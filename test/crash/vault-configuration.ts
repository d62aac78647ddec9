// The configuration of the three places: they share everything but the folder of their spool. Two services share what they keep of their
// users' sign-ins; a native client holds handles.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { FakeJsonProvider } from "../support/fake-json-provider.ts";
import { roomy } from "./configuration-file.ts";

export const redirectUriOf = (provider: ProviderName): string => `http://127.0.0.1/callback/${provider}`;
export const services = { web: "web-secret-canary-0123456789", worker: "worker-secret-canary-0123456789" } as const;
/** Access tokens that a caller is not given twice: of less than a minute. */
export const accessSeconds = 50;

/**
 * strict: a token is good once, and whoever has lost the answer has lost the grant. forgiving: a token may be shown again. brief: likewise,
 * but not for long.
 */
export type ProviderName = "strict" | "forgiving" | "brief";
export type FakeProviders = Readonly<Record<ProviderName, FakeJsonProvider>>;

export interface VaultConfigurations {
  /** One for each place. */
  readonly paths: readonly string[];
  /** The same for those who sleep: their callers wait as long as any may. */
  readonly patient: readonly string[];
  remove(): Promise<void>;
}

export interface VaultParts {
  readonly database: string;
  readonly redis: string;
  readonly providers: FakeProviders;
}

const scopes = ["user:profile", "user:inference"];

export async function writeVaultConfigurations(count: number, { database, redis, providers }: VaultParts): Promise<VaultConfigurations> {
  const folder = await mkdtemp(join(tmpdir(), "cambio-crash-"));
  await writeFile(join(folder, "sealing"), randomBytes(32).toString("base64url"), { mode: 0o600 });
  const configuration = {
    server: { host: "127.0.0.1", port: 0 },
    log: { level: "warn" },
    sealing: { keys: [{ id: "1", key_file: "sealing" }] },
    redis: { url: redis },
    database: { url: database, migrate_at_start: true },
    limits: roomy,
    providers: {
      strict: configured(providers.strict, "reauthenticate"),
      forgiving: configured(providers.forgiving, "retry_once"),
      brief: configured(providers.brief, "retry_once"),
    },
    clients: {
      web: {
        kind: "service",
        secrets: [services.web],
        methods: ["CreateAuthorizationUrl", "Exchange", "Refresh"],
        providers: everywhere((name) => ({ redirect_uris: [redirectUriOf(name)], scopes, connections: true })),
      },
      worker: {
        kind: "service",
        secrets: [services.worker],
        methods: ["Refresh"],
        providers: everywhere(() => ({ scopes, connections_of: ["web"] })),
      },
      app: {
        kind: "native",
        methods: ["CreateAuthorizationUrl", "Exchange", "Refresh"],
        providers: everywhere((name) => ({ redirect_uris: [redirectUriOf(name)], scopes })),
      },
    },
  };
  const write = (name: string, deadline: string): Promise<readonly string[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, place) => {
        const path = join(folder, `${name}-${place}.yaml`);
        const server = { ...configuration.server, deadline };
        const vault = { spool: `spool-${place}`, in_doubt: "0s" };
        await writeFile(path, stringify({ ...configuration, server, vault }), { mode: 0o600 });
        return path;
      }),
    );
  const [paths, patient] = [await write("place", "5s"), await write("sleeper", "2m")];
  return { paths, patient, remove: () => rm(folder, { recursive: true, force: true }) };
}

function configured({ origin, endpoints, client }: FakeJsonProvider, lostAnswer: "reauthenticate" | "retry_once") {
  return {
    kind: "custom",
    issuer: origin,
    client: { id: client.id, authentication: "none" },
    endpoints,
    requests: { code: "json", refresh: "json", revocation: "json" },
    code_state: true,
    user: { claims: { id: "account.id", username: "account.login" } },
    accounts: true,
    lost_answer: lostAnswer,
    refresh_ahead: "1m",
    timeout: "10s",
  };
}

function everywhere<T>(settings: (name: ProviderName) => T): Readonly<Record<ProviderName, T>> {
  return { strict: settings("strict"), forgiving: settings("forgiving"), brief: settings("brief") };
}
