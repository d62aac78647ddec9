// Everything real, started for one suite: the OpenID provider and Cambio with cambio.example.yaml, both on free ports. Tests say
// what differs (environment, configuration, seams) and get addresses, credentials, codes and the log.

import { readFileSync } from "node:fs";
import { basic, newPkce } from "../../examples/clients.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { type Seams, startService } from "../../src/service.ts";
import type { Canary } from "./canary.ts";
import { noLimits } from "./fake-stack.ts";
import { createRunCanary } from "./run-canary.ts";
import { type IdentityProvider, startIdentityProvider } from "./identity-provider.ts";

export interface TestStackOptions {
  /** Added to, or put instead of, the variables that cambio.example.yaml is filled from. */
  readonly env?: Readonly<Record<string, string>>;
  /** Changes what was loaded, for what the example file does not leave open. */
  readonly change?: (configuration: Configuration) => Configuration;
  readonly seams?: Partial<Omit<Seams, "logDestination">>;
  /** Where the page lives; nothing needs to listen there. */
  readonly webOrigin?: string;
  /** Default: 3600. */
  readonly accessTokenSeconds?: number;
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface TestStack {
  readonly url: string;
  readonly port: number;
  readonly identityProvider: IdentityProvider;
  readonly configuration: Configuration;
  readonly webOrigin: string;
  /** Knows the secrets of this stack. What it was told of is searched, with the log and the metrics, when the stack is closed. */
  readonly canary: Canary;
  readonly secrets: { readonly orders: string; readonly backend: string; readonly provider: string };
  /** Everything that was logged so far, as it was written. */
  logText(): string;
  logLines(): readonly LogLine[];
  /** The `authorization` header of the service `orders` or `backend`. */
  authorization(service: "orders" | "backend"): string;
  /** Signs a user in for the client `web` and comes back with a code that nobody redeemed yet. */
  newCode(user?: string): Promise<FreshCode>;
  close(): Promise<void>;
}

export interface FreshCode {
  readonly code: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly issuer: string;
}

const exampleFile = new URL("../../cambio.example.yaml", import.meta.url).pathname;

// Secrets with a word in them that is nowhere else, so that a search through everything written finds a leak.
const secrets = {
  provider: "provider-secret-canary-0123456789",
  orders: "orders-secret-canary-0123456789",
  backend: "backend-secret-canary-0123456789",
};

export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const webOrigin = options.webOrigin ?? "http://localhost:5173";
  const redirectUri = `${webOrigin}/callback`;
  const backendRedirectUri = "http://localhost/backend/callback";
  const canary = createRunCanary();
  const parts = new AsyncDisposableStack();
  try {
    const identityProvider = await startIdentityProvider({
      clients: [
        {
          id: "cambio",
          secret: secrets.provider,
          redirectUris: [redirectUri, backendRedirectUri, "http://127.0.0.1/callback"],
          native: true,
        },
      ],
      ...(options.accessTokenSeconds === undefined ? {} : { accessTokenSeconds: options.accessTokenSeconds }),
    });
    parts.defer(() => identityProvider.close());
    const env = {
      CAMBIO_HOST: "localhost",
      PORT: "0",
      CAMBIO_ISSUER: identityProvider.issuer,
      CAMBIO_CLIENT_SECRET: secrets.provider,
      CAMBIO_SEALING_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64url"),
      CORPORATE_CLIENT_SECRET: "corporate-secret-canary-0123456789",
      ORDERS_AUDIENCE: "https://orders.example",
      ORDERS_SECRET: secrets.orders,
      BACKEND_SECRET: secrets.backend,
      BACKEND_REDIRECT_URI: backendRedirectUri,
      WEB_ORIGIN: webOrigin,
      WEB_REDIRECT_URI: redirectUri,
      ...options.env,
    };
    const loaded = loadConfiguration({ path: exampleFile, env, readFile: (path) => readFileSync(path, "utf8") });
    const roomy = { ...loaded, limits: noLimits };
    const configuration = options.change?.(roomy) ?? roomy;
    const written: string[] = [];
    const audited: string[] = [];
    const service = await startService(configuration, {
      ...options.seams,
      logDestination: { write: (line) => written.push(line) },
      auditDestination: { write: (lines) => audited.push(lines) },
      auditGatherMs: 0,
    });
    parts.defer(() => service.close());
    for (const name of [
      "CAMBIO_CLIENT_SECRET",
      "CAMBIO_SEALING_KEY",
      "CORPORATE_CLIENT_SECRET",
      "ORDERS_SECRET",
      "BACKEND_SECRET",
    ] as const) {
      canary.register(name, env[name]);
    }
    const running = parts.move();
    const url = `http://localhost:${service.port}`;
    return {
      url,
      port: service.port,
      identityProvider,
      configuration,
      webOrigin,
      canary,
      secrets,
      logText: () => written.join(""),
      logLines: () => written.map((line) => JSON.parse(line) as LogLine),
      authorization: (name) => basic(name, secrets[name]),
      newCode: async (user) => {
        const fresh = await newCode({ url, webOrigin, redirectUri, identityProvider }, user);
        canary.register("code", fresh.code);
        canary.register("verifier", fresh.codeVerifier);
        canary.register("state", fresh.state);
        return fresh;
      },
      async close() {
        canary.saw("/metrics", await (await fetch(`${url}/metrics`)).text());
        await running.disposeAsync();
        canary.saw("the log", written.join(""));
        canary.saw("the audit trail", audited.join(""));
        canary.assertSilence();
      },
    };
  } catch (failure) {
    await parts.disposeAsync();
    throw failure;
  }
}

interface Page {
  readonly url: string;
  readonly webOrigin: string;
  readonly redirectUri: string;
  readonly identityProvider: IdentityProvider;
}

async function newCode({ url, webOrigin, redirectUri, identityProvider }: Page, user = "alice"): Promise<FreshCode> {
  const { verifier, challenge } = await newPkce();
  const response = await fetch(`${url}/cambio.v1.TokenExchangeService/CreateAuthorizationUrl`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: webOrigin },
    body: JSON.stringify({ clientId: "web", redirectUri, codeChallenge: challenge }),
  });
  const start = (await response.json()) as { authorizationUrl?: string; code?: string };
  if (start.authorizationUrl === undefined) throw new Error(`CreateAuthorizationUrl failed: ${start.code}`);
  const { code, state, iss } = await identityProvider.login(start.authorizationUrl, { login: user });
  return { code, codeVerifier: verifier, redirectUri, state, issuer: iss };
}
