// The configuration that all killed replicas share, as files of an operator: a signing key that is read from one, handles that stand
// for the sessions of an application.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { page } from "../support/fake-stack.ts";

export interface ConfigurationFile {
  readonly path: string;
  remove(): Promise<void>;
}

export interface Places {
  /** Base URL of the application that keeps the sessions. */
  readonly site: string;
  /** URL of the PostgreSQL database. */
  readonly database: string;
}

/** One address asks for everybody, as fast as it can. */
export const roomy = {
  services: 1_000_000,
  public_clients: 1_000_000,
  addresses: 1_000_000,
  client_failures: 1_000_000,
  address_failures: 100_000,
  provider_failures: 1_000_000,
};

export async function writeConfiguration({ site, database }: Places): Promise<ConfigurationFile> {
  const folder = await mkdtemp(join(tmpdir(), "cambio-crash-"));
  const pem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
  const files = {
    signing: pem,
    sealing: randomBytes(32).toString("base64url"),
    "cambio.yaml": stringify({
      server: { issuer: "https://cambio.example.com", host: "127.0.0.1", port: 0 },
      sealing: { keys: [{ id: "1", key_file: "sealing" }] },
      database: { url: database, migrate_at_start: true },
      signing: { keys: [{ private_key_file: "signing" }] },
      limits: roomy,
      providers: { site: { kind: "better-auth", issuer: site } },
      audiences: {
        backend: {
          accepts: { cambio: { identifiers: ["https://backend.example.com"], clients: ["shop"] } },
          mint: { from: { site: { scopes: ["orders:read"] } } },
        },
      },
      clients: {
        shop: {
          kind: "browser",
          origins: [page],
          methods: ["Exchange", "Refresh"],
          providers: { site: { audiences: ["backend"], scopes: ["orders:read"], exchanged_refresh_tokens: true } },
        },
      },
    }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  return { path: join(folder, "cambio.yaml"), remove: () => rm(folder, { recursive: true, force: true }) };
}
