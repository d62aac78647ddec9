// The operations as the service wires them, over a database, with strict fakes of Discord and OpenAI on real sockets and a clock that
// stands still: for what is kept of sign-ins. Discord's users get tokens of this service's own, OpenAI's their provider's.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { configurationSchema } from "../../src/config/schema.ts";
import type { Client } from "../../src/exchange/clients.ts";
import type { ExchangeAnswer, ExchangeQuestion } from "../../src/exchange/exchange.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { TokenSet } from "../../src/exchange/tokens.ts";
import type { KeptAccount } from "../../src/exchange/vault-ports.ts";
import type { Operations } from "../../src/rpc/register.ts";
import { createLog } from "../../src/telemetry/log.ts";
import type { AccountRow } from "../../src/store/tables.ts";
import { openSqlite } from "../../src/store/open-sqlite.ts";
import { createAccountOrders } from "../../src/vault/account-orders.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { type Core, wireCore } from "../../src/wiring/core.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";
import { codeChallenge, codeVerifier } from "../support/configured-provider.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeDiscord, type FakeDiscordUser, startFakeDiscord, usualDiscordUser } from "../support/fake-discord.ts";
import { type FakeOpenAi, startFakeOpenAi } from "../support/fake-openai.ts";
import { recordingAudit, silentTrail } from "./fixtures.ts";

export const ownIssuer = "https://cambio.example";
export const nelly = usualDiscordUser;
/** Another user with the same address, which proves nothing. */
export const mallory: FakeDiscordUser = { ...usualDiscordUser, id: "99", username: "mallory", global_name: "Mallory" };

const redirectUri = (client: string, provider: string) => `https://${client}.example/${provider}`;
const methods = ["Exchange", "Refresh", "CreateAuthorizationUrl", "Revoke", "GetAccount"];
const page = (id: string) => ({ kind: "browser", origins: [`https://${id}.example`], methods });
const discordGrant = (id: string) => ({
  redirect_uris: [redirectUri(id, "discord")],
  scopes: ["identify", "email"],
  audiences: ["backend"],
});
const openAiScopes = ["openid", "profile", "email", "offline_access"];
const openAiGrant = (id: string) => ({ redirect_uris: [redirectUri(id, "openai")], scopes: openAiScopes });

const clients = {
  /** Its sign-ins are kept by an id. */
  web: {
    ...page("web"),
    providers: { discord: { ...discordGrant("web"), connections: true }, openai: { ...openAiGrant("web"), connections: true } },
  },
  /** Gets handles. */
  plain: { ...page("plain"), providers: { discord: discordGrant("plain"), openai: openAiGrant("plain") } },
  other: { ...page("other"), providers: { discord: { ...discordGrant("other"), connections: true } } },
  worker: {
    kind: "service",
    secrets: ["worker-secret-0123"],
    methods,
    audiences: ["backend"],
    providers: {
      discord: { scopes: ["identify", "email"], audiences: ["backend"], connections_of: ["web"] },
      openai: { scopes: openAiScopes, connections_of: ["web"] },
    },
  },
  /** May use nobody's. */
  loner: {
    kind: "service",
    secrets: ["loner-secret-01234"],
    methods,
    audiences: ["backend"],
    providers: { discord: { ...discordGrant("loner") }, openai: openAiGrant("loner") },
  },
};

export type ClientId = keyof typeof clients;
export type ProviderName = "discord" | "openai";

export interface AccountRig {
  readonly core: Core;
  readonly operations: Operations;
  readonly clock: FrozenClock;
  readonly discord: FakeDiscord;
  readonly openai: FakeOpenAi;
  client(id: ClientId): Client;
  /** The code of whoever sits in front of the provider's page, as the client got it. */
  code(id: ClientId, provider: ProviderName): Promise<ExchangeQuestion>;
  /** A whole sign-in. */
  signIn(id: ClientId, provider: ProviderName, given?: Partial<ExchangeQuestion>): Promise<ExchangeAnswer>;
  /** By its id, or by what it was answered. */
  refreshConnection(id: ClientId, connectionId: string, userToken?: Secret): ReturnType<Operations["refreshConnection"]>;
  refresh(id: ClientId, handle: Secret | undefined, scopes?: readonly string[]): ReturnType<Operations["refresh"]>;
  revokeConnection(id: ClientId, connectionId: string, userToken?: Secret): ReturnType<Operations["revokeConnection"]>;
  getAccount(id: ClientId, token: Secret, fresh?: boolean): ReturnType<Operations["getAccount"]>;
  account(user: { readonly id: string }): Promise<KeptAccount | undefined>;
  /** The row alone says so: what it does to tokens that are out is another matter. */
  disable(user: { readonly id: string }): Promise<void>;
  /** The same, to whoever signs in from then on, at the moment at which the sign-in is kept. */
  disableWhenKept(): Promise<void>;
  /** As whoever can write to the database. */
  tamper(user: { readonly id: string }, set: Partial<AccountRow>): Promise<void>;
  /** Discord's name becomes another issuer's, whose users have the ids that Discord's have. */
  reissue(issuer: string): void;
  /** Puts the configuration into force with these keys of some clients put over it. */
  reconfigure(given: Readonly<Partial<Record<ClientId, Readonly<Record<string, unknown>>>>>): void;
  /** Time passes, and what is known of revocations is as new as before. */
  later(ms: number): Promise<void>;
  readonly close: () => Promise<void>;
}

const proofOf = (token: Secret | undefined) => (token === undefined ? undefined : ({ kind: "token", token } as const));

export const patience = () => AbortSignal.timeout(10_000);

export const claimsOf = ({ accessToken }: Pick<TokenSet, "accessToken">): Record<string, unknown> =>
  JSON.parse(Buffer.from(accessToken.reveal().split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

export async function startAccountRig(): Promise<AccountRig> {
  const clock = frozenClock();
  const folder = await mkdtemp(join(tmpdir(), "cambio-accounts-"));
  const redirectUris = Object.keys(clients).flatMap((id) => [redirectUri(id, "discord"), redirectUri(id, "openai")]);
  const [discord, openai] = await Promise.all([
    startFakeDiscord({ clock, expiresIn: 3_600, redirectUris, users: [nelly, mallory] }),
    startFakeOpenAi({ clock, expiresIn: 3_600, redirectUris }),
  ]);
  const { id, secret } = discord.client;
  const claims = { name: "name", preferred_username: "preferred_username", picture: "picture", email: "email" };
  const written = {
    server: { issuer: ownIssuer },
    signing: {},
    database: { file: join(folder, "cambio.db") },
    providers: {
      discord: { kind: "discord", client: { id, secret }, endpoints: discord.endpoints, subject_prefix: "discord:" },
      openai: {
        kind: "openai",
        issuer: openai.issuer,
        client: { id: openai.client.id },
        endpoints: openai.endpoints,
        subject_prefix: "openai:",
      },
    },
    audiences: {
      backend: {
        accepts: { cambio: { identifiers: ["urn:backend"], clients: ["web", "plain", "other"] } },
        mint: { from: { discord: { scope_map: { identify: ["identify"] }, claims }, openai: { claims: { name: "name" } } } },
      },
    },
    clients,
  };
  const metrics = createMetrics();
  const log = createLog({ level: "error", destination: { write: () => undefined } });
  const core = await wireCore(configurationSchema.parse(written), { clock, log, metrics, audit: recordingAudit(), keys: [masterKey("k")] });
  const { operations } = core;
  const database = openSqlite(join(folder, "cambio.db"));
  const orders = createAccountOrders({ database, keys: [], clock, subjectsOf: () => [] });
  const fakes = { discord, openai };

  function discordHere() {
    const found = core.current().providers.get("discord")?.provider;
    if (found === undefined) throw new Error("no such provider");
    return found;
  }

  const named = (client: ClientId, connectionId: string, token: Secret | undefined) => ({
    client: rig.client(client),
    provider: "",
    connectionId,
    proof: proofOf(token),
    trail: silentTrail(client),
  });

  const rig: AccountRig = {
    core,
    operations,
    clock,
    discord,
    openai,
    client(name) {
      const client = core.current().policy.clients.get(name);
      if (client === undefined) throw new Error("no such client");
      return client;
    },
    async code(name, provider) {
      const start = { client: rig.client(name), provider, redirectUri: redirectUri(name, provider), trail: silentTrail(name) };
      const wish = { scopes: [], audiences: [], codeChallenge, nonce: "", loginHint: "", prompt: "" };
      const { authorizationUrl, state } = await operations.authorize({ ...start, ...wish }, patience());
      const { code } = await fakes[provider].login(authorizationUrl);
      const shown = { code: new Secret(code), codeVerifier: new Secret(codeVerifier), state, nonce: "", issuer: "" };
      return { ...start, ...shown, audiences: [] };
    },
    signIn: async (name, provider, given = {}) => operations.exchange({ ...(await rig.code(name, provider)), ...given }, patience()),
    refreshConnection: (name, connectionId, token) => operations.refreshConnection(named(name, connectionId, token), patience()),
    revokeConnection: (name, connectionId, token) => operations.revokeConnection(named(name, connectionId, token), patience()),
    refresh: (name, handle, scopes = []) =>
      operations.refresh(
        { client: rig.client(name), provider: "", refreshToken: handle ?? new Secret("none came"), scopes, trail: silentTrail(name) },
        patience(),
      ),
    getAccount: (name, token, fresh = false) =>
      operations.getAccount(
        { client: rig.client(name), provider: "", subject: { kind: "token", token }, fresh, trail: silentTrail(name) },
        patience(),
      ),
    account: async (user) => core.storage.vault?.accounts.findByUser(discordHere(), user.id),
    async disable(user) {
      await orders.disable({ provider: "discord", issuer: discordHere().issuer, providerUserId: user.id });
    },
    async disableWhenKept() {
      const trigger = sql`create trigger disabling after insert on connections
        begin update accounts set disabled_at = ${sql.lit(clock())} where id = new.account_id; end`;
      await database.run((db) => trigger.execute(db));
    },
    async tamper(user, set) {
      await database.run((db) => db.updateTable("accounts").set(set).where("provider_user_id", "=", user.id).execute());
    },
    reissue(issuer) {
      const changed = { ...written.providers.discord, issuer };
      core.reload(configurationSchema.parse({ ...written, providers: { ...written.providers, discord: changed } }));
    },
    reconfigure(given) {
      const changed = Object.entries(clients).map(([name, usual]) => [name, { ...usual, ...given[name as ClientId] }]);
      core.reload(configurationSchema.parse({ ...written, clients: Object.fromEntries(changed) }));
    },
    async later(ms) {
      clock.advance(ms);
      await eventually("revocations are known", async () => {
        try {
          core.storage.revocations.check({ provider: "discord", id: "", subject: "", issuedAt: 0 });
          return true;
        } catch {
          return false;
        }
      });
    },
    close: async () => {
      await database.close();
      await core.close();
      metrics.close();
      await Promise.all([discord.close(), openai.close(), rm(folder, { recursive: true, force: true })]);
    },
  };
  return rig;
}
