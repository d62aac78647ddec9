// All of the dashboard, started in the order in which the parts need each other: the front (whose address is everybody's issuer),
// Better Auth, Cambio, the backend. Each but the front is a process of its own.

import { join } from "node:path";
import type { PartName } from "./front-answers.ts";
import { createFront } from "./front.ts";
import { createJsonLog } from "./json-log.ts";
import { keptSecrets } from "./kept-secrets.ts";
import { buildPage } from "./page-files.ts";
import { createPart, type Part, type PartOptions } from "./part.ts";
import { listen } from "./serve.ts";

export interface DashboardOptions {
  /** Of the one address; 0: any free one. */
  readonly port: number;
  /** Databases and secrets are kept here. */
  readonly folder: string;
  /** The application's own registration at Discord. Undefined: the page does not offer it. */
  readonly discord?: DiscordApplication | undefined;
  /** What is run as Cambio, by its configuration, with the variables that it names. */
  readonly cambio: (configuration: string) => PartOptions["command"];
  /** A part is healthy. */
  report(part: string, url: string): void;
  /** A line that a part wrote. */
  onLine(part: PartName | "front", line: string): void;
}

export interface DiscordApplication {
  readonly clientId: string;
  readonly clientSecret: string;
  /** As registered there. Default: `/auth/discord` at the one address. */
  readonly redirectUri?: string | undefined;
}

export interface Dashboard {
  readonly url: string;
  readonly parts: Readonly<Record<PartName, Part>>;
  close(): Promise<void>;
}

export const realCambio = (configuration: string): PartOptions["command"] => [
  join(import.meta.dirname, "../../src/cli/cambio.mjs"),
  "serve",
  configuration,
];

/** The backend's name in tokens. */
const audience = "https://backend.dashboard.example";

/** @throws Error naming the part that did not become healthy, and why */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { folder, report, onLine, discord } = options;
  const secrets = keptSecrets(folder);
  const started = new Map<PartName, Part>();
  const running = new AsyncDisposableStack();

  async function start(name: PartName, part: Omit<PartOptions, "name" | "onLine">): Promise<Part & { address: string }> {
    const created = createPart({ ...part, name, onLine: (line) => onLine(name, line) });
    running.defer(() => created.stop());
    const address = await created.start();
    started.set(name, created);
    report(name, address);
    return { ...created, address };
  }

  try {
    const log = createJsonLog("front", (line) => onLine("front", line.trimEnd()));
    const front = await listen(
      createFront(await buildPage({ discord: discord !== undefined }), (part) => started.get(part)?.url(), log),
      options.port,
    );
    running.defer(() => front.close());
    report("front", front.url);

    const auth = await start("auth", {
      command: [join(import.meta.dirname, "auth-server.ts")],
      env: { PUBLIC_URL: front.url, AUTH_SECRET: secrets.auth, DATABASE_FILE: join(folder, "accounts.sqlite") },
      healthPath: "/api/auth/ok",
    });
    const cambio = await start("cambio", {
      command: options.cambio(join(import.meta.dirname, discord === undefined ? "cambio.yaml" : "cambio-discord.yaml")),
      env: {
        PUBLIC_URL: front.url,
        AUTH_URL: auth.address,
        AUDIENCE: audience,
        CAMBIO_SEALING_KEY: secrets.sealing,
        DATABASE_FILE: join(folder, "cambio.sqlite"),
        ...(discord === undefined ? {} : discordVariables(discord, front.url)),
      },
      healthPath: "/readyz",
    });
    const backend = await start("backend", {
      command: [join(import.meta.dirname, "backend.ts")],
      env: {
        PUBLIC_URL: front.url,
        CAMBIO_ISSUER: front.url,
        CAMBIO_JWKS_URL: `${cambio.address}/.well-known/jwks.json`,
        AUDIENCE: audience,
      },
      healthPath: "/healthz",
    });
    const parts = running.move();
    return { url: front.url, parts: { auth, cambio, backend }, close: () => parts.disposeAsync() };
  } catch (failure) {
    await running.disposeAsync();
    throw failure;
  }
}

function discordVariables({ clientId, clientSecret, redirectUri }: DiscordApplication, url: string): Readonly<Record<string, string>> {
  return {
    DISCORD_CLIENT_ID: clientId,
    DISCORD_CLIENT_SECRET: clientSecret,
    DISCORD_REDIRECT_URI: redirectUri ?? `${url}/auth/discord`,
  };
}
