// The demo's parts, started together: a real OpenID provider and Cambio, configured by demo.yaml, everything in this process.
// What is done with them is in demo.ts and dev.ts; the page is served by page-server.ts.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
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
  /** Made at start. */
  readonly secrets: { readonly orders: string; readonly backend: string };
  close(): Promise<void>;
}

const configurationFile = join(import.meta.dirname, "demo.yaml");

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const origin = options.webOrigin ?? "http://localhost:5173";
  const secrets = { storefront: newSecret(), orders: newSecret(), backend: newSecret() };
  const parts = new AsyncDisposableStack();
  try {
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
    const configuration = loadConfiguration({
      path: configurationFile,
      env: {
        PORT: String(options.port ?? 0),
        ISSUER: identityProvider.issuer,
        WEB_ORIGIN: origin,
        STOREFRONT_SECRET: secrets.storefront,
        ORDERS_SECRET: secrets.orders,
        BACKEND_SECRET: secrets.backend,
      },
      readFile: (path) => readFileSync(path, "utf8"),
    });
    const service = await startService(configuration, options.seams);
    parts.defer(() => service.close());
    const running = parts.move();
    return {
      url: `http://localhost:${service.port}`,
      identityProvider,
      web: { origin, redirectUri: `${origin}/callback` },
      secrets,
      close: () => running.disposeAsync(),
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

function newSecret(): string {
  return randomBytes(24).toString("base64url");
}
