// A service that keeps sign-ins, once or several times, in front of strict fakes of OpenAI and Discord. At OpenAI `cli` keeps connections
// and `tool` gets handles. At Discord, with tokens of this service's own, the page `web` and `phone` keep connections, `site` gets
// handles, and `shop` a cookie. The service `worker` may use what `cli` and `web` keep; `stranger`, `backend` and `guest` may not.
// The clock stands still until a test moves it. All that was written is searched for secrets when the stack is closed.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
import { eventually } from "./eventually.ts";
import { type Answer, type Instance, noLimits, page, reasonOf, startInstance } from "./fake-stack.ts";
import { createRunCanary } from "./run-canary.ts";
import { phoneRedirectUri, type VaultAddresses, vaultDocument, vaultSecrets } from "./vault-document.ts";

export interface VaultStackOptions {
  /** Default: 1. All share the providers, the database and the Redis. */
  readonly instances?: number;
  readonly redis?: Secret | undefined;
  /** Address of a PostgreSQL database. Default: a SQLite file. */
  readonly databaseUrl?: string | undefined;
  readonly discord?: Omit<FakeDiscordOptions, "clock">;
  readonly openai?: Omit<FakeOpenAiOptions, "clock">;
  /** Default: none that a test meets. */
  readonly limits?: Configuration["limits"];
  /** Adds to what is written down: sections, and keys of each of the providers. */
  readonly written?: Readonly<Record<string, object>>;
  readonly providers?: Readonly<Record<string, unknown>>;
}

/** Who signs in, and how calls are made as that client. */
export type VaultClient = "cli" | "tool" | "phone" | "web" | "site" | "shop";
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
  /** All that is written, but what stands in a PostgreSQL. */
  readonly folder: string;
  /** The configuration, for commands. */
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
  phone: phoneRedirectUri,
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
  const discord = await startFakeDiscord({ redirectUris: [`${page}/callback`, phoneRedirectUri], ...options.discord, clock });
  parts.defer(() => discord.close());
  const openai = await startFakeOpenAi({ expiresIn: 3_600, ...options.openai, clock });
  parts.defer(() => openai.close());
  const addresses: VaultAddresses = { folder, openai, discord, redis: options.redis?.reveal(), databaseUrl: options.databaseUrl };
  const elsewhere = mkdtempSync(join(tmpdir(), "cambio-vault-file-"));
  parts.defer(() => rmSync(elsewhere, { recursive: true, force: true }));
  const file = join(elsewhere, "cambio.yaml");
  writeFileSync(file, stringify(withMore(vaultDocument(addresses), options)));
  const loaded = loadConfiguration({ path: file, env: {}, readFile: (path) => readFileSync(path, "utf8") });
  const configuration = { ...loaded, limits: options.limits ?? noLimits };
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

  /** Right after the clock was moved, what is known of revocations is too old for any answer, and asking again is safe. */
  const as: VaultStack["as"] = async (client, method, message, at = cambio) => {
    const asked = Object.hasOwn(vaultSecrets.services, client) ? message : { clientId: client, ...message };
    let answer = await at.rpc(method, asked, headersOf(client));
    await eventually("what is known of revocations is fresh", async () => {
      if (reasonOf(answer) !== "STORE_UNAVAILABLE") return true;
      answer = await at.rpc(method, asked, headersOf(client));
      return false;
    });
    return answer;
  };

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
      canary.saw("database and spool", textsIn(folder));
      await running.disposeAsync();
      for (const secret of [...openai.issued, ...discord.issued]) canary.register("code or token", secret);
      canary.assertSilence();
    },
  };
}

function secretsOf(discord: FakeDiscord): readonly string[] {
  return [vaultSecrets.sealing, ...Object.values(vaultSecrets.services), discord.client.secret ?? ""];
}

function withMore(document: ReturnType<typeof vaultDocument>, { written = {}, providers = {} }: VaultStackOptions): object {
  const sections: Readonly<Record<string, object>> = document;
  const merged = Object.entries(written).map(([name, more]) => [name, { ...sections[name], ...more }]);
  const all = Object.entries(document.providers).map(([name, provider]) => [name, { ...provider, ...providers }]);
  return { ...document, ...Object.fromEntries(merged), providers: Object.fromEntries(all) };
}

function headersOf(client: VaultClient | VaultService): Readonly<Record<string, string>> {
  const secret = Object.entries(vaultSecrets.services).find(([service]) => service === client)?.[1];
  if (secret !== undefined) return { authorization: basic(client, secret) };
  return ["cli", "tool", "phone"].includes(client) ? {} : { origin: page };
}

/** What can be read in all files there, however binary they are: their names, and texts as long as a secret. */
export function textsIn(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ name, parentPath }) => [name, ...textsOf(readIfThere(join(parentPath, name)))].join("\n")).join("\n");
}

/** Every form in which a secret is looked for is written in these characters. */
export function textsOf(bytes: string): readonly string[] {
  return bytes.match(/[\x20-\x7e]{12,}/g) ?? [];
}

/** Files come and go while a service runs. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

export const tokensOf = ({ body }: Answer) => (body["tokens"] ?? {}) as Readonly<Record<string, string | undefined>>;
