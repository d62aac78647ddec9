// A service that keeps sign-ins, once or several times, in front of strict fakes of OpenAI and Discord. `cli` and `tool` sign in at OpenAI
// and keep connections; `web`, a page, keeps them at Discord and gets tokens of this service's own; `site`, another page, gets a handle
// there, and `shop` a cookie. The service `worker` may use what `cli` and `web` keep; `stranger`, `backend` and `guest` may not.
// The clock stands still until a test moves it. All that was written is searched for secrets when the stack is closed.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { basic, newPkce } from "../../examples/clients.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Configuration } from "../../src/config/schema.ts";
import type { Method } from "../../src/exchange/clients.ts";
import type { Secret } from "../../src/exchange/secret.ts";
import { defaultLimits } from "../../src/transport/limits.ts";
import type { Canary } from "./canary.ts";
import { type FakeDiscord, type FakeDiscordOptions, startFakeDiscord } from "./fake-discord.ts";
import { type FakeOpenAi, type FakeOpenAiOptions, startFakeOpenAi } from "./fake-openai.ts";
import { type Answer, type Instance, noLimits, page, startInstance } from "./fake-stack.ts";
import { createRunCanary } from "./run-canary.ts";
import { type VaultAddresses, vaultDocument, vaultSecrets } from "./vault-document.ts";

export interface VaultStackOptions {
  /** Default: 1. All share the providers, the database and the Redis. */
  readonly instances?: number;
  readonly redis?: Secret;
  /** Address of a PostgreSQL database. Default: a SQLite file. */
  readonly databaseUrl?: string;
  readonly discord?: Omit<FakeDiscordOptions, "clock">;
  readonly openai?: Omit<FakeOpenAiOptions, "clock">;
  /** Default: none that a test meets. */
  readonly limits?: Configuration["limits"];
  /** Adds to what is written down. */
  readonly written?: Readonly<Record<string, unknown>>;
}

/** Who signs in, and how calls are made as that client. */
export type VaultClient = "cli" | "tool" | "web" | "site" | "shop";
export type VaultService = keyof typeof vaultSecrets.services;

export interface SignInOptions {
  /** Default: whom the provider takes to sit there. */
  readonly user?: string;
  readonly at?: Instance;
}

export interface VaultStack {
  readonly openai: FakeOpenAi;
  readonly discord: FakeDiscord;
  readonly cambio: Instance;
  readonly instances: readonly Instance[];
  readonly time: { nowMs: number };
  readonly canary: Canary;
  /** Holds the configuration as a file, for commands, and all that is written but the database of a PostgreSQL. */
  readonly folder: string;
  readonly file: string;
  /** A code that nobody redeemed yet, as the client would send it. */
  begin(client: VaultClient, options?: SignInOptions): Promise<object>;
  signIn(client: VaultClient, options?: SignInOptions): Promise<Answer>;
  as(client: VaultClient | VaultService, method: Method, message: object, at?: Instance): Promise<Answer>;
  /** The headers by which that client speaks. */
  headersOf(client: VaultClient | VaultService): Readonly<Record<string, string>>;
  /** One more replica. Whoever asks for it closes it. */
  another(): Promise<Instance>;
  close(): Promise<void>;
}

const redirectUris: Readonly<Record<VaultClient, string>> = {
  cli: "http://localhost:1455/auth/callback",
  tool: "http://localhost:1455/auth/callback",
  web: `${page}/callback`,
  site: `${page}/callback`,
  shop: `${page}/callback`,
};

export async function startVaultStack(options: VaultStackOptions = {}): Promise<VaultStack> {
  const time = { nowMs: Date.now() };
  const clock = () => time.nowMs;
  const canary = createRunCanary();
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "cambio-vault-stack-"));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const discord = await startFakeDiscord({ redirectUris: [`${page}/callback`], ...options.discord, clock });
  parts.defer(() => discord.close());
  const openai = await startFakeOpenAi({ expiresIn: 3_600, ...options.openai, clock });
  parts.defer(() => openai.close());
  const addresses: VaultAddresses = { folder, openai, discord, redis: options.redis?.reveal(), databaseUrl: options.databaseUrl };
  const text = stringify({ ...vaultDocument(addresses), ...options.written });
  const file = join(folder, "cambio.yaml");
  const configuration = { ...read(file, text), limits: options.limits ?? noLimits };
  const another = () => startInstance(configuration, { clock, canary, limits: defaultLimits, onAudit: undefined });
  const instances: Instance[] = [];
  for (let number = 1; number <= (options.instances ?? 1); number += 1) {
    const instance = await another();
    parts.defer(() => instance.close());
    instances.push(instance);
  }
  const [cambio] = instances as [Instance];
  for (const secret of secretsOf(discord)) canary.register("secret", secret);
  const running = parts.move();

  const headersOf: VaultStack["headersOf"] = (client) => {
    if (Object.hasOwn(vaultSecrets.services, client))
      return { authorization: basic(client, vaultSecrets.services[client as VaultService]) };
    return ["cli", "tool"].includes(client) ? {} : { origin: page };
  };
  const as: VaultStack["as"] = (client, method, message, at = cambio) =>
    at.rpc(method, Object.hasOwn(vaultSecrets.services, client) ? message : { clientId: client, ...message }, headersOf(client));

  const begin: VaultStack["begin"] = async (client, { user, at } = {}) => {
    const { verifier, challenge } = await newPkce();
    const redirectUri = redirectUris[client];
    const begun = await as(client, "CreateAuthorizationUrl", { redirectUri, codeChallenge: challenge }, at);
    if (begun.status !== 200) throw new Error(`CreateAuthorizationUrl failed: ${JSON.stringify(begun.body)}`);
    const provider = client === "cli" || client === "tool" ? openai : discord;
    if (user !== undefined) provider.signedIn(user);
    const { code, state } = await provider.login(String(begun.body["authorizationUrl"]));
    canary.register("verifier", verifier);
    canary.register("state", state);
    return { authorizationCode: { code, state, redirectUri, codeVerifier: verifier } };
  };

  return {
    openai,
    discord,
    cambio,
    instances,
    time,
    canary,
    folder,
    file,
    another,
    as,
    headersOf,
    begin,
    signIn: async (client, more = {}) => as(client, "Exchange", await begin(client, more), more.at),
    async close() {
      for (const instance of instances) await instance.close();
      canary.saw("the configuration's folder", everythingIn(folder));
      await running.disposeAsync();
      for (const secret of [...openai.issued, ...discord.issued]) canary.register("code or token", secret);
      canary.assertSilence();
    },
  };
}

function read(path: string, text: string): Configuration {
  return loadConfiguration({ path, env: {}, readFile: (asked) => (asked === path ? text : readFileSync(asked, "utf8")) });
}

function secretsOf(discord: FakeDiscord): readonly string[] {
  return [vaultSecrets.sealing, ...Object.values(vaultSecrets.services), discord.client.secret ?? ""];
}

/** The names and contents of all files, as bytes. */
export function everythingIn(folder: string): string {
  if (!existsSync(folder)) return "";
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), "latin1")}`).join("\n");
}

export const tokensOf = ({ body }: Answer) => (body["tokens"] ?? {}) as Readonly<Record<string, string | undefined>>;
