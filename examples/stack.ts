// The demo's parts, started together: a real OpenID provider and Cambio, configured by demo.yaml, everything in this process.
// What is done with them is in demo.ts and dev.ts; the page is served by page-server.ts.

import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfiguration } from "../src/config/load.ts";
import { type Seams, startService } from "../src/service.ts";
import { type IdentityProvider, startIdentityProvider } from "../test/support/identity-provider.ts";

export interface StackOptions {
  /** Where the page that calls is served. Default: an address that nothing listens on, for those who only play the page. */
  readonly webOrigin?: string;
  /** Default: 0, any free one. */
  readonly port?: number;
  /** Default: 0, any free one. */
  readonly providerPort?: number;
  readonly seams?: Partial<Seams>;
}

export interface Stack {
  /** Cambio's address, without a slash at the end. */
  readonly url: string;
  readonly identityProvider: IdentityProvider;
  readonly web: { readonly origin: string; readonly redirectUri: string };
  /** Where database and audit trail are, until it is closed. */
  readonly folder: string;
  /** What the configuration file is filled from: for commands that read it as well. */
  readonly environment: Readonly<Record<string, string>>;
  /** Made at start. */
  readonly secrets: { readonly orders: string; readonly backend: string };
  close(): Promise<void>;
}

export const configurationFile = join(import.meta.dirname, "demo.yaml");

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const origin = options.webOrigin ?? "http://localhost:5173";
  const secrets = { storefront: newSecret(), orders: newSecret(), backend: newSecret() };
  const parts = new AsyncDisposableStack();
  try {
    const folder = mkdtempSync(join(tmpdir(), "cambio-demo-"));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    const identityProvider = await startIdentityProvider({
      clients: [
        {
          id: "storefront",
          secret: secrets.storefront,
          redirectUris: [`${origin}/callback`, "http://127.0.0.1/callback", "http://localhost/backend/callback"],
          native: true,
        },
      ],
      ...(options.providerPort === undefined ? {} : { port: options.providerPort }),
    });
    parts.defer(() => identityProvider.close());
    const environment = {
      PORT: String(options.port ?? 0),
      ISSUER: identityProvider.issuer,
      FOLDER: folder,
      SEALING_KEY: randomBytes(32).toString("base64url"),
      WEB_ORIGIN: origin,
      STOREFRONT_SECRET: secrets.storefront,
      ORDERS_SECRET: secrets.orders,
      BACKEND_SECRET: secrets.backend,
    };
    const configuration = loadConfiguration({ path: configurationFile, env: environment, readFile: readText });
    const service = await startService(configuration, options.seams);
    parts.defer(() => service.close());
    const running = parts.move();
    return {
      url: `http://localhost:${service.port}`,
      identityProvider,
      web: { origin, redirectUri: `${origin}/callback` },
      folder,
      environment,
      secrets,
      close: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}

function newSecret(): string {
  return randomBytes(24).toString("base64url");
}
